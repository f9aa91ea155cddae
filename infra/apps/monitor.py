"""Evidently's UI over a workspace of monitoring snapshots, and the account that the monitor runs as."""

import pulumi
from pulumi_kubernetes import core, meta

from infra.apps.application import Server
from infra.apps.environment import NO_TELEMETRY
from infra.apps.workload import Check, Probes, Size, Workload

NAMESPACE = "monitoring"
PORT = 8000
_WORKSPACE = "/var/lib/evidently"
_GIB = 5


def evidently(image: pulumi.Input[str]) -> Workload:
    """The UI; its workspace is on a volume."""
    return Workload(
        namespace=NAMESPACE,
        name="evidently",
        component="monitoring",
        image=image,
        command=["python", "-m", "evidently.cli", "ui"],
        arguments=["--host", "0.0.0.0", "--port", str(PORT), "--workspace", _WORKSPACE],  # noqa: S104 (a pod)
        size=Size(cpu=20, memory=288, memory_limit=768),
        ports={"http": PORT},
        probes=Probes(alive=Check(port="http", path="/api/version"), ready=Check(port="http", path="/api/projects")),
        environment=NO_TELEMETRY,
        claims={_WORKSPACE: "evidently"},
    )


class Monitor(pulumi.ComponentResource):
    """Evidently's UI, and the service account ``monitor``, whose rights in AWS are in ``access.ACCESS``."""

    def __init__(self, name: str, *, image: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("keelson:apps:Monitor", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        core.v1.ServiceAccount(
            f"{name}-account",
            metadata=meta.v1.ObjectMetaArgs(name="monitor", namespace=NAMESPACE),
            automount_service_account_token=False,
            opts=child,
        )
        core.v1.PersistentVolumeClaim(
            f"{name}-workspace",
            metadata=meta.v1.ObjectMetaArgs(
                name="evidently",
                namespace=NAMESPACE,
                # The volume is made when the first pod wants it, which Pulumi makes only afterwards.
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=core.v1.PersistentVolumeClaimSpecArgs(
                access_modes=["ReadWriteOnce"],
                resources=core.v1.VolumeResourceRequirementsArgs(requests={"storage": f"{_GIB}Gi"}),
            ),
            opts=child,
        )
        # One process owns a workspace, so there is one copy.
        Server(f"{name}-evidently", evidently(image), replicas=1, opts=child)
        self.register_outputs({})
