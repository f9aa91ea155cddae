"""What a bundle says about itself: ``bundle.json``, written at build, read at start."""

import hashlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

MANIFEST_FILE = "bundle.json"
MODEL_FOLDER = "model"

# Written beside the content by BentoML and by Python; not part of what was built.
_NOT_CONTENT = {MANIFEST_FILE, "bentofile.yaml"}


class BundleError(RuntimeError):
    """A bundle is missing, incomplete or not what its tag says."""


class Provenance(BaseModel):
    """Where a bundle's content comes from.

    Attributes:
        model_version: Version in the model registry.
        run_id: The training run in MLflow.
        data_version: Version of the trips table that the model learned from.
        lock_hash: SHA-256 of ``uv.lock``, the environment that the bundle was built for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model_version: str
    run_id: str
    data_version: str
    lock_hash: str


class Manifest(BaseModel):
    """``bundle.json``.

    Attributes:
        tag: ``name:version``, where the version is a prefix of the content's hash.
        commit: The source's commit. It names where the code came from but does not change what the
            bundle does, so it is not part of the tag: content that is equal stays one bundle.
        provenance: The rest, which the tag does cover.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tag: str
    commit: str
    provenance: Provenance

    @classmethod
    def read(cls, root: Path) -> "Manifest":
        """The manifest of the bundle unpacked at ``root``.

        Raises:
            BundleError: There is none, or it cannot be read.
        """
        file = root / MANIFEST_FILE
        try:
            return cls.model_validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            raise BundleError(
                f"{file} cannot be read: {error}; serve a bundle made by `python -m serving.bundle`, not the sources"
            ) from error

    def write(self, root: Path) -> None:
        """Put the manifest into the bundle at ``root``."""
        (root / MANIFEST_FILE).write_text(self.model_dump_json(indent=2) + "\n")


def content_hash(root: Path, provenance: Provenance) -> str:
    """SHA-256 (hex) of every file of the bundle at ``root``, by path and bytes, and of its provenance."""
    digest = hashlib.sha256(provenance.model_dump_json().encode())
    for file in sorted(root.rglob("*")):
        if not file.is_file() or file.name in _NOT_CONTENT or "__pycache__" in file.parts:
            continue
        digest.update(f"\n{file.relative_to(root).as_posix()}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
