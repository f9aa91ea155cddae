"""A built bundle under `bentoml serve`: it answers, knows when it cannot, and leaves nothing behind."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from serving.trips import EXAMPLE_TRIP

ROOT = Path(__file__).resolve().parents[2]
BUILD = """
import sys
from pathlib import Path
from serving.bundle import build_bundle
from serving.registry import RegisteredModel
print(build_bundle(RegisteredModel(Path(sys.argv[1]), "5", "run", "3")))
"""


def eventually(condition: Callable[[], Any], seconds: float = 300) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.1)


def status(url: str) -> int | None:
    try:
        return httpx.get(url, timeout=60).status_code
    except httpx.TransportError:
        return None


def gone(process: psutil.Process) -> bool:
    """Ended; its parent may not have noticed yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Served:
    """A running bundle.

    Attributes:
        tag: The bundle's tag.
        url: Where it listens.
        supervisor: BentoML's parent process.
        log: Its output.
    """

    def __init__(self, tag: str, port: int, environment: dict[str, str], folder: Path) -> None:
        self.tag, self.url, self.log = tag, f"http://127.0.0.1:{port}", folder / "serve.log"
        command = [sys.executable, "-m", "bentoml", "serve", tag, "--host", "127.0.0.1", "--port", str(port)]
        with self.log.open("wb") as log:
            started = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        self.supervisor = psutil.Process(started.pid)
        self.started = started

    def workers(self) -> list[psutil.Process]:
        return [child for child in self.supervisor.children() if not gone(child)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bentoml")


@pytest.fixture(scope="module")
def environment(home: Path) -> dict[str, str]:
    (home / "tmp").mkdir()
    cleared = {name: value for name, value in os.environ.items() if not name.startswith(("KEELSON_", "MLFLOW_"))}
    return {**cleared, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True", "TMPDIR": str(home / "tmp")}


@pytest.fixture(scope="module")
def tag(model_folder: Path, environment: dict[str, str]) -> str:
    command = [sys.executable, "-c", BUILD, str(model_folder)]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout.split()[-1]


@pytest.mark.parametrize("name", ["models/5/model.txt", "components/features/request.py"])
def test_a_changed_bundle_does_not_start_and_says_which_file(
    name: str, tag: str, environment: dict[str, str], home: Path, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(home / "bentos" / tag.replace(":", "/"), bundle)
    file = bundle / "src" / name
    expected = hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_bytes(file.read_bytes() + b"\n")
    actual = hashlib.sha256(file.read_bytes()).hexdigest()
    command = [sys.executable, "-m", "bentoml", "serve", str(bundle), "--port", str(free_port())]
    variables = {**environment, "KEELSON_FEAST_SERVER_URL": "http://127.0.0.1:9"}
    done = subprocess.run(
        command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode != 0
    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith(f"{file} was changed")
    assert (actual in said, expected in said) == (True, True)


@pytest.fixture
def served(
    tag: str, environment: dict[str, str], feature_server: Any, tmp_path: Path, free_port: Callable[[], int]
) -> Iterator[Served]:
    running = Served(tag, free_port(), {**environment, "KEELSON_FEAST_SERVER_URL": feature_server.url}, tmp_path)
    try:
        eventually(lambda: status(f"{running.url}/readyz") == 200)
        yield running
    finally:
        left = [*running.supervisor.children(recursive=True)] if running.supervisor.is_running() else []
        running.started.kill()
        running.started.wait()
        for process in left:
            # Workers end by themselves, too, a moment after their supervisor.
            with suppress(psutil.NoSuchProcess):
                process.kill()


def test_a_bundle_answers_by_itself_and_stops_without_a_trace(
    served: Served, feature_server: Any, environment: dict[str, str]
) -> None:
    said = httpx.post(f"{served.url}/predict", json=EXAMPLE_TRIP, timeout=60).json()
    assert (said["bundle"], said["model_version"]) == (served.tag, "5")
    many = httpx.post(f"{served.url}/predict", json=[EXAMPLE_TRIP, {**EXAMPLE_TRIP, "trip_distance": 201}], timeout=60)
    assert (many.status_code, many.json()["detail"][0]["field"]) == (422, "[1].trip_distance")
    text = {"Content-Type": "text/plain"}
    assert httpx.post(f"{served.url}/predict", content=b" " * 2**20, headers=text, timeout=60).is_error
    assert 'keelson_serving_requests_total{status="422"} 1.0' in httpx.get(f"{served.url}/metrics", timeout=60).text

    workers = served.workers()
    assert len(workers) == 2
    listening = [
        connection.laddr.ip
        for process in [served.supervisor, *workers]
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}

    # Both the store being wrong and its being gone make the service unready, and only unready.
    feature_server.broken = (500, b"{}")
    # Each worker remembers its last look at the store for a second.
    time.sleep(1)
    unready = httpx.get(f"{served.url}/readyz", timeout=60)
    assert (unready.status_code, "feature server answered 500" in unready.text) == (503, True)
    refused = httpx.post(f"{served.url}/predict", json=EXAMPLE_TRIP, headers={"X-Request-Id": "r-503"}, timeout=60)
    assert refused.status_code == 503
    assert status(f"{served.url}/livez") == 200
    (about,) = (line for line in served.log.read_text().splitlines() if "r-503" in line)
    line = json.loads(about)
    assert (line["level"], line["request_id"]) == ("warning", "r-503")
    assert line["message"].startswith("no prediction: ")
    feature_server.broken = None
    time.sleep(1)
    assert status(f"{served.url}/readyz") == 200

    served.supervisor.terminate()
    served.started.wait(300)
    assert [worker for worker in workers if not gone(worker)] == []
    assert list(Path(environment["TMPDIR"]).iterdir()) == []


def test_a_killed_worker_is_replaced_and_a_killed_supervisor_takes_its_workers_along(served: Served) -> None:
    victim, survivor = served.workers()
    victim.kill()
    eventually(lambda: gone(victim))
    for _ in range(20):
        assert httpx.post(f"{served.url}/predict", json=EXAMPLE_TRIP, timeout=60).status_code == 200
    # BentoML looks after its workers every ten seconds.
    eventually(lambda: len(served.workers()) == 2)
    assert survivor in served.workers()

    workers = served.workers()
    served.supervisor.send_signal(signal.SIGKILL)
    served.started.wait()
    eventually(lambda: all(gone(worker) for worker in workers))
    assert status(f"{served.url}/livez") is None
