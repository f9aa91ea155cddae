"""The cache folder outside the clones: finished tools, and what Go and uv download to make them.

A tool lies in ``tools/<name>/<version>-<pin>/`` with its programs in ``bin/``. It is made in a temporary folder of the
same file system and renamed, under a lock, so what lies there is whole, and two installs make it once.
"""

import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.tools.catalogue import Tool


@dataclass(frozen=True)
class Entry:
    """A finished tool in the cache; ``way`` is ``release`` or ``go``."""

    folder: Path
    way: str

    @property
    def bin(self) -> Path:
        return self.folder / "bin"


@dataclass(frozen=True)
class Cache:
    """The folder ``root``; nothing is created before it is needed."""

    root: Path

    @property
    def tools(self) -> Path:
        return self.root / "tools"

    @property
    def uv(self) -> Path:
        """UV_CACHE_DIR."""
        return self.root / "uv"

    def go_environment(self) -> dict[str, str]:
        """Go's own folders, all in the cache."""
        return {
            "GOPATH": str(self.root / "go"),
            "GOMODCACHE": str(self.root / "go" / "pkg" / "mod"),
            "GOCACHE": str(self.root / "go-build"),
        }

    def entry(self, tool: Tool) -> Entry | None:
        """The finished tool, or None."""
        folder = self._folder(tool)
        try:
            return Entry(folder, json.loads((folder / "entry.json").read_text())["way"])
        except FileNotFoundError:
            return None

    def lock(self, name: str, waiting: Callable[[], None]) -> AbstractContextManager[None]:
        """Hold the lock of the tool ``name``; see ``hold``."""
        return hold(self.root / "locks" / f"{name}.lock", waiting)

    @contextmanager
    def staging(self, name: str) -> Iterator[Path]:
        """A temporary folder on the cache's file system, gone afterwards. Hold ``name``'s lock.

        What killed installs of ``name`` left is removed first.
        """
        parent = self.root / "staging" / name
        shutil.rmtree(parent, ignore_errors=True)
        parent.mkdir(parents=True)
        try:
            yield Path(tempfile.mkdtemp(dir=parent))
        finally:
            shutil.rmtree(parent, ignore_errors=True)

    def commit(self, tool: Tool, staged: Path, way: str) -> Entry:
        """Move the finished folder ``staged`` (with ``bin/``) to the tool's place."""
        (staged / "entry.json").write_text(json.dumps({"way": way}) + "\n")
        return Entry(put(staged, self._folder(tool)), way)

    def _folder(self, tool: Tool) -> Path:
        return self.tools / tool.name / f"{tool.version}-{_pin(tool)}"


@contextmanager
def hold(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file ``path`` against other installs; calls ``waiting`` when one of them holds it.

    The kernel frees it when the process ends, however it ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def put(staged: Path, place: Path) -> Path:
    """Rename ``staged`` to ``place``. A folder without its mark, which only a person can have left there, gives way."""
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    staged.chmod(0o755)
    return staged.rename(place)


def locate(environment: dict[str, str]) -> Cache:
    """``$KEELSON_CACHE``, else ``$XDG_CACHE_HOME/keelson``, else ``~/.cache/keelson``."""
    if given := environment.get("KEELSON_CACHE"):
        return Cache(Path(given).expanduser().absolute())
    base = environment.get("XDG_CACHE_HOME")
    return Cache((Path(base) if base else Path.home() / ".cache").absolute() / "keelson")


def _pin(tool: Tool) -> str:
    """Eight digits that change when the version, the Go module pins or the build's flags do."""
    digest = hashlib.sha256(tool.version.encode())
    if tool.go:
        digest.update(f"\n{tool.go.package}\n{tool.go.ldflags}\n".encode())
        for name in ("go.mod", "go.sum"):
            digest.update((tool.go.folder / name).read_bytes())
    return digest.hexdigest()[:8]
