"""Which processes belong to a stack, also when their supervisor was killed and can no longer tell."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil

# Carried by the supervisor and all that it starts; the value is the clone's path.
ROOT_MARKER = "KEELSON_STACK_ROOT"
SERVICE_MARKER = "KEELSON_SERVICE"
_KILLED_SECONDS = 30


def belongs_to(pid: int, root: Path, service: str | None = None) -> bool:
    """Whether a process was started by the stack at ``root`` (and, if given, as part of ``service``)."""
    try:
        process = psutil.Process(pid)
        environment = process.environ()
        if environment.get(ROOT_MARKER) == str(root):
            return service is None or environment.get(SERVICE_MARKER) == service
        # Postgres overwrites its environment with its process title, but works in its data folder.
        return service in (None, "postgres") and process.cwd() == str(root / ".local" / "data" / "postgres")
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False


def of_stack(root: Path, service: str | None = None) -> Iterator[psutil.Process]:
    """All processes of the stack at ``root``, or of one of its services; never the one that asks."""
    for process in psutil.process_iter():
        if process.pid != os.getpid() and belongs_to(process.pid, root, service):
            yield process


def end(victims: list[psutil.Process], patience: float = 10.0) -> list[psutil.Process]:
    """Ask processes to end, insist after ``patience`` seconds, and return those that are still there."""
    for process in victims:
        _signal(process, terminate=True)
    _, alive = psutil.wait_procs(victims, timeout=patience)
    for process in alive:
        _signal(process, terminate=False)
    # The system may be long about it: what was killed gives its memory back first, and its last write must end.
    _, alive = psutil.wait_procs(alive, timeout=_KILLED_SECONDS)
    return alive


def _signal(process: psutil.Process, *, terminate: bool) -> None:
    try:
        if not terminate:
            process.kill()
        elif process.name() == "postgres":
            # SIGINT is a fast shutdown: sessions are ended and the data folder is left clean.
            process.send_signal(2)
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        pass


def describe(pid: int) -> str:
    """``pid 4711 (nginx: master process, user www-data)`` for messages to people."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            command = " ".join(process.cmdline()) or process.name()
            return f"pid {pid} ({command[:80]}, user {process.username()})"
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return f"pid {pid}"
