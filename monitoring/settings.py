"""What the monitor is told by its surroundings, beside ``components.platform.Platform``."""

import shlex
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from monitoring.clock import Clock
from monitoring.policy import Policy


def _words(value: Any) -> Any:
    return tuple(shlex.split(value)) if isinstance(value, str) else value


# The schema of the monitor that watches a stack; those of demonstrations have others.
LIVE = "monitor"
Command = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
# Who answers callers goes first.
_SUBMIT = ("nice", "-n", "10", sys.executable, "-m", "pipelines.submit", "training", "--wait")


class MonitoringSettings(BaseSettings):
    """Read once, when a command starts.

    Attributes:
        journals: Folder in which the service keeps its journals; without one they are taken in elsewhere.
        retention_days: How long the tables keep predictions and outcomes. 90 days hold what a training looks at, 8
            weeks of trips, and the 4 weeks before them that its features are computed from.
        journal_retention_days: How long a journal is kept after its last line, once its rows are in the tables. A
            release reads journals, and takes hours; a week leaves time to look at one that went wrong. 0 where nobody
            reads them: what is in the tables goes at once.
        database_schema: Of the pipelines' database, in which the monitor keeps what it knows.
        window_seconds: Length of a window.
        delay_seconds: A window is looked at so long after its end, when its labels are due.
        clock_at: The monitor's clock showed ``clock_shows`` then, and has run ``clock_speed`` times as fast since; only
            demonstrations and tests have another clock than the wall's.
        clock_shows: See above.
        clock_speed: See above.
        interval_seconds: How often the service looks whether something is due.
        collect_seconds: What was logged waits so long at most until it is in the tables.
        stack_cost_dollars_month: What the stack costs; 0 where nothing is paid.
        policy: What is decided by; a variable for each value, such as ``KEELSON_MONITOR_POLICY__RUN_COST``.
        train_command: Starts the training pipeline and waits for it; its source and reason are added.
        release_command: Releases the version that the gate let through; without one a version waits.
        workspace: Of Evidently: a folder, or the address of its service.

    Raises:
        pydantic.ValidationError: A value is not allowed; the message says.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True, env_nested_delimiter="__")

    journals: Path | None = Field(default=None, validation_alias="KEELSON_PREDICTION_LOG")
    retention_days: int = Field(default=90, ge=1, validation_alias="KEELSON_LOG_RETENTION_DAYS")
    journal_retention_days: int = Field(default=7, ge=0, validation_alias="KEELSON_JOURNAL_RETENTION_DAYS")
    database_schema: str = Field(
        default=LIVE, pattern=r"^[a-z][a-z0-9_]{0,62}$", validation_alias="KEELSON_MONITOR_SCHEMA"
    )
    window_seconds: int = Field(default=86_400, ge=3_600, validation_alias="KEELSON_MONITOR_WINDOW_SECONDS")
    delay_seconds: int = Field(default=5 * 3_600, ge=0, validation_alias="KEELSON_MONITOR_DELAY_SECONDS")
    clock_at: AwareDatetime | None = Field(default=None, validation_alias="KEELSON_MONITOR_CLOCK_AT")
    clock_shows: AwareDatetime | None = Field(default=None, validation_alias="KEELSON_MONITOR_CLOCK_SHOWS")
    clock_speed: float = Field(default=1.0, ge=1, validation_alias="KEELSON_MONITOR_CLOCK_SPEED")
    interval_seconds: float = Field(default=30, gt=0, validation_alias="KEELSON_MONITOR_INTERVAL_SECONDS")
    collect_seconds: float = Field(default=300, ge=0, validation_alias="KEELSON_MONITOR_COLLECT_SECONDS")
    stack_cost_dollars_month: float = Field(default=0, ge=0, validation_alias="KEELSON_STACK_COST")
    policy: Policy = Field(default=Policy(), validation_alias="KEELSON_MONITOR_POLICY")
    train_command: Command = Field(default=_SUBMIT, min_length=1, validation_alias="KEELSON_TRAIN_COMMAND")
    release_command: Command = Field(default=(), validation_alias="KEELSON_RELEASE_COMMAND")
    workspace: str | None = Field(default=None, validation_alias="KEELSON_EVIDENTLY_WORKSPACE")

    @property
    def window(self) -> timedelta:
        """Length of a window."""
        return timedelta(seconds=self.window_seconds)

    @property
    def retention(self) -> timedelta:
        """How long what was logged is kept."""
        return timedelta(days=self.retention_days)

    @property
    def delay(self) -> timedelta:
        """How long after its end a window is looked at."""
        return timedelta(seconds=self.delay_seconds)

    @property
    def clock(self) -> Clock:
        """The monitor's clock."""
        if self.clock_at is None or self.clock_shows is None:
            return Clock()
        return Clock(self.clock_at, self.clock_shows, self.clock_speed)
