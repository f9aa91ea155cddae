"""The process supervisor (supervisord) of one clone: started, spoken to, stopped."""

import hashlib
import http.client
import os
import subprocess
import time
import xmlrpc.client
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import psutil
from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]

from infra.local import processes
from infra.local.layout import Layout
from infra.local.program import Program, program_config, supervisor_environment, supervisord_config

_SHUTS_DOWN = 6
_NO_SUCH_PROGRAM = 10
_ALREADY_ADDED = 90
_ALREADY_STARTED = 60
_NOT_RUNNING = 70

RUNNING, STARTING, FATAL, MISSING = "RUNNING", "STARTING", "FATAL", "MISSING"

# Importing the supervisor takes a second; on a machine that is busy with something else it takes many.
_START_SECONDS = 60


class SupervisorError(RuntimeError):
    """The supervisor could not be started or stopped."""


class Supervisor:
    """Controls the supervisor of one clone; creating the object touches nothing.

    Args:
        around: Command that the supervisor is started by, as its last arguments, and that lives as long as it does.
    """

    def __init__(self, layout: Layout, around: Sequence[str] = ()) -> None:
        self.layout = layout
        self._around = around

    def is_running(self) -> bool:
        """Whether it answers on its socket, and is not on its way down."""
        try:
            return self._rpc.getState()["statename"] == "RUNNING"
        except (OSError, http.client.HTTPException):
            return False
        except xmlrpc.client.Fault as fault:
            # While it shuts down it refuses to say even that.
            if fault.faultCode == _SHUTS_DOWN:
                return False
            raise

    def ensure_running(self) -> None:
        """Start it unless it runs. Services that outlived a killed supervisor are ended first.

        Raises:
            SupervisorError: It does not answer within a minute; its log's path is in the message.
        """
        if self.is_running():
            return
        layout = self.layout
        processes.end(list(processes.of_stack(layout.root)))
        for folder in (layout.data, layout.logs, layout.home, layout.supervisor / "programs"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        layout.socket.unlink(missing_ok=True)
        config = layout.supervisor / "supervisord.conf"
        write_private(config, supervisord_config(layout))
        command = [*self._around, str(layout.python), "-m", "supervisor.supervisord", "-c", str(config)]
        if os.geteuid() == 0:
            command += ["-u", "root"]  # Stay root by decision; without it supervisord warns at each start.
        log, begun = layout.logs / "supervisord.log", layout.logs / "supervisord.start.log"
        with begun.open("w") as told:
            # Alone it goes to the background by itself; what is around it does not.
            command += ["--nodaemon"] if self._around else []
            started = subprocess.Popen(
                command,
                env=supervisor_environment(layout),
                cwd=layout.root,
                stdout=told,
                stderr=told,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_running():
            if started.poll() or time.monotonic() > deadline:
                said = begun.read_text()[-500:]
                raise SupervisorError(f"the process supervisor did not start (see {log}): {said}")
            time.sleep(0.05)

    def shut_down(self) -> None:
        """Stop all services and the supervisor; return when no process of the stack is left.

        Raises:
            SupervisorError: A process did not end, even when killed.
        """
        if self.is_running():
            everyone = list(processes.of_stack(self.layout.root))
            self._rpc.shutdown()
            psutil.wait_procs(everyone, timeout=40)
        left = processes.end(list(processes.of_stack(self.layout.root)))
        if left:
            raise SupervisorError(f"still running: {', '.join(processes.describe(p.pid) for p in left)}")
        self.layout.socket.unlink(missing_ok=True)

    def start(self, program: Program) -> None:
        """Make the supervisor run ``program`` as described; one that runs unchanged is left alone."""
        for path, content in program.files.items():
            write_private(Path(path), content)
        Path(program.directory).mkdir(parents=True, exist_ok=True, mode=0o700)
        config = program_config(program, self.layout)
        if self.config_digest(program.name) != _digest(config):
            self._discard(program.name)
            write_private(self._config_file(program.name), config)
        self._rpc.reloadConfig()
        self._call("addProcessGroup", program.name, tolerate=_ALREADY_ADDED)
        self._call("startProcess", program.name, False, tolerate=_ALREADY_STARTED)

    def stop(self, name: str) -> None:
        """Stop a program and let it stay known."""
        self._call("stopProcess", name, tolerate=(_NO_SUCH_PROGRAM, _NOT_RUNNING))

    def remove(self, name: str) -> None:
        """Stop a program and forget it, also when the supervisor itself is gone."""
        if self.is_running():
            self._discard(name)
        self._config_file(name).unlink(missing_ok=True)
        processes.end(list(processes.of_stack(self.layout.root, name)))

    def info(self, name: str) -> dict[str, Any]:
        """supervisord's ``getProcessInfo``; ``statename`` is ``MISSING`` where it knows no such program."""
        absent = {"statename": MISSING, "pid": 0, "start": 0, "now": 0}
        if not self.is_running():
            return absent
        try:
            return cast(dict[str, Any], self._rpc.getProcessInfo(name))
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == _NO_SUCH_PROGRAM:
                return absent
            raise

    def config_digest(self, name: str) -> str | None:
        """SHA-256 of the program's configuration as it lies on disk, or None."""
        file = self._config_file(name)
        return _digest(file.read_text()) if file.exists() else None

    def programs(self) -> list[dict[str, Any]]:
        """``getProcessInfo`` of all programs; empty when the supervisor does not run."""
        return cast(list[dict[str, Any]], self._rpc.getAllProcessInfo()) if self.is_running() else []

    def log_tail(self, name: str, lines: int = 20) -> str:
        """The last lines of a program's log."""
        file = self.layout.logs / f"{name}.log"
        if not file.exists():
            return "(no log)"
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - 20_000))
            return "\n".join(stream.read().decode(errors="replace").splitlines()[-lines:])

    @property
    def _rpc(self) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.layout.socket}")
        # The host is only a place holder: the transport goes to the socket.
        return xmlrpc.client.ServerProxy("http://supervisor", transport=transport).supervisor

    def _discard(self, name: str) -> None:
        self.stop(name)
        self._call("removeProcessGroup", name, tolerate=_NO_SUCH_PROGRAM)

    def _call(self, method: str, *arguments: Any, tolerate: int | tuple[int, ...]) -> None:
        accepted = (tolerate,) if isinstance(tolerate, int) else tolerate
        try:
            getattr(self._rpc, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode not in accepted:
                raise

    def _config_file(self, name: str) -> Path:
        return self.layout.supervisor / "programs" / f"{name}.conf"


def program_digest(program: Program, layout: Layout) -> str:
    """What ``Supervisor.config_digest`` answers for a program that is configured as described."""
    return _digest(program_config(program, layout))


def write_private(path: Path, content: str) -> None:
    """Write a file whole or not at all, readable by its owner only; an equal file keeps its time."""
    if path.exists() and path.read_text() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
