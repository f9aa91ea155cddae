"""The platform as a client sees it: one frozen object, read from the environment once.

``infra/outputs.py`` names the same settings on the other side; ``tests/test_platform_contract.py``
holds the two lists together. Nothing else in the project reads the environment.
"""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class TableStore(BaseSettings):
    """What tables need of a stack: the bucket that they lie in, and the database whose locks say who is next.

    Raises:
        pydantic.ValidationError: A variable is missing; the message names it. On the local stack
            ``source .local/env`` sets them all.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    s3_endpoint: str | None = Field(default=None, validation_alias="AWS_ENDPOINT_URL_S3")
    region: str = Field(validation_alias="AWS_DEFAULT_REGION")
    # Empty on AWS, where Pod Identity supplies short-lived credentials.
    access_key_id: str | None = Field(default=None, validation_alias="AWS_ACCESS_KEY_ID")
    secret_access_key: SecretStr | None = Field(default=None, validation_alias="AWS_SECRET_ACCESS_KEY")
    data_bucket: str = Field(validation_alias="KEELSON_DATA_BUCKET")
    # The pipelines' own database: studies, promotions, running pipelines (components/database.py).
    pipelines_database: SecretStr = Field(validation_alias="KEELSON_PIPELINES_DATABASE")


class Platform(TableStore):
    """Addresses, buckets and credentials of the stack that this process talks to.

    Raises:
        pydantic.ValidationError: As for ``TableStore``.
    """

    stack: str = Field(validation_alias="KEELSON_STACK")
    mlflow_tracking_uri: str = Field(validation_alias="MLFLOW_TRACKING_URI")
    artifacts_bucket: str = Field(validation_alias="KEELSON_ARTIFACTS_BUCKET")
    pipeline_root: str = Field(validation_alias="KEELSON_PIPELINE_ROOT")
    # Address of the KFP API, or "local" for kfp.local.
    kfp_endpoint: str = Field(validation_alias="KEELSON_KFP_ENDPOINT")
    feast_registry: SecretStr = Field(validation_alias="KEELSON_FEAST_REGISTRY")
    feast_online_host: str = Field(validation_alias="KEELSON_FEAST_ONLINE_HOST")
    feast_online_port: int = Field(validation_alias="KEELSON_FEAST_ONLINE_PORT")
    feast_online_database: str = Field(validation_alias="KEELSON_FEAST_ONLINE_DATABASE")
    feast_online_user: str = Field(validation_alias="KEELSON_FEAST_ONLINE_USER")
    feast_online_password: SecretStr = Field(validation_alias="KEELSON_FEAST_ONLINE_PASSWORD")
    feast_online_sslmode: str = Field(validation_alias="KEELSON_FEAST_ONLINE_SSLMODE")
    feast_server_url: str = Field(validation_alias="KEELSON_FEAST_SERVER_URL")
    feast_ui_url: str = Field(validation_alias="KEELSON_FEAST_UI_URL")
    serving_url: str = Field(validation_alias="KEELSON_SERVING_URL")
    prometheus_url: str = Field(validation_alias="KEELSON_PROMETHEUS_URL")
    evidently_url: str = Field(validation_alias="KEELSON_EVIDENTLY_URL")
    # Absent where Grafana could not be had.
    grafana_url: str | None = Field(default=None, validation_alias="KEELSON_GRAFANA_URL")
