"""Which tools the stack needs, in which versions, and where each can be had: the typed form of versions.toml.

Like all of ``infra.tools`` it runs before any environment exists and uses the standard library only.
"""

import platform
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_OPERATORS = {
    ">=": lambda given, limit: given >= limit,
    "<": lambda given, limit: given < limit,
}


@dataclass(frozen=True)
class Release:
    """An official archive.

    Attributes:
        url: Address of the ``.tar.gz`` for this machine; None where the project publishes none for it.
        checksums: Address of the checksum file beside it.
        sha256: Pinned checksum, used before the published one; None where it is not pinned.
        files: Program name to its path below the archive's top folder.
        home: The whole archive is kept, because the program needs its folder.
        flat: The archive has no top folder.
    """

    url: str | None
    checksums: str
    sha256: str | None
    files: dict[str, str]
    home: bool
    flat: bool


@dataclass(frozen=True)
class GoBuild:
    """How Go builds a tool in ``folder``, whose go.mod and go.sum pin every module.

    Attributes:
        folder: Holds go.mod, go.sum, and tools.go or the program itself.
        module: Module path of the tool.
        package: Its main package; `.` is the folder's own.
        ldflags: Given to the linker.
        files: Program name to its path in the module's source folder.
    """

    folder: Path
    module: str
    package: str
    ldflags: str
    files: dict[str, str]


@dataclass(frozen=True)
class Tool:
    """One command-line tool. ``accept`` is a range such as ``>=3.250,<4``; see versions.toml for the rest."""

    name: str
    version: str
    accept: str
    ask: tuple[str, ...]
    beside: str | None
    extra: tuple[str, ...]
    optional: bool
    release: Release | None
    go: GoBuild | None

    @property
    def programs(self) -> tuple[str, ...]:
        """File names that must be there for the tool to work."""
        return (self.name, *self.extra)


@dataclass(frozen=True)
class UvPin:
    """The uv that is installed from PyPI when PATH has none that fits ``accept``."""

    version: str
    accept: str
    sha256: tuple[str, ...]


@dataclass(frozen=True)
class Catalogue:
    """All of versions.toml."""

    tools: tuple[Tool, ...]
    uv: UvPin


def machine() -> str:
    """This machine as ``<system>-<architecture>``, e.g. ``linux-x86_64`` or ``darwin-aarch64``."""
    architecture = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    return f"{sys.platform}-{architecture}"


def load(path: Path = HERE / "versions.toml", system: str | None = None, group: str | None = None) -> Catalogue:
    """Read the catalogue for the machine ``system`` (default: this one).

    The folders of the Go modules stand beside ``path``. Only tools of ``group`` are in it; those without a group are
    the stack's own.
    """
    entries = tomllib.loads(path.read_text())
    uv = entries.pop("uv")
    system = system or machine()
    return Catalogue(
        tools=tuple(
            _tool(name, entry, path.parent, system) for name, entry in entries.items() if entry.get("group") == group
        ),
        uv=UvPin(version=uv["version"], accept=uv["accept"], sha256=tuple(uv["sha256"])),
    )


def _tool(name: str, entry: dict[str, Any], folder: Path, system: str) -> Tool:
    version = entry["version"]
    return Tool(
        name=name,
        version=version,
        accept=entry.get("accept", f">={version}"),
        ask=tuple(entry.get("ask", ())),
        beside=entry.get("beside"),
        extra=tuple(entry.get("extra", ())),
        optional=entry.get("optional", False),
        release=_release(entry["release"], version, system) if "release" in entry else None,
        go=_go(entry["go"], version, folder / entry["go"].get("folder", name)) if "go" in entry else None,
    )


def _release(entry: dict[str, Any], version: str, system: str) -> Release:
    names = {"version": version, "platform": entry["platforms"].get(system, "")}
    return Release(
        url=entry["url"].format_map(names) if names["platform"] else None,
        checksums=entry["checksums"].format_map(names),
        sha256=entry.get("sha256", {}).get(system),
        files=entry["files"],
        home=entry.get("home", False),
        flat=entry.get("flat", False),
    )


def _go(entry: dict[str, Any], version: str, folder: Path) -> GoBuild:
    return GoBuild(
        folder=folder,
        module=entry["module"],
        package=entry["package"],
        ldflags=entry.get("ldflags", "").format(version=version),
        files=entry.get("files", {}),
    )


def find_version(text: str) -> str | None:
    """The first version such as 3.250.0 in a program's output; None where it prints none, as unstamped builds do."""
    found = re.search(r"\d+\.\d+(?:\.\d+)*", text)
    return found.group() if found else None


def fits(version: str, accept: str) -> bool:
    """Whether ``version`` (dotted numbers) lies in ``accept``: comma-separated ``>=`` and ``<`` limits."""
    given = _numbers(version)
    for condition in accept.split(","):
        match = re.fullmatch(r"\s*(>=|<)\s*([\d.]+)\s*", condition)
        if match is None:
            raise ValueError(f"version range {accept!r}: {condition!r} is not '>=' or '<' and dotted numbers")
        if not _OPERATORS[match[1]](given, _numbers(match[2])):
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    """Dotted numbers, padded so that 3.5 and 3.5.0 are equal."""
    parts = [int(part) for part in version.split(".")]
    return tuple(parts + [0] * (4 - len(parts)))
