"""Build a tool with Go from the module that its folder pins."""

import os
import shutil
import subprocess
from pathlib import Path

from infra.tools.cache import Cache
from infra.tools.catalogue import GoBuild, Tool

_FLAGS = "-mod=readonly -trimpath -buildvcs=false"
_LAST_LINES = 15


class BuildError(Exception):
    """Go is missing or failed; the message ends with its last lines."""


def find_go(path: str) -> str | None:
    """The ``go`` command on ``path``."""
    return shutil.which("go", path=path)


def install(tool: Tool, build: GoBuild, staged: Path, cache: Cache, path: str) -> None:
    """Build into ``staged/bin``.

    Raises:
        BuildError: There is no Go, or it failed.
    """
    go = find_go(path)
    if go is None:
        raise BuildError("there is no Go on PATH")
    environment = {
        **os.environ,
        **cache.go_environment(),
        "GOFLAGS": _FLAGS,
        "GOWORK": "off",
        # As the official releases: no C compiler is needed, and the program does not depend on this machine's libc.
        "CGO_ENABLED": "0",
    }
    target = staged / "bin" / tool.name
    target.parent.mkdir()
    _run([go, "build", "-ldflags", build.ldflags, "-o", str(target), build.package], build.folder, environment)
    if build.files:
        source = _run([go, "list", "-m", "-f", "{{.Dir}}", build.module], build.folder, environment).strip()
        for name, inner in build.files.items():
            shutil.copyfile(Path(source) / inner, target.with_name(name))
            target.with_name(name).chmod(0o755)


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        lines = (result.stderr or result.stdout).strip().splitlines()[-_LAST_LINES:]
        told = "".join(f"\n    {line}" for line in lines)
        raise BuildError(f"`go {command[1]}` failed with exit status {result.returncode}{told}")
    return result.stdout
