"""The definitions that were published: one folder a component or pipeline, one file a version, never changed.

``<kind>/<name>/<version>.yaml`` is what KFP takes, ``<version>.json`` beside it the record of what it was made from.
``SHA256SUMS`` lists them all, in the form of ``sha256sum``. Every version is kept: a run is rebuilt from its own.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from pipelines.versioning.definitions import Definition, Kind, digest
from pipelines.versioning.interface import Interface, interface
from pipelines.versioning.sources import ROOT
from pipelines.versioning.version import Version

FOLDER = ROOT / "pipelines" / "published"
SUMS = "SHA256SUMS"


class Record(BaseModel):
    """What a published version was made from.

    Attributes:
        definition: Digest of what the document says.
        sources: As of ``Definition``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    definition: str
    sources: Mapping[str, str]


class PublishedError(Exception):
    """A published version is not there, is not what was published, or was to be published again."""


class Published:
    """The published versions in a folder."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder

    def versions(self, kind: Kind, name: str) -> list[Version]:
        """Versions of a component or pipeline, oldest first."""
        return sorted(Version.parse(file.stem) for file in (self._folder / kind / name).glob("*.yaml"))

    def record(self, kind: Kind, name: str, version: Version) -> Record:
        """What a version was made from.

        Raises:
            PublishedError: There is no such version, or its file was changed.
        """
        return Record.model_validate_json(self._read(kind, name, version, "json"))

    def document(self, kind: Kind, name: str, version: Version) -> bytes:
        """A version's document. Raises as ``record``."""
        return self._read(kind, name, version, "yaml")

    def interface(self, kind: Kind, name: str, version: Version) -> Interface:
        """What a version takes and gives. Raises as ``record``."""
        return interface(yaml.safe_load(self.document(kind, name, version)))

    def add(self, definition: Definition, version: Version) -> Path:
        """Publish a definition; returns its file.

        Raises:
            PublishedError: The version is there already.
        """
        file = self._file(definition.kind, definition.name, version, "yaml")
        if file.exists():
            raise PublishedError(f"{definition.title} {version} is published, and what is published never changes")
        record = Record(definition=digest(definition.specification), sources=definition.sources)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(definition.document)
        file.with_suffix(".json").write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
        self._list([file, file.with_suffix(".json")])
        return file

    def faults(self) -> list[str]:
        """What is wrong with the folder: files that were changed, are gone, or came without being published."""
        listed, there = self._listed(), {self._name(file): file for file in self._files()}
        changed = [name for name, told in listed.items() if name in there and _sha256(there[name]) != told]
        return [
            *(f"{name} was changed; put back what was published" for name in sorted(changed)),
            *(f"{name} is gone; put back what was published" for name in sorted(listed.keys() - there.keys())),
            *(
                f"{name} is not in {SUMS}; remove it, and publish by `compile`"
                for name in sorted(there - listed.keys())
            ),
        ]

    def _read(self, kind: Kind, name: str, version: Version, suffix: str) -> bytes:
        file = self._file(kind, name, version, suffix)
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            there = ", ".join(map(str, self.versions(kind, name))) or "none"
            raise PublishedError(
                f"{kind.removesuffix('s')} {name} {version} was not published; there are {there}"
            ) from None
        if hashlib.sha256(content).hexdigest() != self._listed().get(self._name(file)):
            raise PublishedError(f"{self._name(file)} was changed; put back what was published")
        return content

    def _file(self, kind: Kind, name: str, version: Version, suffix: str) -> Path:
        return self._folder / kind / name / f"{version}.{suffix}"

    def _files(self) -> list[Path]:
        return [file for file in self._folder.rglob("*") if file.is_file() and file.name != SUMS]

    def _name(self, file: Path) -> str:
        return file.relative_to(self._folder).as_posix()

    def _listed(self) -> dict[str, str]:
        file = self._folder / SUMS
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return {name: told for told, name in (line.split("  ", 1) for line in lines)}

    def _list(self, files: list[Path]) -> None:
        listed = self._listed() | {self._name(file): _sha256(file) for file in files}
        text = "".join(f"{listed[name]}  {name}\n" for name in sorted(listed))
        (self._folder / SUMS).write_text(text, encoding="utf-8")


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
