"""What the serving process is told by its surroundings.

Its own small list instead of ``components.platform.Platform``: a process that answers the outside
is given no credentials of the object store, the registry or the database.
"""

from enum import StrEnum
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from serving.parent import SUPERVISOR_VARIABLE


class FeatureLookup(StrEnum):
    """What the online store is to the service.

    ``required``: without it requests are answered 503, and the service is not ready. ``optional``: without it the
    contract's defaults stand in, and the answer says so. ``off``: it is never asked, the defaults always stand in.
    """

    REQUIRED = "required"
    OPTIONAL = "optional"
    OFF = "off"


class ServingSettings(BaseSettings):
    """Read once, when a worker starts.

    Attributes:
        feast_server_url: Address of Feast's feature server, e.g. ``http://127.0.0.1:6566``.
        feature_lookup: What the online store is to the service.
        traffic_file: Who answers (``serving.traffic``); without it, or while there is no such file, the champion.
        prediction_log: Folder of the prediction log (``serving.prediction_log``); without it none is kept.
        metrics_folder: Where the workers of one service meet to add up their metrics; BentoML sets it.
        supervisor: The process that looks after this worker; set by it.

    Raises:
        pydantic.ValidationError: ``KEELSON_FEAST_SERVER_URL`` is missing, or a value is not allowed; the message says.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    feast_server_url: str = Field(validation_alias="KEELSON_FEAST_SERVER_URL")
    feature_lookup: FeatureLookup = Field(default=FeatureLookup.REQUIRED, validation_alias="KEELSON_FEATURE_LOOKUP")
    traffic_file: Path | None = Field(default=None, validation_alias="KEELSON_TRAFFIC_FILE")
    prediction_log: Path | None = Field(default=None, validation_alias="KEELSON_PREDICTION_LOG")
    metrics_folder: Path | None = Field(default=None, validation_alias="PROMETHEUS_MULTIPROC_DIR")
    supervisor: int | None = Field(default=None, validation_alias=SUPERVISOR_VARIABLE)
