"""The S3 server as a pod: versitygw over plain files on a volume, which asks for keys."""

import pulumi

from infra.apps.application import Server, volume_claim
from infra.apps.priority import CRITICAL
from infra.apps.workload import Check, Probes, SecretKey, Size, Workload
from infra.self_hosted import credentials
from infra.self_hosted.names import OBJECTS, OBJECTS_PORT, REGION, STORAGE

_DATA = "/var/lib/objects"


def workload(image: pulumi.Input[str]) -> Workload:
    """The server; its program is the image's own."""
    return Workload(
        namespace=STORAGE,
        name=OBJECTS,
        component="storage",
        image=image,
        arguments=["--port", f":{OBJECTS_PORT}", "--health", "/health", "--quiet", "--region", REGION]
        + ["posix", "--dir-perms", "0700", "--file-perms", "0600", _DATA],
        # At rest 60 MB; it holds parts of what is being written.
        size=Size(cpu=50, memory=128, memory_limit=768, burst=40),
        priority=CRITICAL,
        ports={"s3": OBJECTS_PORT},
        probes=Probes(alive=Check(port="s3"), ready=Check(port="s3", path="/health")),
        environment={
            "ROOT_ACCESS_KEY_ID": SecretKey(secret=credentials.STORAGE, key="access-key-id"),
            "ROOT_SECRET_ACCESS_KEY": SecretKey(secret=credentials.STORAGE, key="secret-access-key"),
        },
        claims={_DATA: OBJECTS},
        grace_seconds=60,
    )


class ObjectStorage(pulumi.ComponentResource):
    """The server, its Service and its volume."""

    def __init__(
        self, name: str, *, image: pulumi.Input[str], gib: int, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """``gib``: size of the volume."""
        super().__init__("keelson:self_hosted:ObjectStorage", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        volume_claim(f"{name}-volume", namespace=STORAGE, name=OBJECTS, gib=gib, opts=child)
        # One process owns the files.
        Server(f"{name}-server", workload(image), replicas=1, opts=child)
        self.register_outputs({})
