"""What the stack says of steps that are Jobs, read from the environment of the orchestrating pod once."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipelines.cluster import WAITING_SECONDS


class Allowance(BaseSettings):
    """What a cluster has for a step, and how long a step waits for it.

    Steps of a cluster with small nodes are sure of less than elsewhere, and may use as much where it is idle.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    # The most that a step asks to be sure of.
    cpu: float = Field(default=2, gt=0, validation_alias="KEELSON_STEP_CPU")
    memory_gib: float = Field(default=4, gt=0, validation_alias="KEELSON_STEP_MEMORY_GIB")
    waiting_seconds: int = Field(default=WAITING_SECONDS, gt=0, validation_alias="KEELSON_STEP_WAITING_SECONDS")
