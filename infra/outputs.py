"""The platform contract: the only names that the infrastructure hands to the other folders.

Every stack exports them; clients read the same settings from the environment through
``components.platform.Platform``. ``tests/test_platform_contract.py`` holds both sides together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True)
class Output:
    """One setting: its name as a stack output, its environment variable, and how it is treated."""

    name: str
    env: str
    secret: bool = False
    optional: bool = False


OUTPUTS: tuple[Output, ...] = (
    Output(name="stack", env="KEELSON_STACK"),
    Output(name="mlflow_tracking_uri", env="MLFLOW_TRACKING_URI"),
    Output(name="s3_endpoint", env="AWS_ENDPOINT_URL_S3", optional=True),
    Output(name="region", env="AWS_DEFAULT_REGION"),
    Output(name="access_key_id", env="AWS_ACCESS_KEY_ID", optional=True),
    Output(name="secret_access_key", env="AWS_SECRET_ACCESS_KEY", secret=True, optional=True),
    Output(name="data_bucket", env="KEELSON_DATA_BUCKET"),
    Output(name="artifacts_bucket", env="KEELSON_ARTIFACTS_BUCKET"),
    Output(name="pipeline_root", env="KEELSON_PIPELINE_ROOT"),
    Output(name="kfp_endpoint", env="KEELSON_KFP_ENDPOINT"),
    Output(name="pipelines_database", env="KEELSON_PIPELINES_DATABASE", secret=True),
    Output(name="feast_registry", env="KEELSON_FEAST_REGISTRY", secret=True),
    Output(name="feast_online_host", env="KEELSON_FEAST_ONLINE_HOST"),
    Output(name="feast_online_port", env="KEELSON_FEAST_ONLINE_PORT"),
    Output(name="feast_online_database", env="KEELSON_FEAST_ONLINE_DATABASE"),
    Output(name="feast_online_user", env="KEELSON_FEAST_ONLINE_USER"),
    Output(name="feast_online_password", env="KEELSON_FEAST_ONLINE_PASSWORD", secret=True),
    Output(name="feast_online_sslmode", env="KEELSON_FEAST_ONLINE_SSLMODE"),
    Output(name="feast_server_url", env="KEELSON_FEAST_SERVER_URL"),
    Output(name="feast_ui_url", env="KEELSON_FEAST_UI_URL"),
    Output(name="serving_url", env="KEELSON_SERVING_URL"),
    Output(name="prometheus_url", env="KEELSON_PROMETHEUS_URL"),
    Output(name="evidently_url", env="KEELSON_EVIDENTLY_URL"),
    Output(name="grafana_url", env="KEELSON_GRAFANA_URL", optional=True),
)


def exported(values: Mapping[str, pulumi.Input[str]]) -> dict[str, pulumi.Input[str]]:
    """The stack outputs for ``values``, secrets marked.

    Raises:
        ValueError: A required output has no value, or a value has no place in the contract.
    """
    named = {output.name: output for output in OUTPUTS}
    missing = [output.name for output in OUTPUTS if not output.optional and output.name not in values]
    unknown = sorted(set(values) - set(named))
    if missing or unknown:
        raise ValueError(f"the platform contract wants {missing} and does not know {unknown}")
    return {
        name: pulumi.Output.secret(value) if named[name].secret else value for name, value in sorted(values.items())
    }


def environment(values: Mapping[str, pulumi.Input[str]]) -> dict[str, pulumi.Input[str]]:
    """The same values under the names that clients read: ``{"MLFLOW_TRACKING_URI": ...}``."""
    named = {output.name: output.env for output in OUTPUTS}
    return {named[name]: value for name, value in sorted(exported(values).items())}
