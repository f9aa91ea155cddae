"""The platform contract on a cluster: ConfigMap and Secret ``platform`` in each namespace that has clients."""

from collections.abc import Mapping

import pulumi

from infra import outputs
from infra.apps.foundation import Field, Foundation, same_keys
from infra.apps.workload import SecretKey
from infra.settings.services import ServiceSettings

CONFIGURATION = SECRETS = "platform"
# The Secret with the certificate authority of Postgres, and the folder where its clients mount it.
AUTHORITY = "postgres-authority"
AUTHORITY_FOLDER = "/etc/keelson/postgres"
CLIENTS = ("kubeflow", "pipelines", "feast", "monitoring")
# What stands in place of the address of Kubeflow Pipelines where steps are Jobs.
JOBS = "jobs"
FEAST_SECRET = "feast-database"  # noqa: S105 (a name)
PIPELINES_SECRET = "pipelines-database"  # noqa: S105 (a name)

# The Secret with the keys of the S3 server, in stacks that have one.
STORAGE_SECRET = "object-storage"  # noqa: S105 (a name)
STORAGE_KEYS = _ACCESS_KEY, _SECRET_KEY = "access-key-id", "secret-access-key"

_AUTHORITY_FILE = "ca.pem"
# Contract output → secret that the database bootstrap fills, and its key. Values never pass through the program.
SECRET_OUTPUTS: Mapping[str, tuple[str, str]] = {
    "pipelines_database": (PIPELINES_SECRET, "uri"),
    "feast_registry": (FEAST_SECRET, "uri"),
    "feast_online_password": (FEAST_SECRET, "password"),
}

# A URL has no room for it, so every connection learns from these that the server must prove who it is.
LIBPQ: Mapping[str, str] = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": f"{AUTHORITY_FOLDER}/{_AUTHORITY_FILE}"}


def clients(foundation: Foundation) -> tuple[str, ...]:
    """The namespaces of a stack that have clients."""
    return tuple(name for name in CLIENTS if name in foundation.namespaces)


def address(service: str, namespace: str, port: int) -> str:
    """A service's address inside the cluster."""
    return f"http://{service}.{namespace}.svc.cluster.local:{port}"


def plain_values(foundation: Foundation, settings: ServiceSettings) -> dict[str, pulumi.Input[str]]:
    """The contract's settings that are no secrets, by output name."""
    storage = {} if foundation.storage is None else {"s3_endpoint": foundation.storage.endpoint}
    return {
        **storage,
        "stack": settings.stack,
        "mlflow_tracking_uri": address("mlflow", "mlflow", 5000),
        "region": foundation.region,
        "data_bucket": foundation.buckets.data,
        "artifacts_bucket": foundation.buckets.artifacts,
        "pipeline_root": pulumi.Output.concat("s3://", foundation.buckets.artifacts, "/pipelines"),
        "kfp_endpoint": JOBS if settings.steps_are_jobs else address("ml-pipeline", "kubeflow", 8888),
        "feast_online_host": foundation.postgres.host,
        "feast_online_port": str(foundation.postgres.port),
        "feast_online_database": "feast",
        "feast_online_user": "feast",
        "feast_online_sslmode": "verify-full",
        "feast_server_url": address("feast", "feast", 6566),
        "feast_ui_url": address("feast", "feast", 8888),
        "serving_url": address("serving", "serving", 3000),
        "prometheus_url": address("prometheus-operated", "monitoring", 9090),
        "evidently_url": address("evidently", "monitoring", 8000),
        "grafana_url": address("grafana", "monitoring", 80),
    }


def values(foundation: Foundation, settings: ServiceSettings) -> dict[str, pulumi.Input[str]]:
    """All of the contract by output name. In place of a secret stands where it is kept, such as
    ``secretsmanager:<secret>:<key>``."""
    kept = {output: foundation.keeper.place(field) for output, field in _secret_outputs(foundation).items()}
    return {**plain_values(foundation, settings), **kept}


def configuration(foundation: Foundation, settings: ServiceSettings) -> dict[str, pulumi.Input[str]]:
    """Data of the ConfigMap: the contract's variables that are no secrets, and those of libpq."""
    named = outputs.environment(values(foundation, settings))
    secret = _secret_outputs(foundation)
    hidden = {output.env for output in outputs.OUTPUTS if output.name in secret}
    return {**{name: value for name, value in named.items() if name not in hidden}, **LIBPQ}


def secret_fields(foundation: Foundation) -> dict[str, Field]:
    """Keys of the Kubernetes Secret, and where each is copied from. Every client gets them all: ``Platform`` is read
    whole, and materialisation takes its turn with pipeline steps by a lock in the pipelines' database."""
    named = {output.name: output.env for output in outputs.OUTPUTS}
    return {named[output]: field for output, field in _secret_outputs(foundation).items()}


def _secret_outputs(foundation: Foundation) -> dict[str, Field]:
    """The contract's settings that are secrets, by output name, and where each is kept."""
    found = {
        output: Field(source=foundation.secrets[secret], key=key) for output, (secret, key) in SECRET_OUTPUTS.items()
    }
    if foundation.storage is None:
        return found
    keys = storage_fields(foundation.storage.secret)
    return {**found, "access_key_id": keys[_ACCESS_KEY], "secret_access_key": keys[_SECRET_KEY]}


def storage_fields(source: pulumi.Input[str]) -> dict[str, Field]:
    """Keys of the Secret ``STORAGE_SECRET``, which workloads that read nothing else of the contract get."""
    return same_keys(source, STORAGE_KEYS)


def storage_variables(foundation: Foundation) -> dict[str, pulumi.Input[str] | SecretKey]:
    """The variables by which a workload reaches the buckets, without the rest of the contract."""
    region: dict[str, pulumi.Input[str] | SecretKey] = {"AWS_DEFAULT_REGION": foundation.region}
    if foundation.storage is None:
        return region
    return {
        **region,
        "AWS_ENDPOINT_URL_S3": foundation.storage.endpoint,
        "AWS_ACCESS_KEY_ID": SecretKey(secret=STORAGE_SECRET, key=_ACCESS_KEY),
        "AWS_SECRET_ACCESS_KEY": SecretKey(secret=STORAGE_SECRET, key=_SECRET_KEY),
    }


def authority_fields(source: pulumi.Input[str]) -> dict[str, Field]:
    """The same for the Secret with the certificate authority, which every database's secret holds."""
    return {_AUTHORITY_FILE: Field(source=source, key="ca")}
