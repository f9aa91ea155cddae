"""The monitor, and Evidently's UI over the workspace that it keeps its snapshots in."""

import pulumi

from infra.apps.application import Server, volume_claim
from infra.apps.contract import AUTHORITY, AUTHORITY_FOLDER, CONFIGURATION, SECRETS, address
from infra.apps.environment import JOURNALS_GO_AT_ONCE, NO_TELEMETRY
from infra.apps.workload import Check, Probes, Size, Workload
from infra.settings.services import ServiceSettings

NAMESPACE = "monitoring"
PORT, METRICS_PORT = 8000, 8080
_WORKSPACE = "/var/lib/evidently"
_GIB = 5
_SUBMIT = "python -m pipelines.submit training --wait"


def monitor(image: pulumi.Input[str], digest: pulumi.Input[str], settings: ServiceSettings) -> Workload:
    """The monitor: a small service, and the processes that it starts one at a time of a kind."""
    return Workload(
        namespace=NAMESPACE,
        name="monitor",
        component="monitoring",
        image=image,
        command=["python", "-m", "monitoring.service"],
        arguments=["--host", "0.0.0.0", "--port", str(METRICS_PORT)],  # noqa: S104 (a pod)
        # At rest 50 MB; a look at a window is up to 1 GB for some seconds.
        size=Size(cpu=30, memory=224, memory_limit=3072, disk=1024, burst=40),
        ports={"metrics": METRICS_PORT},
        probes=Probes(alive=Check(port="metrics", path="/healthz"), ready=Check(port="metrics", path="/metrics")),
        environment={
            **NO_TELEMETRY,
            **JOURNALS_GO_AT_ONCE,
            "KEELSON_STACK_COST": str(settings.cost_at_rest),
            "KEELSON_EVIDENTLY_WORKSPACE": address("evidently", NAMESPACE, PORT),
            # Steps run in the image that this pod runs in.
            "KEELSON_TRAIN_COMMAND": pulumi.Output.concat(_SUBMIT, " --image ", image),
        },
        configuration=[CONFIGURATION],
        secrets=[SECRETS],
        secret_files={AUTHORITY_FOLDER: AUTHORITY},
        scratch={"/tmp": 512},  # noqa: S108 (a path in the pod, where nobody else is)
        # For a training whose steps are Jobs.
        asks_kubernetes=settings.steps_are_jobs,
        alone=True,
        # What runs goes on where it was, with the next pod.
        grace_seconds=60,
        digest=digest,
    )


def evidently(image: pulumi.Input[str]) -> Workload:
    """The UI; its workspace is on a volume."""
    return Workload(
        namespace=NAMESPACE,
        name="evidently",
        component="monitoring",
        image=image,
        command=["python", "-m", "evidently.cli", "ui"],
        arguments=["--host", "0.0.0.0", "--port", str(PORT), "--workspace", _WORKSPACE],  # noqa: S104 (a pod)
        # 330 MB, and 2.2 MB for each snapshot: all are in memory, of 90 days.
        size=Size(cpu=20, memory=352, memory_limit=1024),
        ports={"http": PORT},
        probes=Probes(alive=Check(port="http", path="/api/version"), ready=Check(port="http", path="/api/projects")),
        environment=NO_TELEMETRY,
        claims={_WORKSPACE: "evidently"},
    )


class Monitor(pulumi.ComponentResource):
    """The monitor, whose account's rights in AWS are in ``access.ACCESS``, and Evidently's UI."""

    def __init__(
        self,
        name: str,
        *,
        image: pulumi.Input[str],
        digest: pulumi.Input[str],
        settings: ServiceSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:apps:Monitor", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        volume_claim(f"{name}-workspace", namespace=NAMESPACE, name="evidently", gib=_GIB, opts=child)
        # One process owns a workspace, so there is one copy.
        Server(f"{name}-evidently", evidently(image), replicas=1, opts=child)
        Server(f"{name}-service", monitor(image, digest, settings), replicas=1, opts=child)
        self.register_outputs({})
