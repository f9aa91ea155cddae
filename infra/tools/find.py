"""Find or get one tool: from PATH, else from the cache, else its release, else built with Go."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra.tools import gobuild, release
from infra.tools.cache import Cache, Entry
from infra.tools.catalogue import Tool, find_version, fits

# Some read a hundred megabytes first: where that takes long, the tool would be got anew.
_ASK_SECONDS = 60
_GRAFANA_HOMES = (Path("/usr/share/grafana"),)
_WAYS = {"release": "official release", "go": "built with Go"}


@dataclass(frozen=True)
class Found:
    """A tool that can be used.

    Attributes:
        name: Of the tool.
        version: As the program prints it, or as it was pinned when it was installed.
        way: ``PATH``, ``official release`` or ``built with Go``.
        programs: Program name to absolute path.
        home: The folder that the tool needs at run time, if any.
    """

    name: str
    version: str
    way: str
    programs: dict[str, Path]
    home: Path | None = None


@dataclass(frozen=True)
class Missing:
    """A tool that could not be had, and why each way failed, in order."""

    tool: Tool
    reasons: tuple[str, ...]


@dataclass
class Search:
    """Where tools are looked for.

    Attributes:
        path: Folders in the form of PATH.
        cache: The cache.
        seen: Versions of programs asked before; see ``program_key``.
    """

    path: str
    cache: Cache
    seen: dict[str, str] = field(default_factory=dict)

    def version(self, program: Path, ask: tuple[str, ...]) -> str | None:
        """What ``program`` says its version is; asked once for each state of the file."""
        key = program_key(program)
        if key not in self.seen and (version := ask_version([str(program), *ask])):
            self.seen[key] = version
        return self.seen.get(key)


def search_path(path: str, clone: Path) -> str:
    """PATH without this clone's own links and environment, which would find themselves."""
    own = {clone / ".local" / "bin", clone / ".venv" / "bin"}
    return os.pathsep.join(entry for entry in path.split(os.pathsep) if entry and Path(entry) not in own)


def program_key(program: Path) -> str:
    """Path, size and time of change: as long as they stay, the program is the same."""
    state = program.stat()
    return f"{program}:{state.st_size}:{state.st_mtime_ns}"


def ask_version(command: list[str]) -> str | None:
    """The version that a command prints; None when it fails or prints none."""
    try:
        result = subprocess.run(
            command,
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ASK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return find_version(result.stdout + result.stderr) if result.returncode == 0 else None


def find(tool: Tool, search: Search, others: Mapping[str, Found], notes: list[str]) -> Found | None:
    """Look for a tool without installing anything. ``others`` are the tools found before it.

    Appends to ``notes`` why a program on PATH is passed over.
    """
    if tool.beside and (host := others.get(tool.beside)):
        found = _beside(tool, host)
        if found:
            return found
    if tool.ask and (found := _on_path(tool, search, notes)):
        return found
    entry = search.cache.entry(tool)
    return _cached(tool, entry) if entry else None


def obtain(
    tool: Tool,
    search: Search,
    others: Mapping[str, Found],
    downloads: release.Downloads,
    say: Callable[[str], None],
) -> Found | Missing:
    """Find a tool or install it into the cache; tells ``say`` what takes time."""
    notes: list[str] = []
    if found := find(tool, search, others, notes):
        return found
    for note in notes:
        say(f"{tool.name}: {note}")
    with search.cache.lock(tool.name, lambda: say(f"{tool.name}: another install is at it; waiting")):
        entry = search.cache.entry(tool) or _install(tool, search, downloads, say, notes)
    return _cached(tool, entry) if entry else Missing(tool, tuple(notes))


def _install(
    tool: Tool, search: Search, downloads: release.Downloads, say: Callable[[str], None], notes: list[str]
) -> Entry | None:
    """Try the release, then Go; what fails is told and noted."""
    start = time.monotonic()
    for way in ("release", "go"):
        try:
            with search.cache.staging(tool.name) as staged:
                if way == "release" and tool.release:
                    release.install(tool.release, staged, downloads)
                elif way == "go" and tool.go:
                    say(f"{tool.name} {tool.version}: building with Go, which takes minutes")
                    gobuild.install(tool, tool.go, staged, search.cache, search.path)
                else:
                    continue
                entry = search.cache.commit(tool, staged, way)
        except (release.ReleaseError, gobuild.BuildError) as error:
            notes.append(f"{_WAYS[way]}: {error}")
            say(f"{tool.name}: not by {_WAYS[way]}: {error}" if way == "release" else f"{tool.name}: {error}")
            continue
        say(f"{tool.name} {tool.version}: {_WAYS[way]}, {time.monotonic() - start:.1f} s")
        return entry
    return None


def _cached(tool: Tool, entry: Entry) -> Found:
    home = entry.folder / "home"
    return Found(
        tool.name,
        tool.version,
        _WAYS[entry.way],
        {name: entry.bin / name for name in tool.programs},
        home if home.is_dir() else None,
    )


def _beside(tool: Tool, host: Found) -> Found | None:
    """The tool in the folder of its host's program, or of the file that program links to."""
    program = host.programs[host.name]
    for folder in (program.parent, program.resolve().parent):
        programs = {name: folder / name for name in tool.programs}
        if all(_is_program(path) for path in programs.values()):
            return Found(tool.name, host.version, host.way, programs)
    return None


def _on_path(tool: Tool, search: Search, notes: list[str]) -> Found | None:
    for entry in search.path.split(os.pathsep):
        program = Path(entry).absolute() / tool.name
        if not _is_program(program):
            continue
        version = search.version(program, tool.ask)
        if version is None:
            notes.append(f"{program} does not say its version")
        elif not fits(version, tool.accept):
            notes.append(f"{program} is {version}, needed is {tool.accept}")
        elif tool.release and tool.release.home:
            if home := _home(program):
                return Found(tool.name, version, "PATH", {tool.name: program}, home)
            notes.append(f"{program} stands apart from its folder with conf/defaults.ini")
        else:
            return Found(tool.name, version, "PATH", {tool.name: program})
    return None


def _home(program: Path) -> Path | None:
    """Grafana's own folder: above bin/, or where its packages put it."""
    for folder in (program.resolve().parent.parent, *_GRAFANA_HOMES):
        if (folder / "conf" / "defaults.ini").is_file():
            return folder
    return None


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
