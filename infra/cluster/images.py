"""Container images made of one static program: a node needs one for its pods' networks, and tests need one to run."""

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from infra.cluster import enclosure
from infra.cluster.layout import ClusterLayout

# Kubernetes' own part of the runtime's images.
_CTR = ("ctr", "--namespace", "k8s.io", "images", "import", "-")


class ImageError(RuntimeError):
    """The node's container runtime does not take an image; the message is its own."""


def of_program(name: str, program: Path, command: Sequence[str], also: Sequence[str] = ()) -> bytes:
    """An image archive with ``program`` in ``/bin`` and nothing else.

    Args:
        name: Repository and tag, such as ``localhost/keelson/pause:1``.
        command: What a container runs that names no command.
        also: Other names of the program in ``/bin``.
    """
    content = program.read_bytes()
    layer = _tar({f"bin/{one}": content for one in (program.name, *also)})
    settings = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": list(command), "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    index = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    return _tar(
        {"manifest.json": json.dumps(index).encode(), "config.json": json.dumps(settings).encode(), "layer.tar": layer}
    )


def load(archive: bytes | Path, layout: ClusterLayout) -> None:
    """Hand an image to the real node of a cluster.

    Args:
        archive: Of Docker's or OCI's kind; its content, or its file.

    Raises:
        ImageError: The runtime does not take it.
    """
    command = [*enclosure.inside(layout), *_CTR]
    if isinstance(archive, Path):
        with archive.open("rb") as file:
            done = subprocess.run(command, stdin=file, capture_output=True, check=False)
    else:
        done = subprocess.run(command, input=archive, capture_output=True, check=False)
    if done.returncode != 0:
        raise ImageError(f"the node takes no image: {done.stderr.decode().strip()[-500:]}")


def _tar(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()
