"""The locked Python environment of a clone: uv, then ``uv sync --frozen`` into ``.venv``."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

from infra.tools.cache import Cache, put
from infra.tools.catalogue import UvPin, fits
from infra.tools.find import Search, ask_version

_LAST_LINES = 15
_PYTHONS = ("python3.12", "python3.11")


class EnvironmentFailed(Exception):
    """The environment could not be made; the message says why and what to do."""


def choose_python(clone: Path, path: str) -> Path:
    """The interpreter of the environment: the one that runs this, else one on ``path``.

    Raises:
        EnvironmentFailed: None of them fits pyproject.toml's ``requires-python``.
    """
    accept = tomllib.loads((clone / "pyproject.toml").read_text())["project"]["requires-python"]
    running = ".".join(str(part) for part in sys.version_info[:3])
    if fits(running, accept):
        return Path(sys.executable).resolve()
    for name in _PYTHONS:
        program = shutil.which(name, path=path)
        # A version manager's stub can be there without the version behind it.
        version = ask_version([program, "--version"]) if program else None
        if program and version and fits(version, accept):
            return Path(program).absolute()
    raise EnvironmentFailed(
        f"Python {running} runs this, the environment needs {accept}, and neither {' nor '.join(_PYTHONS)} "
        "is on PATH: install one of them, or name one by `make PYTHON=/path/to/python3.12 env`"
    )


def find_uv(pin: UvPin, search: Search) -> Path | None:
    """uv on PATH when it fits, else the one in the cache, else None."""
    for entry in search.path.split(os.pathsep):
        program = shutil.which("uv", path=entry)
        if program and (version := search.version(Path(program), ("--version",))) and fits(version, pin.accept):
            return Path(program)
    cached = _uv_folder(pin, search.cache) / "bin" / "uv"
    return cached if cached.is_file() else None


def obtain_uv(pin: UvPin, search: Search, say: Callable[[str], None]) -> Path:
    """Find uv, or install it from PyPI into the cache.

    Raises:
        EnvironmentFailed: It cannot be installed.
    """
    if found := find_uv(pin, search):
        return found
    with search.cache.lock("uv", lambda: say("uv: another install is at it; waiting")):
        if found := find_uv(pin, search):
            return found
        start = time.monotonic()
        with search.cache.staging("uv") as staged:
            _install_uv(pin, staged, search.cache.root / "staging" / "uv")
            folder = put(staged, _uv_folder(pin, search.cache))
        say(f"uv {pin.version}: PyPI, {time.monotonic() - start:.1f} s")
        return folder / "bin" / "uv"


def is_current(clone: Path, python: Path) -> bool:
    """Whether ``.venv`` was made from these very files by this interpreter."""
    try:
        return _stamp_file(clone).read_text() == _stamp(clone, python) and (clone / ".venv/bin/python").exists()
    except FileNotFoundError:
        return False


def sync(clone: Path, python: Path, uv: Path, cache: Cache) -> None:
    """Make ``.venv`` equal to uv.lock.

    Raises:
        EnvironmentFailed: uv failed; the message ends with its last lines.
    """
    _stamp_file(clone).unlink(missing_ok=True)
    environment = {
        **os.environ,
        "UV_CACHE_DIR": str(cache.uv),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_PROJECT_ENVIRONMENT": str(clone / ".venv"),
    }
    # An activated environment is not the one that is made here.
    environment.pop("VIRTUAL_ENV", None)
    _run([str(uv), "sync", "--frozen", "--python", str(python)], "uv sync --frozen", clone, environment)
    _stamp_file(clone).write_text(_stamp(clone, python))


def _uv_folder(pin: UvPin, cache: Cache) -> Path:
    return cache.tools / "uv" / pin.version


def _install_uv(pin: UvPin, staged: Path, scratch: Path) -> None:
    requirements = scratch / "requirements.txt"
    hashes = "".join(f" --hash=sha256:{digest}" for digest in pin.sha256)
    requirements.write_text(f"uv=={pin.version}{hashes}\n")
    _run(
        [str(_python_with_pip(scratch)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        + ["--no-cache-dir", "--only-binary", ":all:", "--require-hashes"]
        + ["--target", str(staged), "--requirement", str(requirements)],
        f"installing uv {pin.version} from PyPI",
        scratch,
        {**os.environ, "PIP_REQUIRE_VIRTUALENV": "0"},
    )
    if not (staged / "bin" / "uv").is_file():
        raise EnvironmentFailed(f"pip installed uv {pin.version} without its program; put uv {pin.accept} on PATH")


def _python_with_pip(scratch: Path) -> Path:
    """The running interpreter, or a throw-away environment of it where it has no pip."""
    own = Path(sys.executable)
    if _succeeds([str(own), "-m", "pip", "--version"]):
        return own
    if _succeeds([str(own), "-m", "venv", str(scratch / "pip")]):
        return scratch / "pip" / "bin" / "python"
    raise EnvironmentFailed(
        f"uv is not on PATH and {own} has neither pip nor a working venv module to install it: "
        "`apt install python3-venv` on Debian and Ubuntu, or put uv on PATH (https://docs.astral.sh/uv)"
    )


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _run(command: list[str], what: str, folder: Path, environment: dict[str, str]) -> None:
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        lines = (result.stderr or result.stdout).strip().splitlines()[-_LAST_LINES:]
        told = "".join(f"\n    {line}" for line in lines)
        raise EnvironmentFailed(f"{what} failed with exit status {result.returncode}{told}")


def _stamp_file(clone: Path) -> Path:
    return clone / ".venv" / "keelson-stamp"


def _stamp(clone: Path, python: Path) -> str:
    digest = hashlib.sha256(f"{python} {clone}\n".encode())
    for name in ("uv.lock", "pyproject.toml"):
        digest.update((clone / name).read_bytes())
    return digest.hexdigest()
