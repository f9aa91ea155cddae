"""MLflow on the cluster: metadata in Postgres, artifacts in S3 and handed through by the server."""

from collections.abc import Mapping
from ipaddress import IPv4Network

import pulumi

from infra.apps.application import Server, Task
from infra.apps.contract import AUTHORITY, AUTHORITY_FOLDER, LIBPQ, storage_variables
from infra.apps.environment import NO_TELEMETRY
from infra.apps.foundation import Foundation
from infra.apps.priority import CRITICAL
from infra.apps.workload import Check, Probes, SecretKey, Size, Workload
from infra.settings.services import ServiceSettings

NAME = NAMESPACE = "mlflow"
PORT = 5000
DATABASE_SECRET = "mlflow-database"  # noqa: S105 (a name)
_METRICS = "/tmp/metrics"  # noqa: S108 (a path in the pod, where nobody else is)
# The command itself would have the URL, with its password, among its arguments.
_UPGRADE = "import os; from mlflow.db import upgrade; upgrade.main([os.environ['MLFLOW_BACKEND_STORE_URI']])"


def allowed_hosts(domain: str | None, pod_cidr: str) -> str:
    """Values of the header Host that the server answers to; others are refused, against DNS rebinding.

    Probes and Prometheus call pods by their addresses.

    Args:
        domain: Domain of the stack's pages, if they are public.
        pod_cidr: Address block of pods, /12 or smaller.
    """
    names = ["localhost", "mlflow", "mlflow.mlflow", "mlflow.mlflow.svc", "mlflow.mlflow.svc.cluster.local"]
    if domain is not None:
        names.append(f"mlflow.{domain}")
    return ",".join([*(host for name in names for host in (name, f"{name}:*")), *_addresses(pod_cidr)])


def _addresses(pod_cidr: str) -> list[str]:
    """Shell patterns of the pods' addresses with any port, in digits alone: ``10.*`` admits ``10.example.com`` too."""
    block = IPv4Network(pod_cidr)
    first, lowest, *_ = block.network_address.packed
    numbers = [digits * "[0-9]" for digits in (1, 2, 3)]
    return [
        f"{first}.{second}.{third}.{fourth}:*"
        for second in range(lowest, block.broadcast_address.packed[1] + 1)
        for third in numbers
        for fourth in numbers
    ]


def environment(foundation: Foundation, domain: str | None) -> dict[str, pulumi.Input[str] | SecretKey]:
    """What `mlflow server` would hand to the processes that it starts (mlflow/server/__init__.py, ``_run_server``)."""
    origins = {} if domain is None else {"MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": f"https://mlflow.{domain}"}
    return {
        **NO_TELEMETRY,
        **LIBPQ,
        **origins,
        **storage_variables(foundation),
        "_MLFLOW_SERVER_FILE_STORE": SecretKey(secret=DATABASE_SECRET, key="uri"),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": pulumi.Output.concat("s3://", foundation.buckets.artifacts, "/mlflow"),
        "_MLFLOW_SGI_NAME": "uvicorn",
        "prometheus_multiproc_dir": _METRICS,
        "MLFLOW_SERVER_ALLOWED_HOSTS": allowed_hosts(domain, foundation.pod_cidr),
        "MLFLOW_SERVER_X_FRAME_OPTIONS": "DENY",
        # Its job runner is eight more processes and 1.3 GB, and had an unauthenticated API (CVE-2026-0545).
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def server(image: pulumi.Input[str], foundation: Foundation, settings: ServiceSettings) -> Workload:
    """The tracking server. Each copy is one process: copies share the load better than workers of one copy."""
    return Workload(
        namespace=NAMESPACE,
        name=NAME,
        component="tracking",
        image=image,
        command=["python", "-m", "uvicorn", "mlflow.server.fastapi_app:app"],
        arguments=["--host", "0.0.0.0", "--port", str(PORT), "--workers", "1", "--no-access-log"],  # noqa: S104 (a pod)
        size=Size(cpu=150, memory=512, memory_limit=1536),
        priority=CRITICAL,
        ports={"http": PORT},
        probes=Probes(
            alive=Check(port="http", path="/health"),
            # It answers /health before it has looked at the database.
            ready=Check(port="http", path="/api/2.0/mlflow/experiments/search?max_results=1"),
            startup_seconds=180,
        ),
        environment=environment(foundation, settings.domain),
        scratch={_METRICS: 64},
        secret_files={AUTHORITY_FOLDER: AUTHORITY},
    )


def schema(image: pulumi.Input[str]) -> Workload:
    """Makes the tables, or moves them to the version of the image; nothing happens where they are there already."""
    variables: Mapping[str, str | SecretKey] = {
        **NO_TELEMETRY,
        **LIBPQ,
        "MLFLOW_BACKEND_STORE_URI": SecretKey(secret=DATABASE_SECRET, key="uri"),
    }
    return Workload(
        namespace=NAMESPACE,
        name="mlflow-schema",
        component="tracking",
        image=image,
        command=["python", "-c", _UPGRADE],
        size=Size(cpu=50, memory=384, memory_limit=1024),
        priority=CRITICAL,
        environment=variables,
        secret_files={AUTHORITY_FOLDER: AUTHORITY},
    )


class Mlflow(pulumi.ComponentResource):
    """The tracking server, started only when its tables have the image's version.

    Attributes:
        server: The running server.
    """

    server: Server

    def __init__(
        self,
        name: str,
        *,
        image: pulumi.Input[str],
        foundation: Foundation,
        settings: ServiceSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:apps:Mlflow", name, None, opts)
        tables = Task(f"{name}-schema", schema(image), minutes=30, opts=pulumi.ResourceOptions(parent=self))
        self.server = Server(
            f"{name}-server",
            server(image, foundation, settings),
            replicas=settings.replicas,
            # A server refuses a database of another version, and two on an empty one get in each other's way.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[tables]),
        )
        self.register_outputs({})
