"""A bare machine to install on: an empty cache and clone, a PATH of our own programs, and a server of releases."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.tools.catalogue import Catalogue, load
from infra.tools.install import install

ROOT = Path(__file__).parents[3]
_LINUX = 'linux-x86_64 = "p", linux-aarch64 = "p", darwin-x86_64 = "p", darwin-aarch64 = "p"'
_UV = """#!/bin/sh
echo "$*" >> "{log}"
[ "$1" = --version ] && echo "uv 0.13.9" && exit 0
mkdir -p "$UV_PROJECT_ENVIRONMENT/bin"
printf '#!/bin/sh\\nfor word; do echo "$word"; done\\n' > "$UV_PROJECT_ENVIRONMENT/bin/python"
chmod +x "$UV_PROJECT_ENVIRONMENT/bin/python"
"""
_GO = """#!/bin/sh
echo "$*" >> "{log}"
[ "$1" = list ] && echo "{source}" && exit 0
while [ "$1" != -o ]; do shift; done
echo half > "$2"
sleep {seconds}
printf '#!/bin/sh\\necho built\\n' > "$2"
chmod +x "$2"
"""


@dataclass
class Releases:
    """Files by path, served on a loopback port; ``asked`` lists the paths that were asked for."""

    port: int
    files: dict[str, bytes] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def publish(self, path: str, members: dict[str, str], checksum: str | None = None) -> str:
        """Put up an archive of ``members`` and its checksum file; returns the archive's true SHA-256."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, text in members.items():
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(text), 0o755
                archive.addfile(member, io.BytesIO(text.encode()))
        self.files[path] = buffer.getvalue()
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
        self.files["/checksums.txt"] = f"{checksum or digest}  {path.lstrip('/')}\n".encode()
        return digest


@pytest.fixture
def releases() -> Iterator[Releases]:
    """A server of releases with nothing on it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            body = state.files.get(self.path)
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if self.path in state.cut else body)

        def log_message(self, format: str, *args: object) -> None:
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state = Releases(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        server.shutdown()
        thread.join()


@dataclass
class Machine:
    """A machine with nothing but a shell; its PATH is ``bin``."""

    root: Path
    releases: Releases

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def clone(self) -> Path:
        return self.root / "clone"

    @property
    def log(self) -> Path:
        """Arguments of each call of the stub of uv or Go, one a line."""
        return self.root / "calls"

    def calls(self, word: str) -> int:
        """How often a stub was called with ``word`` first."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return sum(line.split()[0] == word for line in lines)

    def program(self, name: str, text: str, folder: Path | None = None) -> Path:
        """Put a shell script on PATH, or into ``folder``."""
        path = (folder or self.bin) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def go(self, seconds: float = 0) -> None:
        """Put a Go on PATH that takes ``seconds`` to build."""
        source = self.root / "source"
        source.mkdir(exist_ok=True)
        (source / "tool-exec").write_text("#!/bin/sh\necho exec\n")
        self.program("go", _GO.format(log=self.log, source=source, seconds=seconds))

    def catalogue(self, tools: str) -> Catalogue:
        """A catalogue of ``tools`` (TOML); ``@`` stands for the release server, ``%`` for the platforms."""
        folder = self.root / "catalogue"
        folder.mkdir(exist_ok=True)
        for name in ("tool", "host"):
            (folder / name).mkdir(exist_ok=True)
            (folder / name / "go.mod").write_text(f"module keelson.tools/{name}\n")
            (folder / name / "go.sum").write_text("")
        text = tools.replace("@", self.releases.url).replace("%", _LINUX)
        uv = '\n[uv]\nversion = "0.13.9"\naccept = ">=0.13"\nsha256 = []\n'
        (folder / "versions.toml").write_text(text + uv)
        return load(folder / "versions.toml")

    def install(self, catalogue: Catalogue, clone: Path | None = None) -> int:
        """Install in this process; returns the exit status."""
        return install(clone or self.clone, catalogue)

    def start(self, clone: Path) -> subprocess.Popen[str]:
        """Install in a process of its own, with the last catalogue."""
        code = (
            "import sys; from pathlib import Path; from infra.tools.install import install;"
            "from infra.tools.catalogue import load; sys.exit(install(Path(sys.argv[1]), load(Path(sys.argv[2]))))"
        )
        return subprocess.Popen(
            [sys.executable, "-c", code, str(clone), str(self.root / "catalogue" / "versions.toml")],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def make_clone(self, name: str) -> Path:
        """A clone: the two files that the environment is made from."""
        folder = self.root / name
        folder.mkdir()
        (folder / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.11,<3.13"\n')
        (folder / "uv.lock").write_text("version = 1\n")
        return folder


@pytest.fixture
def machine(tmp_path: Path, releases: Releases, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A bare machine that has uv and a few commands of the system."""
    made = Machine(tmp_path / "a machine", releases)
    made.bin.mkdir(parents=True)
    made.make_clone("clone")
    for name in ("mkdir", "chmod", "sleep"):
        found = shutil.which(name)
        assert found
        (made.bin / name).symlink_to(found)
    made.program("uv", _UV.format(log=made.log))
    for name in [name for name in os.environ if name.startswith(("KEELSON_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KEELSON_CACHE", str(made.cache))
    monkeypatch.setenv("PATH", str(made.bin))
    return made
