"""The servers of the benchmark: they serve one model, and are gone when the benchmark is, however it ends."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest

from components import contract
from components.model import load_model
from serving.loadtest import contestants as servers
from serving.loadtest.contestants import Contestant, contestants, train
from serving.loadtest.running import UnavailableError, running

ROOT = Path(__file__).resolve().parents[3]
# Starts a server as the benchmark does, and waits.
STARTED = """
import sys, time
from pathlib import Path
from serving.loadtest.bench import end_on_signal
from serving.loadtest.contestants import contestants
from serving.loadtest.running import running
end_on_signal()
first = contestants(Path(sys.argv[1]), "none:none", Path(sys.argv[2]), "http://127.0.0.1:9")[0]
with running(first, Path(sys.argv[2])) as server:
    print(server.process.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("model") / "model")


def named(name: str, model: Path, scratch: Path, feature_server: str = "http://127.0.0.1:9") -> Contestant:
    return next(one for one in contestants(model, "none:none", scratch, feature_server) if one.name == name)


def answer_of(contestant: Contestant, scratch: Path) -> float:
    """The one number in the answer to the first request, whatever is around it."""
    with running(contestant, scratch) as server:
        url = json.loads(server.targets.read_text().splitlines()[0])["url"]
        said = httpx.post(url, json=contestant.bodies[0], timeout=10).json()
        assert server.megabytes() > 30
        assert server.processor_seconds() > 0.1
        assert server.ready_seconds > 0
    assert psutil.pid_exists(server.process.pid) is False
    while not isinstance(said, float):
        said = next(iter(said.values())) if isinstance(said, dict) else said[0]
    return said


def test_the_model_has_the_size_that_the_page_says(model: Path) -> None:
    learned = load_model(model).learned
    assert learned.rounds == 100
    leaves = [line for line in (model / learned.FILE).read_text().splitlines() if line.startswith("num_leaves=")]
    assert (len(leaves), set(leaves)) == (100, {"num_leaves=31"})


@pytest.mark.parametrize("name", [servers.BARE, servers.BARE_PUBLISHED, servers.STOCK, servers.MLFLOW])
def test_each_server_answers_with_the_same_model(name: str, model: Path, tmp_path: Path) -> None:
    contestant = named(name, model, tmp_path)
    sent = np.array(list(_numbers(contestant.bodies[0]))).reshape(1, len(contract.MODEL_FEATURES))
    expected = float(load_model(model).predict(sent)[0])
    assert answer_of(contestant, tmp_path) == pytest.approx(expected, rel=1e-12)


def test_the_bare_server_with_lookup_predicts_from_what_it_looked_up(
    model: Path, tmp_path: Path, feature_server: Any
) -> None:
    contestant = named(servers.BARE_LOOKUP, model, tmp_path, feature_server.url)
    pickup, dropoff = contestant.bodies[0]["zones"]
    zone, pair = [pickup] * len(contract.ZONE_FEATURES), [pickup * 1000 + dropoff] * len(contract.PAIR_FEATURES)
    sent = np.array([[*contestant.bodies[0]["features"], *zone, *pair]], dtype=float)
    assert answer_of(contestant, tmp_path) == pytest.approx(float(load_model(model).predict(sent)[0]), rel=1e-12)


def test_a_server_that_cannot_start_is_told_of_with_its_own_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such model')"]
    broken = Contestant(name="broken", command=command, path="/", bodies=[{}])
    with pytest.raises(UnavailableError, match="did not start: no such model"), running(broken, tmp_path):
        pass


def test_a_server_that_refuses_its_first_request_is_not_measured(model: Path, tmp_path: Path) -> None:
    contestant = replace(named(servers.BARE, model, tmp_path), bodies=[{"nothing": 0}])
    with pytest.raises(UnavailableError, match="it answers 500"), running(contestant, tmp_path):
        pass
    assert servers_left(tmp_path) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_no_server_outlives_a_benchmark_that_is_interrupted(how: signal.Signals, model: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTED, str(model), str(tmp_path)]
    bench = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert bench.stdout is not None
    assert int(bench.stdout.readline()) in servers_left(tmp_path)
    bench.send_signal(how)
    assert bench.wait(60) != 0
    assert servers_left(tmp_path) == []


def servers_left(scratch: Path) -> list[int]:
    """Processes that work below a folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cwd().startswith(str(scratch)):
                found.append(process.pid)
    return found


def _numbers(body: Any) -> Iterator[float]:
    """All numbers of a request, in their order."""
    if isinstance(body, float):
        yield body
    elif not isinstance(body, str):
        for inner in body.values() if isinstance(body, dict) else body:
            yield from _numbers(inner)
