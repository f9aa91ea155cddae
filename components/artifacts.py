"""Artifacts of pipeline steps: published whole or not at all, and read only if they are what was published.

KFP keeps no digest of an artifact, and its local cache serves whatever lies under an artifact's path. Here the step
that makes an artifact keeps its SHA-256 among the artifact's metadata, which KFP hands to every step that reads it.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

SHA256 = "sha256"


class Artifact(Protocol):
    """What is used of a KFP artifact: ``kfp.dsl.Artifact`` and its kinds have these."""

    name: str
    uri: str
    metadata: dict[str, Any]

    @property
    def path(self) -> str: ...


class ArtifactIntegrityError(RuntimeError):
    """An artifact is not what its step published; the message names run, artifact, expected and actual digest."""

    def __init__(self, artifact: str, location: str, expected: str, actual: str) -> None:
        super().__init__(
            f"artifact '{artifact}' at {location} was changed after its step published it: its SHA-256 is {actual}, "
            f"expected {expected}; run the pipeline again, which makes it anew"
        )
        self.artifact, self.location, self.expected, self.actual = artifact, location, expected, actual


def digest(path: Path) -> str:
    """SHA-256 in hexadecimal: of a file its bytes, of a folder the names and digests of all files in it.

    Raises:
        FileNotFoundError: There is nothing at the path.
    """
    if not path.is_dir():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    whole = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            whole.update(f"{file.relative_to(path).as_posix()}\n{digest(file)}\n".encode())
    return whole.hexdigest()


def read(artifact: Artifact) -> Path:
    """The path of an input artifact, once its content is known to be what its step published.

    Raises:
        ArtifactIntegrityError: It is not, or it was never published by ``publish``.
    """
    expected, path = str(artifact.metadata.get(SHA256, "unknown")), Path(artifact.path)
    actual = digest(path) if path.exists() else "that of nothing"
    if actual != expected:
        raise ArtifactIntegrityError(artifact.name, artifact.uri, expected, actual)
    return path


@contextmanager
def publish(artifact: Artifact) -> Iterator[Path]:
    """A path to write an output artifact to, a file or a folder; it appears under its own name when the block ends.

    Nothing appears where the block raises or its process is killed. The content is on disk before it has its name.

    Raises:
        FileNotFoundError: The block wrote nothing.
    """
    target = Path(artifact.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        yield draft
        artifact.metadata[SHA256] = digest(draft)
        _flush(draft)
        _remove(target)
        draft.rename(target)
        _flush_entry(target.parent)
    finally:
        _remove(draft)


def _flush(path: Path) -> None:
    """Have the system write a file, or a folder and all in it, to disk."""
    for part in [path, *path.rglob("*")] if path.is_dir() else [path]:
        _flush_entry(part)


def _flush_entry(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
