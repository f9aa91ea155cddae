"""What the serving process is told by its surroundings.

Its own small list instead of ``components.platform.Platform``: a process that answers the outside
is given no credentials of the object store, the registry or the database.
"""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from serving.parent import SUPERVISOR_VARIABLE


class ServingSettings(BaseSettings):
    """Read once, when a worker starts.

    Attributes:
        feast_server_url: Address of Feast's feature server, e.g. ``http://127.0.0.1:6566``.
        metrics_folder: Where the workers of one service meet to add up their metrics; BentoML sets it.
        supervisor: The process that looks after this worker; set by it.

    Raises:
        pydantic.ValidationError: ``KEELSON_FEAST_SERVER_URL`` is missing; the message names it.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    feast_server_url: str = Field(validation_alias="KEELSON_FEAST_SERVER_URL")
    metrics_folder: Path | None = Field(default=None, validation_alias="PROMETHEUS_MULTIPROC_DIR")
    supervisor: int | None = Field(default=None, validation_alias=SUPERVISOR_VARIABLE)
