"""Make the locked environment and find or install the tools. Usage: ``python3 -m infra.tools.install``.

Starts nothing and writes only to the clone (``.venv``, ``.local``) and to the cache folder. Exit status 1: something
that is needed could not be had; the last lines say what and how to get it.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(f"Python 3.11 or newer is needed, {sys.executable} is older: name one by `make PYTHON=python3.12 ...`")

import os
import time
from pathlib import Path

from infra.tools import bytecode, cache, environment, links
from infra.tools.catalogue import Catalogue, Tool, load
from infra.tools.find import Found, Missing, Search, obtain, search_path
from infra.tools.release import Downloads

CLONE = Path(__file__).resolve().parents[2]
# An optional tool that could not be had is looked for again after a day, so that each `make` does not wait for it.
_AGAIN_SECONDS = 24 * 3600.0


def main() -> int:
    """Install for this clone; returns the exit status."""
    try:
        return install(CLONE, load())
    except KeyboardInterrupt:
        _say("interrupted; nothing is half installed, the next `make env` goes on from here")
        return 130


def install(clone: Path, catalogue: Catalogue) -> int:
    """Bring the environment and the tools of ``clone`` to what ``catalogue`` asks for; returns the exit status."""
    with cache.hold(clone / ".local" / "install.lock", lambda: _say("another install works on this clone; waiting")):
        record = links.read_record(clone)
        search = Search(
            search_path(os.environ.get("PATH", ""), clone), cache.locate(dict(os.environ)), record.get("seen", {})
        )
        problem = _environment(clone, catalogue, search)
        found, missing, absent = _tools(catalogue, search, record.get("absent", {}))
        links.write_links(clone, found.values())
        links.write_record(clone, found.values(), search.seen, absent)
    print(f"tools: {', '.join(f'{tool.name} {tool.version} ({tool.way})' for tool in found.values()) or 'none'}")
    for entry in missing:
        if entry.tool.optional:
            print(f"tools: {entry.tool.name} is absent; the stack comes up without it")
    needed = [entry for entry in missing if not entry.tool.optional]
    for entry in needed:
        print(f"missing: {entry.tool.name}. {how_to_get(entry.tool)}", file=sys.stderr)
    if problem:
        print(f"environment: {problem}", file=sys.stderr)
    return 1 if needed or problem else 0


def is_offline() -> bool:
    """Whether the user said by KEELSON_OFFLINE=1 that releases are not to be asked for."""
    return os.environ.get("KEELSON_OFFLINE") == "1"


def how_to_get(tool: Tool) -> str:
    """The ways to get a tool, as one sentence."""
    ways = [f"put {tool.name} {tool.accept} on PATH"] if tool.ask else []
    if tool.beside:
        ways.append(f"put the official release of {tool.beside}, which holds it, on PATH")
    if tool.release and tool.release.url:
        ways.append(f"let this machine reach {tool.release.url}")
    if tool.go:
        ways.append("install Go (https://go.dev/dl) with a network that reaches its module proxy")
    return f"To get it: {', or '.join(ways)}."


def _environment(clone: Path, catalogue: Catalogue, search: Search) -> str | None:
    """Make the environment; returns what went wrong, or None."""
    try:
        python = environment.choose_python(clone, search.path)
        if environment.is_current(clone, python):
            return None
        uv = environment.obtain_uv(catalogue.uv, search, _say)
        start = time.monotonic()
        _say("environment: uv sync --frozen")
        environment.sync(clone, python, uv, search.cache)
        bytecode.restore(clone, search.cache)
        _say(f"environment: {time.monotonic() - start:.1f} s")
    except environment.EnvironmentFailed as error:
        return str(error)
    return None


def _tools(
    catalogue: Catalogue, search: Search, absent: dict[str, float]
) -> tuple[dict[str, Found], list[Missing], dict[str, float]]:
    """Get the tools in order; also returns when each absent optional one was last looked for."""
    downloads = Downloads(offline=is_offline())
    found: dict[str, Found] = {}
    missing: list[Missing] = []
    tried: dict[str, float] = {}
    for tool in catalogue.tools:
        rested = time.time() - absent.get(tool.name, 0.0) > _AGAIN_SECONDS
        waits = Downloads(offline=True) if tool.optional and not rested else downloads
        outcome = obtain(tool, search, found, waits, _quiet if waits is not downloads else _say)
        if isinstance(outcome, Found):
            found[tool.name] = outcome
            continue
        missing.append(outcome)
        if tool.optional and not downloads.offline:
            tried[tool.name] = time.time() if rested else absent[tool.name]
    return found, missing, tried


def _say(line: str) -> None:
    print(line, flush=True)


def _quiet(_: str) -> None:
    return None


if __name__ == "__main__":
    sys.exit(main())
