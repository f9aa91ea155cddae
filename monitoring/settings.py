"""What the monitor is told by its surroundings, beside ``components.platform.Platform``."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class MonitoringSettings(BaseSettings):
    """Read once, when a command starts.

    Attributes:
        journals: Folder in which the service keeps its journals.
        retention_days: How long the tables keep predictions and outcomes. 90 days hold what a training looks at, 8
            weeks of trips, and the 4 weeks before them that its features are computed from.
        journal_retention_days: How long a finished journal is kept once its rows are in the tables. A release reads
            journals, and takes hours; a week leaves time to look at one that went wrong.

    Raises:
        pydantic.ValidationError: ``KEELSON_PREDICTION_LOG`` is missing, or a value is not allowed; the message says.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    journals: Path = Field(validation_alias="KEELSON_PREDICTION_LOG")
    retention_days: int = Field(default=90, ge=1, validation_alias="KEELSON_LOG_RETENTION_DAYS")
    journal_retention_days: int = Field(default=7, ge=1, validation_alias="KEELSON_JOURNAL_RETENTION_DAYS")
