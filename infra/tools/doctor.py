"""Say what was found where, what is missing and how to get it. Usage: ``python3 -m infra.tools.doctor [--json]``.

Installs nothing and works before anything is installed. Exit status 1: something that is needed is missing.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(f"Python 3.11 or newer is needed, {sys.executable} is older: name one by `make PYTHON=python3.12 ...`")

import argparse
import json
import os
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.tools import cache, environment
from infra.tools.catalogue import Catalogue, Tool, load
from infra.tools.find import Found, Search, ask_version, find, search_path
from infra.tools.gobuild import find_go
from infra.tools.install import CLONE, how_to_get, is_offline
from infra.tools.release import Downloads, can_reach

_FREE_GB = 15
_AS_USER = ["unshare", "--user", "--map-user=1000", "true"]


@dataclass(frozen=True)
class Line:
    """One row of the table.

    Attributes:
        name: What was looked for.
        state: ``ok``, ``to do`` (``make env`` does it), ``absent`` (can be done without), ``low`` (disk) or
            ``missing``.
        version: As printed; empty where there is none.
        where: Path and way, or what to do.
    """

    name: str
    state: str
    version: str
    where: str


def main() -> int:
    """Print the table or its JSON; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m infra.tools.doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    as_json = parser.parse_args().json
    lines = examine(CLONE, load())
    missing = [line.name for line in lines if line.state == "missing"]
    if as_json:
        print(json.dumps({"ok": not missing, "checks": [asdict(line) for line in lines]}, indent=2))
    else:
        print(table(lines))
        print(f"missing: {', '.join(missing)}" if missing else "nothing that is needed is missing")
    return 1 if missing else 0


def table(lines: list[Line]) -> str:
    """The rows, aligned, one a line."""
    name = max(len(line.name) for line in lines)
    version = max(len(line.version) for line in lines)
    return "\n".join(
        f"{line.state:8} {line.name:{name}}  {line.version:{version}}  {line.where}".rstrip() for line in lines
    )


def examine(clone: Path, catalogue: Catalogue) -> list[Line]:
    """Look at this machine for ``clone``; changes nothing."""
    search = Search(search_path(os.environ.get("PATH", ""), clone), cache.locate(dict(os.environ)))
    go = find_go(search.path)
    lines = [_command("git", search.path, "install git"), _command("make", search.path, "install make")]
    lines.append(_go(go))
    lines += _environment(clone, catalogue, search)
    lines += _tools(catalogue, search, go is not None)
    lines.append(_disk(search.cache.root))
    if os.geteuid() == 0:
        lines.append(_ordinary_user())
    return lines


def _command(name: str, path: str, advice: str) -> Line:
    program = shutil.which(name, path=path)
    if program is None:
        return Line(name, "missing", "", f"{advice} with this system's package manager")
    return Line(name, "ok", ask_version([program, "--version"]) or "", program)


def _go(program: str | None) -> Line:
    if program is None:
        return Line("go", "absent", "", "only needed for tools that PATH, cache and releases do not give")
    return Line("go", "ok", ask_version([program, "version"]) or "", program)


def _environment(clone: Path, catalogue: Catalogue, search: Search) -> list[Line]:
    try:
        python = environment.choose_python(clone, search.path)
    except environment.EnvironmentFailed as error:
        return [Line("python", "missing", ".".join(map(str, sys.version_info[:3])), str(error))]
    uv = environment.find_uv(catalogue.uv, search)
    current = environment.is_current(clone, python)
    return [
        Line("python", "ok", ask_version([str(python), "--version"]) or "", str(python)),
        Line("uv", "ok", ask_version([str(uv), "--version"]) or "", str(uv))
        if uv
        else Line("uv", "to do", catalogue.uv.version, "`make env` installs it from PyPI"),
        Line("environment", "ok", "", str(clone / ".venv"))
        if current
        else Line("environment", "to do", "", "`make env` makes it from uv.lock"),
    ]


def _tools(catalogue: Catalogue, search: Search, has_go: bool) -> list[Line]:
    found: dict[str, Found] = {}
    # Tools that will be had: one that stands beside such a tool comes with it.
    to_come: set[str | None] = set()
    lines: list[Line] = []
    for tool in catalogue.tools:
        notes: list[str] = []
        outcome = find(tool, search, found, notes)
        if outcome:
            found[tool.name] = outcome
            lines.append(Line(tool.name, "ok", outcome.version, f"{outcome.programs[tool.name]} ({outcome.way})"))
        else:
            line = _not_found(tool, notes, has_go or tool.beside in to_come)
            if line.state == "to do":
                to_come.add(tool.name)
            lines.append(line)
    return lines


def _not_found(tool: Tool, notes: list[str], can_build: bool) -> Line:
    told = "".join(f"{note}; " for note in notes)
    if tool.optional:
        return Line(tool.name, "absent", "", f"{told}the stack comes up without it. {how_to_get(tool)}")
    if tool.go and can_build:
        return Line(tool.name, "to do", tool.version, f"{told}`make env` takes its release or builds it with Go")
    if tool.release and can_reach(tool.release, Downloads(offline=is_offline())):
        return Line(tool.name, "to do", tool.version, f"{told}`make env` takes it from the official release")
    return Line(tool.name, "missing", "", f"{told}{how_to_get(tool)}")


def _disk(folder: Path) -> Line:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    state = "ok" if free >= _FREE_GB else "low"
    return Line("disk", state, f"{free:.0f} GB", f"free at {folder}; builds from nothing need about {_FREE_GB} GB")


def _ordinary_user() -> Line:
    """Root needs a user namespace: Postgres refuses to run as root."""
    advice = "Postgres refuses root and takes an ordinary user's id by `unshare --user`"
    try:
        allowed = subprocess.run(_AS_USER, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        allowed = False
    if allowed:
        return Line("user namespace", "ok", "", advice)
    return Line("user namespace", "missing", "", f"{advice}, which fails here: run as an ordinary user")


if __name__ == "__main__":
    sys.exit(main())
