"""The monitor as a service: what it starts, when, and how it ends. Its commands are the real ones."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert

from components.platform import Platform
from infra import outputs
from monitoring import state
from monitoring.service import Service, written_since
from monitoring.settings import MonitoringSettings
from monitoring.state import Retraining
from monitoring.state_tables import WINDOWS, open_state

MEASURED = {"drifted_share": None, "prediction_drift": None, "label_coverage": None, "training_serving_skew": None}
MEASURED |= {"feature_drift": {}, "feature_drifted": {}, "mae_seconds": {}, "mae_reference_seconds": {}}
MEASURED |= {"labelled_rows": 0}


@dataclass
class Running:
    """A service that runs."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def children(self, module: str) -> list[psutil.Process]:
        """Processes of ``python -m monitoring.MODULE`` that it started and that have not ended."""
        return [
            one for one in psutil.Process(self.process.pid).children() if f"monitoring.{module}" in _command_of(one)
        ]

    def failures(self, command: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        [failed] = [family for family in families if family.name == "keelson_monitor_failures"]
        [value] = [one.value for one in failed.samples if one.labels == {"command": command}]
        return value

    def lines(self) -> list[dict[str, str]]:
        """What it logged as JSON; its children write what they like."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


def _command_of(process: psutil.Process) -> list[str]:
    """Its words; none where it has ended, which it may do while it is looked at."""
    with suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []


Serve = Callable[..., Running]
# Takes the arguments that a training is given, and its time.
TRAINING = f"{sys.executable} -c 'import time; time.sleep(600)'"


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def variables(platform: Platform, tmp_path: Path) -> dict[str, str]:
    """The service's environment; it looks five times a second."""
    values = {
        output.env: value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
        for output in outputs.OUTPUTS
        if (value := getattr(platform, output.name)) is not None
    }
    own = {"KEELSON_PREDICTION_LOG": str(tmp_path / "journals"), "KEELSON_MONITOR_INTERVAL_SECONDS": "0.2"}
    return {**os.environ, **values, **own}


@pytest.fixture
def serve(variables: dict[str, str], tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Serve]:
    """Starts the service with more variables, and ends it after the test."""
    with contextmanager(_served)(variables, tmp_path, free_port) as start:
        yield start


def _served(variables: dict[str, str], folder: Path, free_port: Callable[[], int]) -> Iterator[Serve]:
    started: list[Running] = []

    def start(**more: str) -> Running:
        port, log = free_port(), folder / "monitor.log"
        command = [sys.executable, "-m", "monitoring.service", "--port", str(port)]
        with log.open("wb") as stream:
            process = subprocess.Popen(command, env=variables | more, stdout=stream, stderr=stream)
        running = Running(process, port, log)
        started.append(running)

        def answers() -> bool:
            assert process.poll() is None, log.read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        eventually(answers)
        return running

    try:
        yield start
    finally:
        for one in started:
            one.process.terminate()
            one.process.wait(300)


@pytest.fixture
def retraining(platform: Platform) -> Retraining:
    """One that is decided on and not begun."""
    begun = Retraining(
        shift="model-9/1",
        reference_version="model-9",
        model_version="9",
        at=datetime(2026, 3, 1, tzinfo=UTC),
        source="served:2026-02-27T00:00:00..2026-03-01T00:00:00+champion",
        reason="a test",
    )
    assert state.begin_retraining(open_state(platform, "monitor"), begun)
    return begun


def looked_at(platform: Platform, end: datetime) -> None:
    """Keep a window that ends then."""
    row = {"start": end - timedelta(days=1), "end": end, "model_version": "9", "reference_version": ""}
    row |= {"outcome": "calm", "rows": 0, "action": "nothing", "reason": "", "evidence": [], "shift": "", "gain": 0}
    with open_state(platform, "monitor").begin() as connection:
        connection.execute(insert(WINDOWS).values(**row, measures=MEASURED, result="{}"))


def test_a_command_that_fails_is_logged_counted_and_tried_again_later(serve: Serve) -> None:
    # There is no registry that could say who is champion.
    running = serve()
    eventually(lambda: running.failures("watch") == 1)
    failed = [line for line in running.lines() if "monitoring.watch failed with exit code 1" in line["message"]]
    assert [line["level"] for line in failed] == ["error"]
    assert "127.0.0.1:1" in running.log.read_text()
    assert running.failures("act") == running.failures("service") == 0
    time.sleep(1)
    assert running.children("watch") == []
    assert running.failures("watch") == 1


def test_a_retraining_is_carried_out_by_one_process_beside_the_watching_and_again_if_it_dies(
    serve: Serve, retraining: Retraining
) -> None:
    running = serve(KEELSON_TRAIN_COMMAND=TRAINING)
    eventually(lambda: running.children("act"))
    [act] = running.children("act")
    eventually(lambda: running.failures("watch") == 1)
    time.sleep(1)
    assert running.children("act") == [act]
    below = act.children()
    # In this order: it must not see its training die, and take that for the end of the retraining.
    act.kill()
    for one in below:
        one.kill()
    eventually(lambda: running.failures("act") == 1)
    eventually(lambda: len(running.children("act")) == 1)
    assert running.children("act") != [act]


def test_it_ends_at_once_and_its_commands_with_it(serve: Serve, retraining: Retraining) -> None:
    running = serve(KEELSON_TRAIN_COMMAND=TRAINING)
    eventually(lambda: any(act.children() for act in running.children("act")))
    below = psutil.Process(running.process.pid).children(recursive=True)
    assert len(below) >= 2
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(300) == 0
    assert "did not end in time" not in running.log.read_text()
    eventually(lambda: not [one for one in below if one.is_running() and _command_of(one)])


def test_it_stays_small() -> None:
    heavy = ("numpy", "polars", "pandas", "scipy", "pyarrow", "deltalake", "evidently", "mlflow", "kfp", "boto3")
    program = f"import sys, monitoring.service\nprint([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class Ticking:
    """A service in this process, and what it has started."""

    def __init__(self, platform: Platform, settings: MonitoringSettings) -> None:
        self.failures = Counter("failures", "Failed.", ["command"], registry=CollectorRegistry())
        self._service = Service(open_state(platform, settings.database_schema), settings, self.failures)

    def started(self, *, to_its_end: bool = False) -> list[str]:
        """Look once; what is started is ended, by itself or at once, and named."""
        commands = (self._service._watch, self._service._act)
        before = [command.process for command in commands]
        self._service.tick()
        new = [command.process for command in commands if command.process and command.process not in before]
        if to_its_end:
            for one in new:
                one.wait(300)
        self._service.stop()
        return [next(word for word in one.args if word.startswith("monitoring.")) for one in new]

    def failed(self, command: str) -> float:
        return self.failures.labels(command)._value.get()


@pytest.fixture
def ticking(platform: Platform, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ticking]:
    """Makes one, with settings beside those of the environment."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    def made(**settings: object) -> Ticking:
        return Ticking(platform, MonitoringSettings(**settings))  # pyright: ignore[reportArgumentType, reportCallIssue]

    return made


def newest_due(delay: timedelta) -> datetime:
    """The end of the newest window that is due."""
    return (datetime.now(UTC) - delay).replace(hour=0, minute=0, second=0, microsecond=0)


def test_it_watches_when_a_window_is_due(platform: Platform, ticking: Callable[..., Ticking]) -> None:
    looked_at(platform, newest_due(timedelta(hours=5)) - timedelta(days=1))
    assert ticking(collect_seconds=1e9).started() == ["monitoring.watch"]


def test_it_watches_nothing_when_nothing_is_due_and_nothing_was_logged(
    platform: Platform, ticking: Callable[..., Ticking], tmp_path: Path
) -> None:
    # Of tomorrow: a window that becomes due meanwhile is none that was left.
    looked_at(platform, newest_due(timedelta(hours=5)) + timedelta(days=1))
    one = ticking()
    assert one.started() == []
    journals = tmp_path / "journals"
    journals.mkdir()
    assert one.started() == []
    (journals / "predictions-1.jsonl").write_text("{}\n")
    assert one.started() == ["monitoring.watch"]


def test_before_there_is_a_model_it_looks_now_and_then(
    tracked_platform: Platform, ticking: Callable[..., Ticking], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracked_platform.mlflow_tracking_uri)
    one = ticking(collect_seconds=3600)
    assert one.started(to_its_end=True) == ["monitoring.watch"]
    assert one.started() == one.started() == []
    assert one.failed("watch") == 0


def test_a_database_that_is_away_is_counted_and_does_not_end_it(
    platform: Platform, ticking: Callable[..., Ticking], postgres
) -> None:
    one = ticking()
    with postgres.connect() as superuser:
        superuser.execute(f'ALTER DATABASE "{platform.feast_online_database}" ALLOW_CONNECTIONS false')
    assert one.started() == []
    assert one.failed("service") == 1
    with postgres.connect() as superuser:
        superuser.execute(f'ALTER DATABASE "{platform.feast_online_database}" ALLOW_CONNECTIONS true')
    assert one.started() == ["monitoring.watch"]
    assert one.failed("service") == 1


def test_what_is_written_is_seen_by_its_time(tmp_path: Path) -> None:
    folder = tmp_path / "journals"
    assert not written_since(folder, 0)
    folder.mkdir()
    assert not written_since(folder, 0)
    file = folder / "predictions-1.jsonl"
    file.touch()
    os.utime(file, (1000, 1000))
    assert written_since(folder, 1000)
    assert not written_since(folder, 1001)


def test_a_file_that_goes_while_it_is_looked_at_was_not_written(tmp_path: Path) -> None:
    # Its name is in the folder and it is not there.
    (tmp_path / "predictions-1.jsonl").symlink_to(tmp_path / "gone")
    assert not written_since(tmp_path, 0)
    (tmp_path / "predictions-2.jsonl").touch()
    assert written_since(tmp_path, 0)
