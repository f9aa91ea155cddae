"""A whole local stack in a scratch clone, brought up by `make up` once for all tests of this folder."""

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import httpx
import psutil
import pytest

from infra.local import processes
from infra.local.environment_file import parse
from infra.local.layout import Layout
from infra.settings import PORTS_PER_STACK

ROOT = Path(__file__).parents[2]
ROWS = 20_000


@dataclass
class Load:
    """What requests under load were answered: the status codes, and of those that failed the code or the error."""

    answered: list[int] = field(default_factory=list)
    failed: list[int | str] = field(default_factory=list)


@dataclass(frozen=True)
class Clone:
    """A clone of the project and the commands that a user would type in it."""

    services: ClassVar[set[str]] = {
        "postgres",
        "object-store",
        "mlflow",
        "feast",
        "prometheus",
        "alertmanager",
        "dashboards",
        "evidently",
        "monitor",
        "serving",
        "supervisor",
    }
    generations: ClassVar[set[str]] = {"serving-blue", "serving-green"}
    trip: ClassVar[dict[str, Any]] = {
        "tpep_pickup_datetime": "2026-03-02T17:30:00",
        "PULocationID": 132,
        "DOLocationID": 230,
        "trip_distance": 17.2,
        "passenger_count": 2,
    }

    path: Path
    port_base: int
    first: dict[str, Any] = field(default_factory=dict)
    """What the first ``make up`` said."""

    @property
    def layout(self) -> Layout:
        return Layout(self.path)

    def make(self, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """``make WORD ...`` as typed; on failure the whole output is shown."""
        return self.shell("make " + " ".join(words), check=check)

    def shell(self, command: str, *, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """A command line in the clone's folder, in a clean environment."""
        kept = ("PATH", "HOME", "KEELSON_CACHE", "XDG_CACHE_HOME", "LANG")
        kept += tuple(name for name in os.environ if name.endswith(("_CERT", "_CERT_FILE", "_CERT_DIR", "_BUNDLE")))
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.path, env=environment, capture_output=True, text=True, check=False
        )
        if check and done.returncode != 0:
            pytest.fail(f"`{command}` exited with {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}")
        return done

    def by_hand(self, command: str, *, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """A command typed after ``source .local/env``."""
        return self.shell(f"source .local/env && {command}", check=check)

    def up(self, *words: str) -> dict[str, Any]:
        """``make up`` and the JSON line that it prints last."""
        return json.loads(self.make("up", f"ROWS={ROWS}", *words).stdout.strip().splitlines()[-1])

    def status(self) -> dict[str, Any]:
        """``make status JSON=1``; also when something is unhealthy."""
        return json.loads(self.make("status", "JSON=1", check=False).stdout)

    def platform(self) -> dict[str, str]:
        return parse((self.path / ".local" / "platform.env").read_text())

    def predict(self) -> httpx.Response:
        """The service's answer to one trip."""
        return httpx.post(f"{self.platform()['KEELSON_SERVING_URL']}/predict", json=self.trip, timeout=10)

    def generation(self) -> str:
        """The program of the one generation of serving that there is."""
        (name,) = {service["name"] for service in self.status()["services"]} & self.generations
        return name

    def assert_healthy(self) -> None:
        """Every service is there and healthy, and one generation of serving."""
        told = self.status()["services"]
        assert {service["name"]: service["health"] for service in told if service["health"] != "healthy"} == {}
        names = {service["name"] for service in told}
        assert names - {"grafana"} - self.generations == self.services
        assert len(names & self.generations) == 1

    @contextmanager
    def under_load(self) -> "Iterator[Load]":
        """Ask for predictions all the while, on kept connections and on new ones."""
        url, load, stop = f"{self.platform()['KEELSON_SERVING_URL']}/predict", Load(), threading.Event()

        def ask(client: httpx.Client | None) -> None:
            while not stop.is_set():
                try:
                    answer = (client or httpx).post(url, json=self.trip, timeout=20)
                    (load.answered if answer.status_code == 200 else load.failed).append(answer.status_code)
                except httpx.HTTPError as error:
                    load.failed.append(repr(error))

        with httpx.Client() as first, httpx.Client() as second:
            threads = [threading.Thread(target=ask, args=(client,)) for client in (first, second, None, None)]
            for thread in threads:
                thread.start()
            try:
                yield load
            finally:
                stop.set()
                for thread in threads:
                    thread.join()

    @staticmethod
    def eventually(condition: Callable[[], bool], seconds: float = 300) -> None:
        """Return once the condition holds; fail when time is up."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.2)

    def processes(self, service: str | None = None) -> list[Any]:
        """All its processes, or those of one service."""
        return list(processes.of_stack(self.path, service))

    def each_process(self, ask: Callable[[Any], Any]) -> dict[int, Any]:
        """What each process answers, by number. Some live shortly, as those of Postgres do: they are left out."""
        answers = {}
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                answers[process.pid] = ask(process)
        return answers


def free_port_base() -> int:
    """The first of enough free neighbouring ports."""
    for base in range(24000, 60000, PORTS_PER_STACK):
        try:
            for port in range(base, base + PORTS_PER_STACK):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise RuntimeError("no free range of ports")


def fresh_clone(folder: Path) -> Clone:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return Clone(folder, free_port_base())


@pytest.fixture
def another_clone(tmp_path: Path) -> Iterator[Clone]:
    """A fresh clone in which nothing was made yet; whatever is made is taken down."""
    clone = fresh_clone(tmp_path / "keelson")
    yield clone
    clone.make("down", "PURGE=1", check=False)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    clone = fresh_clone(tmp_path_factory.mktemp("stack") / "keelson")
    try:
        clone.first.update(clone.up(f"PORT_BASE={clone.port_base}"))
        yield clone
    finally:
        clone.make("down", "PURGE=1", check=False)


@pytest.fixture(scope="module")
def busy_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A stack of its own, whose model learned from 1,800 trips a day: more than a window of the monitor needs."""
    clone = fresh_clone(tmp_path_factory.mktemp("busy-stack") / "keelson")
    try:
        clone.up("ROWS=100000", f"PORT_BASE={clone.port_base}")
        yield clone
    finally:
        clone.make("down", "PURGE=1", check=False)
