"""What a team decides between, and by what: costs, and how sure it wants to be."""

from datetime import timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Action(StrEnum):
    """What to do; to stop is to call for people."""

    NOTHING = "nothing"
    RETRAIN = "retrain"
    STOP = "stop"


class Policy(BaseModel):
    """What a team decides by. Money is in one currency.

    Attributes:
        cooldown: Between the start of a run and that of the next.
        min_new_labels: Labelled rows that no run has learned from yet.
        retrains_per_week: Runs that may begin in any seven days.
        run_cost: Of one training run.
        value_of_a_second: Of one second less error of one prediction.
        recovered_share: Of the excess error, what a new model is assumed to save.
        assumed_gain: Of the expected error, what a new model is assumed to save where inputs moved and no label tells.
        gain_weeks: For how long.
        confirming_windows: Windows in a row that must be degraded: one bad day is no reason to learn it.
        silent_windows: Windows in a row whose labels are due and do not come, after which that is a fault.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cooldown: timedelta = timedelta(days=1)
    min_new_labels: int = Field(default=1_000, ge=0)
    retrains_per_week: int = Field(default=2, ge=0)
    run_cost: float = Field(default=2.0, ge=0)
    value_of_a_second: float = Field(default=0.0005, ge=0)
    recovered_share: float = Field(default=0.5, ge=0, le=1)
    assumed_gain: float = Field(default=0.02, ge=0, le=1)
    gain_weeks: float = Field(default=4.0, ge=0)
    confirming_windows: int = Field(default=2, ge=1)
    silent_windows: int = Field(default=2, ge=1)
