"""Where the local stack keeps its things inside a clone. Everything is under ``.local``."""

import hashlib
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

# A Unix socket's path may have 107 bytes on Linux and 103 on macOS (sun_path in sys/un.h).
_SOCKET_PATH_LIMIT = 100


@dataclass(frozen=True)
class Layout:
    """Paths of one clone's local stack.

    Attributes:
        root: Absolute path of the clone.
    """

    root: Path

    @property
    def local(self) -> Path:
        return self.root / ".local"

    @property
    def data(self) -> Path:
        """What `make down` keeps: databases, buckets, time series."""
        return self.local / "data"

    @property
    def logs(self) -> Path:
        return self.local / "logs"

    @property
    def bin(self) -> Path:
        """Links to the command-line tools, made by ``infra.tools.install``."""
        return self.local / "bin"

    @property
    def home(self) -> Path:
        """HOME of every service, so that none writes to the user's own."""
        return self.local / "home"

    def temporary(self, service: str) -> Path:
        """TMPDIR of one service; emptied each time it starts."""
        return self.local / "tmp" / service

    @property
    def bundles(self) -> Path:
        """BENTOML_HOME."""
        return self.local / "bentoml"

    @property
    def serving(self) -> Path:
        """What steers serving, and what its generations leave while they run."""
        return self.local / "serving"

    @property
    def upstream(self) -> Path:
        """Where the proxy sends requests, ``host:port``."""
        return self.serving / "upstream"

    @property
    def traffic(self) -> Path:
        """Which model versions answer which share of requests; absent where nothing was said about it."""
        return self.serving / "traffic.json"

    @property
    def predictions(self) -> Path:
        """The log of predictions."""
        return self.data / "predictions"

    @property
    def pipeline_root(self) -> Path:
        return self.local / "pipelines"

    @property
    def supervisor(self) -> Path:
        """Configuration of the process supervisor and of the programs under it."""
        return self.local / "supervisor"

    @property
    def socket(self) -> Path:
        """The supervisor's control socket; in the temporary folder where the clone's path is too long for one."""
        near = self.supervisor / "control.sock"
        if len(str(near).encode()) <= _SOCKET_PATH_LIMIT:
            return near
        name = hashlib.sha256(str(self.root).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"keelson-{name}.sock"

    @property
    def pulumi_home(self) -> Path:
        return self.local / "pulumi"

    @property
    def state(self) -> Path:
        """Pulumi's file backend."""
        return self.local / "state"

    @property
    def passphrase(self) -> Path:
        """Encrypts the secrets in Pulumi's state."""
        return self.local / "passphrase"

    @property
    def platform_env(self) -> Path:
        """The platform contract as environment variables, written by the stack."""
        return self.local / "platform.env"

    @property
    def python(self) -> Path:
        """The interpreter of the locked environment, which is the one that runs this."""
        return Path(sys.executable)
