"""The deployed bundle on the cluster: it starts without the registry; features come from the feature server."""

import pulumi

from infra.apps.application import Server
from infra.apps.contract import address
from infra.apps.environment import NO_TELEMETRY
from infra.apps.workload import Check, Probes, Size, Workload
from infra.settings.cloud import CloudSettings

NAME = NAMESPACE = "serving"
PORT = 3000
# The user of an image that BentoML makes; its files are its own.
BENTOML_USER = 1034
_HOME = "/var/lib/bentoml"
# An ALB goes on sending for some seconds after a target has left, and BentoML gives a request up to 60 s.
_DRAIN_SECONDS, _GRACE_SECONDS = 15, 60
_MOST_PER_LEAST = 4
_IMAGE_USER = "the image is made by BentoML for its user 1034, to whom the bundle's files belong"


def image(repository: pulumi.Input[str], bundle: str) -> pulumi.Output[str]:
    """Address of a bundle's image: the stack's repository with the tag of ``<name>:<tag>``."""
    return pulumi.Output.concat(repository, ":", bundle.partition(":")[2])


def workload(image: pulumi.Input[str]) -> Workload:
    """The bundle's server. It is given no credentials but those to its own buckets."""
    return Workload(
        namespace=NAMESPACE,
        name=NAME,
        component="serving",
        image=image,
        arguments=["serve"],
        size=Size(cpu=100, memory=512, memory_limit=1536, burst=20),
        user=BENTOML_USER,
        ports={"http": PORT},
        probes=Probes(alive=Check(port="http", path="/livez"), ready=Check(port="http", path="/readyz")),
        environment={
            **NO_TELEMETRY,
            # Not the image's own: that holds the bundle, and is read-only.
            "BENTOML_HOME": _HOME,
            "BENTOML_PORT": str(PORT),
            "KEELSON_FEAST_SERVER_URL": address("feast", "feast", 6566),
        },
        scratch={_HOME: 256, "/tmp": 256},  # noqa: S108 (a path in the pod, where nobody else is)
        drain_seconds=_DRAIN_SECONDS,
        grace_seconds=_GRACE_SECONDS,
        exceptions={
            "kube-score/container-security-context-user-group-id": _IMAGE_USER,
            "checkov/CKV_K8S_40": _IMAGE_USER,
        },
    )


class Serving(pulumi.ComponentResource):
    """The deployed bundle; nothing while none is chosen. With several copies, up to four times as many under load."""

    def __init__(
        self,
        name: str,
        *,
        repository: pulumi.Input[str],
        settings: CloudSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:apps:Serving", name, None, opts)
        if settings.bundle is not None:
            Server(
                f"{name}-server",
                workload(image(repository, settings.bundle)),
                replicas=settings.replicas,
                most=settings.replicas * _MOST_PER_LEAST if settings.replicas > 1 else None,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})
