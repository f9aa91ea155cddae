"""Starts the servers of the benchmark, and ends them however the benchmark ends."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from serving.loadtest.contestants import Contestant, variables
from serving.loadtest.requests import write_targets

# A bundle starts within seconds; on a machine that is busy with something else, within minutes.
_START_SECONDS, _STOP_SECONDS = 300, 15


class UnavailableError(RuntimeError):
    """A server did not start, or does not answer as it should; the message says why in one sentence."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A server that answers.

    Attributes:
        contestant: What it is.
        process: The one that was started; it leads a session of its own.
        ready_seconds: From the start of its process to its first good answer.
        url: Its address.
        targets: Its requests, for the load generator.
    """

    contestant: Contestant
    process: psutil.Process
    ready_seconds: float
    url: str
    targets: Path

    def megabytes(self) -> float:
        """Memory of all its processes: the proportional set size, where the system tells it, else the resident."""
        held = [process.memory_full_info() for process in self._processes()]
        return sum(getattr(memory, "pss", memory.rss) for memory in held) / 1e6

    def processor_seconds(self) -> float:
        """Processor time that all its processes have used since they started."""
        used = [process.cpu_times() for process in self._processes()]
        return sum(times.user + times.system for times in used)

    def _processes(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextmanager
def running(contestant: Contestant, scratch: Path) -> Iterator[Running]:
    """Start a server on a free port, and end it and its children.

    Args:
        contestant: What to start.
        scratch: A folder for its output and its requests.

    Raises:
        UnavailableError: It ended, or its first answer is no good one.
    """
    folder = scratch / contestant.name.replace(" ", "-")
    folder.mkdir()
    port = _free_port()
    command = [part.replace("{port}", str(port)) for part in contestant.command]
    began = time.perf_counter()
    with (folder / "log").open("wb") as log:
        # A session of its own: Ctrl-C reaches the benchmark alone, which then ends the servers in order.
        started = subprocess.Popen(
            command, cwd=folder, env=variables(contestant), stdout=log, stderr=log, start_new_session=True
        )
    try:
        base = f"http://127.0.0.1:{port}"
        url = f"{base}{contestant.path}"
        _wait(url, contestant, started, folder / "log")
        ready = time.perf_counter() - began
        write_targets(url, contestant.bodies, folder / "targets")
        process = psutil.Process(started.pid)
        yield Running(contestant=contestant, process=process, ready_seconds=ready, url=base, targets=folder / "targets")
    finally:
        _end(started)


def _wait(url: str, contestant: Contestant, started: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + _START_SECONDS
    with httpx.Client(timeout=10, trust_env=False) as client:
        while True:
            try:
                answer = client.post(url, json=contestant.bodies[0])
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.is_success:
                return
            if answer is not None:
                raise UnavailableError(f"it answers {answer.status_code}: {answer.text[:160]}")
            if started.poll() is not None or time.monotonic() > limit:
                last = (log.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
                raise UnavailableError(f"it did not start: {last[:160]}")
            time.sleep(0.05)


def _end(started: subprocess.Popen[bytes]) -> None:
    """Ask the server's whole session to stop, then make it; a second Ctrl-C does not wait, and leaves nothing."""
    # SIGKILL also reaches workers whose parent was quicker to end than they were.
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(started.pid, how)
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            started.wait(_STOP_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
