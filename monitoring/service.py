"""``python -m monitoring.service --port 17015``: the monitor as a supervised service.

It serves metrics, and starts what is due as short-lived processes of their own: ``monitoring.watch`` when a window is
over or the log waits to be taken in, and ``monitoring.act`` while a retraining has not ended, both at a time if need
be. So it stays small, and what fails in them ends neither. Killed anywhere, it goes on where the rows say it is.
"""

import argparse
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, start_http_server
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from components.log_lines import log_as_json
from components.platform import Platform
from monitoring.exporter import MonitorCollector
from monitoring.schedule import due_windows
from monitoring.settings import MonitoringSettings
from monitoring.state_tables import is_retraining, newest_end, open_state

WATCH, ACT = "watch", "act"
# A command that fails is tried again after so many seconds, twice as many each time, up to the second number.
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 600.0
_PATIENCE_SECONDS = 10

_LOG = logging.getLogger("monitoring.service")


@dataclass
class Command:
    """A module that is run as a process of its own, never twice at once.

    Attributes:
        module: Its name after ``monitoring.``.
        before: Words before the command, such as those of ``nice``.
        process: While it runs.
        began: When it was last started, by ``time.monotonic``; minus infinity before.
        pause: Seconds to wait after its last failure; 0 where there was none.
        ended: When it last ended.
    """

    module: str
    before: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    began: float = float("-inf")
    pause: float = 0.0
    ended: float = float("-inf")

    def may_start(self, now: float) -> bool:
        """Whether it does not run, and has not failed just now."""
        return self.process is None and now >= self.ended + self.pause

    def start(self, now: float) -> None:
        """Start it, with a session of its own; its output goes to this process's log."""
        self.began = now
        command = [*self.before, sys.executable, "-m", f"monitoring.{self.module}"]
        self.process = subprocess.Popen(command, start_new_session=True)

    def reap(self, now: float) -> int | None:
        """The exit status of one that has ended since; None otherwise."""
        if self.process is None or (status := self.process.poll()) is None:
            return None
        self.process, self.ended = None, now
        self.pause = min(max(2 * self.pause, _FIRST_PAUSE), _LONGEST_PAUSE) if status else 0.0
        return status

    def signal(self, number: int) -> bool:
        """Send a signal to it and to what it has started, such as a training; returns whether any of it is there."""
        if self.process is None:
            return False
        self.process.poll()
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return False
        return True


class Service:
    """Looks now and then whether something is due, and has it done.

    Args:
        engine: On the monitor's rows.
        settings: The monitor's.
        failures: Is raised by one when a command fails, by ``command``.
    """

    def __init__(self, engine: Engine, settings: MonitoringSettings, failures: Counter) -> None:
        self._engine, self._settings, self._failures = engine, settings, failures
        # Who answers callers goes first. A release begins there, and what it loads must not wait behind others.
        self._watch, self._act = Command(WATCH, before=("nice", "-n", "10")), Command(ACT)

    def tick(self) -> None:
        """Look once."""
        now = time.monotonic()
        for command in (self._watch, self._act):
            status = command.reap(now)
            if status:
                self._failures.labels(command.module).inc()
                _LOG.error("python -m monitoring.%s failed with exit code %d", command.module, status)
        try:
            if self._watch.may_start(now) and self._is_due(now):
                self._watch.start(now)
            if self._act.may_start(now) and is_retraining(self._engine):
                self._act.start(now)
        except SQLAlchemyError as error:
            self._failures.labels("service").inc()
            _LOG.error("the database does not answer: %s", error)

    def stop(self) -> None:
        """End what runs; it goes on when the service comes back."""
        commands, until = (self._watch, self._act), time.monotonic() + _PATIENCE_SECONDS
        for command in commands:
            command.signal(signal.SIGTERM)
        while any(command.signal(0) for command in commands) and time.monotonic() < until:
            time.sleep(0.05)
        for command in commands:
            if command.signal(signal.SIGKILL):
                _LOG.warning("python -m monitoring.%s was killed: it did not end in time", command.module)

    def _is_due(self, now: float) -> bool:
        settings, waited = self._settings, now - self._watch.began
        newest = newest_end(self._engine)
        windows = due_windows(settings.clock.told(datetime.now(UTC)), newest, settings.window, settings.delay)
        # Before there is a model a window is due and is not kept.
        if windows and (newest is not None or waited >= settings.collect_seconds):
            return True
        return waited >= settings.collect_seconds and written_since(settings.journals, time.time() - waited)


def written_since(journals: Path | None, moment: float) -> bool:
    """Whether something was written into a folder's journals since a time, seconds since the epoch."""
    if journals is None or not journals.exists():
        return False
    return any(_written(file) >= moment for file in journals.iterdir())


def _written(file: Path) -> float:
    """When a file was last written; long ago where it has another name by now, or is over its time and gone."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return float("-inf")


def _until_stopped(tick: Callable[[], None], seconds: float) -> None:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    while not stopped.is_set():
        tick()
        stopped.wait(seconds)


def main(arguments: list[str]) -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.service", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to serve metrics on")
    parser.add_argument("--port", type=int, required=True, help="port to serve metrics on")
    given = parser.parse_args(arguments)
    platform, settings = Platform(), MonitoringSettings()  # pyright: ignore[reportCallIssue]
    log_as_json()
    registry = CollectorRegistry()
    failures = Counter(
        "keelson_monitor_failures", "Commands of the monitor that failed.", ["command"], registry=registry
    )
    for command in (WATCH, ACT, "service"):
        failures.labels(command)
    engine = open_state(platform, settings.database_schema)
    registry.register(MonitorCollector(platform, settings))
    start_http_server(given.port, given.host, registry)
    service = Service(engine, settings, failures)
    try:
        _until_stopped(service.tick, settings.interval_seconds)
    finally:
        service.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
