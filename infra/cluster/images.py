"""Container images for a node that reaches no registry: made of static programs, or built here, and handed over."""

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.cluster import enclosure
from infra.cluster.layout import ClusterLayout

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
# Kubernetes' own part of the runtime's images.
_CTR = ("ctr", "--namespace", "k8s.io", "images", "import", "-")


class ImageError(RuntimeError):
    """The node's container runtime does not take an image; the message is its own."""


def of_program(name: str, program: Path, command: Sequence[str], *, beside: Mapping[str, Path] | None = None) -> bytes:
    """An image archive with ``program`` in ``/bin``.

    Args:
        name: Repository and tag, such as ``localhost/keelson/pause:1``.
        command: What a container runs that names no command.
        beside: Further programs there, by name; some programs do what the name says that they were called by.
    """
    programs = {program.name: program, **(beside or {})}
    layer = _tar({f"bin/{title}": file.read_bytes() for title, file in programs.items()})
    settings = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": list(command), "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    index = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    return _tar(
        {"manifest.json": json.dumps(index).encode(), "config.json": json.dumps(settings).encode(), "layer.tar": layer}
    )


def with_layer(archive: Path, name: str, files: Mapping[str, bytes]) -> bytes:
    """An image archive that holds what an image has more than one that the node has already.

    Args:
        archive: The other image, as Docker saves it.
        name: Repository and tag of the new one.
        files: What it has more, or instead. ``folder/.wh.<file>`` takes a file away.
    """
    with tarfile.open(archive) as saved:
        (entry,) = json.loads(_read(saved, "manifest.json"))
        settings = json.loads(_read(saved, entry["Config"]))
        sizes = [saved.getmember(layer).size for layer in entry["Layers"]]
    layer = _tar(files)
    below = list(zip(settings["rootfs"]["diff_ids"], sizes, strict=True))
    settings["rootfs"]["diff_ids"].append(_digest(layer))
    if "history" in settings:
        settings["history"].append({"created_by": "keelson"})
    config = json.dumps(settings).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _described("config.v1+json", _digest(config), len(config)),
            "layers": [_described("layer.v1.tar", *one) for one in [*below, (_digest(layer), len(layer))]],
        }
    ).encode()
    named = {"annotations": {"io.containerd.image.name": name}}
    listed = {"mediaType": _MANIFEST, "digest": _digest(manifest), "size": len(manifest), **named}
    return _tar(
        {
            "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
            "index.json": json.dumps({"schemaVersion": 2, "manifests": [listed]}).encode(),
            **{f"blobs/sha256/{_digest(blob).partition(':')[2]}": blob for blob in (manifest, config, layer)},
        }
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


def _described(kind: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest, "size": size}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    if member is None:
        raise ImageError(f"the image archive has no file {name}")
    return member.read()


def _tar(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()
