"""What a bundle says about itself: ``bundle.json``, written at build, read and checked at start."""

import hashlib
import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components import contract

MANIFEST_FILE = "bundle.json"
MODELS_FOLDER = "models"

_TAG_LENGTH = 16
# Written beside the content by BentoML and by Python; not part of what was built.
_NOT_CONTENT = {MANIFEST_FILE, "bentofile.yaml"}


class BundleError(RuntimeError):
    """A bundle cannot be built, or is missing, incomplete or not what its tag says."""


class BundleIntegrityError(BundleError):
    """A file of a bundle is not what was built; the message names file, expected and actual digest."""

    def __init__(self, file: Path, expected: str, actual: str) -> None:
        super().__init__(
            f"{file} was changed after the bundle was built: its SHA-256 is {actual}, expected {expected}; build the "
            "bundle again with `python -m serving.bundle`, which replaces it"
        )
        self.file, self.expected, self.actual = file, expected, actual


class Variant(BaseModel):
    """One model version of a bundle, and where it comes from.

    Attributes:
        model_version: Version in the model registry; the model's folder in the bundle has its name.
        run_id: The training run in MLflow.
        data_version: Version of the trips table that the model learned from.
        model_sha256: Hash of the model, as ``components.model`` computes it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model_version: str
    run_id: str
    data_version: str
    model_sha256: str

    @property
    def folder(self) -> str:
        """The model's folder below the bundle's root."""
        return f"{MODELS_FOLDER}/{self.model_version}"


class Content(BaseModel):
    """All that decides what a bundle does; equal contents are one bundle.

    Attributes:
        variants: The champion, and the challenger if there is one, as they were when the bundle was built. Which of
            them answers is not part of the bundle (``serving.traffic``).
        lock_hash: SHA-256 of ``uv.lock``, the environment that the bundle was built for.
        packages: Version of every package that the bundle runs with, by name.
        files: SHA-256 of every file but ``bundle.json``, by its path below the bundle's root.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    variants: tuple[Variant, ...] = Field(min_length=1, max_length=2)
    lock_hash: str
    packages: dict[str, str]
    files: dict[str, str]

    def content_hash(self) -> str:
        """SHA-256 (hex) of the content."""
        said = json.dumps(self.model_dump(include=set(Content.model_fields)), sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()


class Manifest(Content):
    """``bundle.json``.

    Attributes:
        tag: ``name:version``, where the version is a prefix of the content's hash.
        commit: The source's commit. It names where the code came from but does not change what the
            bundle does, so it is not part of the content.
    """

    tag: str
    commit: str

    @classmethod
    def describe(cls, content: Content, commit: str) -> "Manifest":
        """The manifest of a content: its tag follows from it."""
        return cls(tag=_tag(content), commit=commit, **dict(content))

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

    @classmethod
    def read_verified(cls, root: Path) -> "Manifest":
        """The manifest of the bundle unpacked at ``root``, once each file is known to be what was built.

        Raises:
            BundleIntegrityError: A file was changed, removed or added; it is named with both digests.
            BundleError: There is no manifest, or it cannot be read.
        """
        manifest = cls.read(root)
        if manifest.tag != _tag(manifest):
            raise BundleIntegrityError(root / MANIFEST_FILE, manifest.tag, _tag(manifest))
        actual = file_hashes(root)
        for name in sorted(manifest.files.keys() | actual.keys()):
            expected, found = manifest.files.get(name, "that of no file"), actual.get(name, "that of no file")
            if expected != found:
                raise BundleIntegrityError(root / name, expected, found)
        return manifest

    def write(self, root: Path) -> None:
        """Put the manifest into the bundle at ``root``."""
        (root / MANIFEST_FILE).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def file_hashes(root: Path) -> dict[str, str]:
    """SHA-256 (hex) of every file of the bundle at ``root``, by path; without what building and running leave there."""
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(root.rglob("*"))
        if file.is_file() and file.relative_to(root).as_posix() not in _NOT_CONTENT and "__pycache__" not in file.parts
    }


def _tag(content: Content) -> str:
    return f"{contract.BUNDLE_NAME}:{content.content_hash()[:_TAG_LENGTH]}"
