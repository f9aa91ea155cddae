"""Feast on the cluster: registry and online store in Postgres, one server for features and the browser."""

from typing import Any

import pulumi
from pulumi_kubernetes import batch

from infra.apps import objects
from infra.apps import workload as described
from infra.apps.application import Server, Task, service_account
from infra.apps.contract import AUTHORITY, AUTHORITY_FOLDER, CONFIGURATION, SECRETS
from infra.apps.environment import NO_TELEMETRY
from infra.apps.priority import BATCH
from infra.apps.workload import Check, Probes, Size, Workload
from infra.settings.services import ServiceSettings

NAME = NAMESPACE = "feast"
PORT, METRICS_PORT, UI_PORT = 6566, 8000, 8888
# Features are sums over the last hour and the last four weeks: an hour late is what they may be.
_SCHEDULE = "17 * * * *"
_START_WITHIN_SECONDS = 600


def server(image: pulumi.Input[str], digest: pulumi.Input[str]) -> Workload:
    """Feature server, its metrics and the browser in one process, which reads the registry and the online store."""
    return _workload(
        image,
        digest,
        name=NAME,
        # `feast` is the account that reads tables, which a server does not.
        service_account="feast-server",
        command=["python", "-m", "components.features.server"],
        arguments=["--host", "0.0.0.0", "--port", str(PORT), "--metrics-port", str(METRICS_PORT)]  # noqa: S104 (a pod)
        + ["--ui-port", str(UI_PORT)],
        size=Size(cpu=100, memory=320, memory_limit=1024),
        ports={"http": PORT, "metrics": METRICS_PORT, "ui": UI_PORT},
        probes=Probes(
            # One process answers at both ports.
            alive=Check(port="ui", path="/health"),
            ready=Check(port="http", path="/health"),
            startup_seconds=180,
        ),
        drain_seconds=10,
    )


def registry(image: pulumi.Input[str], digest: pulumi.Input[str]) -> Workload:
    """Brings the registry to the definitions of the image."""
    return _workload(
        image,
        digest,
        name="feast-registry",
        command=["python", "-m", "components.features.apply"],
        size=Size(cpu=50, memory=384, memory_limit=1024),
    )


def materialisation(image: pulumi.Input[str], digest: pulumi.Input[str]) -> Workload:
    """Copies the newest features to the online store."""
    return _workload(
        image,
        digest,
        name="feast-materialisation",
        service_account="feast",
        command=["python", "-m", "components.materialize"],
        size=Size(cpu=100, memory=320, memory_limit=4096, disk=1024),
        priority=BATCH,
    )


def _workload(image: pulumi.Input[str], digest: pulumi.Input[str], **differing: Any) -> Workload:
    return Workload(
        namespace=NAMESPACE,
        component="features",
        image=image,
        environment=NO_TELEMETRY,
        configuration=[CONFIGURATION],
        secrets=[SECRETS],
        secret_files={AUTHORITY_FOLDER: AUTHORITY},
        digest=digest,
        **differing,
    )


def schedule(workload: Workload) -> batch.v1.CronJobSpecArgs:
    """Every hour, one at a time; a run that could not start within ten minutes is left out."""
    return batch.v1.CronJobSpecArgs(
        schedule=_SCHEDULE,
        time_zone="Etc/UTC",
        concurrency_policy="Forbid",
        starting_deadline_seconds=_START_WITHIN_SECONDS,
        successful_jobs_history_limit=1,
        failed_jobs_history_limit=3,
        job_template=batch.v1.JobTemplateSpecArgs(
            metadata=described.metadata(workload, makes_pods=True), spec=objects.job(workload, minutes=50, retries=1)
        ),
    )


class Feast(pulumi.ComponentResource):
    """Registry, server and hourly materialisation.

    Attributes:
        server: The running feature server.
    """

    server: Server

    def __init__(
        self,
        name: str,
        *,
        image: pulumi.Input[str],
        digest: pulumi.Input[str],
        settings: ServiceSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:apps:Feast", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        definitions = Task(f"{name}-registry", registry(image, digest), minutes=10, opts=child)
        # What is in the registry is what a server can serve, and what can be materialised.
        after = pulumi.ResourceOptions(parent=self, depends_on=[definitions])
        self.server = Server(f"{name}-server", server(image, digest), replicas=settings.replicas, opts=after)
        copies = described.excused(materialisation(image, digest), replicas=0)
        service_account(f"{name}-materialisation-account", copies, child)
        batch.v1.CronJob(
            f"{name}-materialisation",
            metadata=described.metadata(copies, makes_pods=True),
            spec=schedule(copies),
            opts=after,
        )
        self.register_outputs({})
