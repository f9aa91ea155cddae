"""Lines of pods reach the store once and are found by the ids in them, by the configuration that a cluster has.

Loki and the collector are real, built with Go; a folder stands for a node's, in the form in which containerd writes it.
"""

import json
import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from infra.observability import logs
from infra.operations.find_logs import PATH, Line, lines, question
from infra.tools.program import program

pytestmark = pytest.mark.logs

# What the alert LogsLost asks for.
LOST = "otelcol_exporter_send_failed_log_records"
PREFIX, OWN = "pods", "logging_log-collector-*"
SECONDS = 60


def wait_for(what: Callable[[], Any]) -> Any:
    """The first answer that is true; fails after a minute."""
    until = time.monotonic() + SECONDS
    while not (found := what()):
        assert time.monotonic() < until
        time.sleep(0.2)
    return found


def answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.HTTPError:
        return False


@dataclass
class Node:
    """A node's folders, the collector on it, and the store."""

    folder: Path
    store_port: int
    metrics_port: int
    store_command: list[str]
    store_environment: dict[str, str]
    collector_command: list[str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def write(
        self,
        text: str,
        *,
        pod: str = "run-abc",
        namespace: str = "kubeflow",
        tag: str = "F",
        at: datetime | None = None,
    ) -> None:
        """One line, as the container runtime writes it."""
        place = self.folder / "pods" / f"{namespace}_{pod}_0fa8f0d4-6c1b-4a63-8a3c-6a4ff8e3e9d1" / "main" / "0.log"
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("a") as file:
            file.write(f"{at or datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z stdout {tag} {text}\n")

    def start(self, what: str) -> None:
        """The ``store`` or the ``collector``, until it answers."""
        command, environment, port, path = (
            (self.store_command, self.store_environment, self.store_port, "/ready")
            if what == "store"
            else (self.collector_command, {}, self.metrics_port, "/metrics")
        )
        with (self.folder / f"{what}.out").open("ab") as out:
            environment = {**os.environ, **environment}
            self.running[what] = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
        wait_for(lambda: answers(f"http://127.0.0.1:{port}{path}"))

    def stop(self, what: str, number: signal.Signals = signal.SIGTERM) -> None:
        process = self.running.pop(what)
        process.send_signal(number)
        process.wait(timeout=SECONDS)

    def about(self, identity: str) -> list[Line]:
        """What `make logs` finds."""
        answer = httpx.get(f"http://127.0.0.1:{self.store_port}{PATH}", params=question(identity, 1))
        return sorted(lines(answer.raise_for_status().json()))

    def texts(self, identity: str, count: int) -> list[str]:
        """The same once there are ``count`` of them."""
        wait_for(lambda: len(self.about(identity)) >= count)
        return [line.text for line in self.about(identity)]


@pytest.fixture
def identity() -> str:
    return uuid.uuid4().hex


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, object_store: Any, free_port: Callable[[], int]) -> Iterator[Node]:
    folder, ports = tmp_path_factory.mktemp("node"), [free_port() for _ in range(4)]
    for name in ("pods", "offsets", "loki"):
        (folder / name).mkdir()
    client(object_store).create_bucket(Bucket="logs")
    objects = {
        "bucket_name": "logs",
        "region": "us-east-1",
        "endpoint": object_store.endpoint.removeprefix("http://"),
        "native_aws_auth_enabled": True,
        "insecure": True,
        "bucket_lookup_type": "path",
    }
    store = logs.store(objects, prefix=PREFIX, days=7, folder=str(folder / "loki"))
    store["server"] |= {"http_listen_address": "127.0.0.1", "http_listen_port": ports[0], "grpc_listen_port": ports[1]}
    url = f"http://127.0.0.1:{ports[0]}"
    collector = logs.collector(url, logs=str(folder / "pods"), offsets=str(folder / "offsets"), own=OWN)
    collector["extensions"]["health_check"]["endpoint"] = f"127.0.0.1:{ports[2]}"
    (reader,) = collector["service"]["telemetry"]["metrics"]["readers"]
    reader["pull"]["exporter"]["prometheus"] |= {"host": "127.0.0.1", "port": ports[3]}
    for name, content in (("store", store), ("collector", collector)):
        (folder / f"{name}.yaml").write_text(json.dumps(content))
    made = Node(
        folder=folder,
        store_port=ports[0],
        metrics_port=ports[3],
        store_command=[str(program("loki", group="logs")), f"-config.file={folder / 'store.yaml'}"],
        store_environment={
            "AWS_ACCESS_KEY_ID": object_store.access_key,
            "AWS_SECRET_ACCESS_KEY": object_store.secret_key,
        },
        collector_command=[str(program("otelcol", group="logs")), f"--config={folder / 'collector.yaml'}"],
    )
    try:
        made.start("store")
        made.start("collector")
        yield made
    finally:
        for process in made.running.values():
            process.kill()
            process.wait()


def client(object_store: Any) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=object_store.endpoint,
        region_name="us-east-1",
        aws_access_key_id=object_store.access_key,
        aws_secret_access_key=object_store.secret_key,
    )


def test_lines_of_all_pods_are_found_by_the_id_in_them(node: Node, identity: str) -> None:
    node.write(f'{{"request_id":"{identity}","status":200}}', pod="serving-1", namespace="serving")
    node.write(f"run {identity} begins", pod="run-abc")
    node.texts(identity, 2)
    served, ran = node.about(identity)
    assert (served.pod, served.container, served.text) == (
        "serving-1",
        "main",
        f'{{"request_id":"{identity}","status":200}}',
    )
    assert (ran.pod, ran.text) == ("run-abc", f"run {identity} begins")


def test_an_id_that_only_begins_alike_is_another_one(node: Node, identity: str) -> None:
    node.write(f"{identity}-2 and {identity}x")
    node.write(f"[{identity}]")
    assert node.texts(identity, 1) == [f"[{identity}]"]
    assert len(node.texts(f"{identity}-2", 1)) == 1


def test_a_line_that_the_runtime_cut_is_one(node: Node, identity: str) -> None:
    node.write("a" * 100, tag="P")
    node.write(identity.join("()"))
    assert node.texts(identity, 1) == ["a" * 100 + f"({identity})"]


def test_what_a_collector_says_of_itself_is_not_sent(node: Node, identity: str) -> None:
    node.write(f"own {identity}", pod="log-collector-x7", namespace="logging")
    node.write(f"others' {identity}")
    assert node.texts(identity, 1) == [f"others' {identity}"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["ended", "killed"])
def test_another_collector_goes_on_where_the_last_one_was(node: Node, identity: str, number: signal.Signals) -> None:
    node.write(f"{identity} before")
    node.texts(identity, 1)
    # How far it has read is kept once a second or so.
    time.sleep(3)
    node.stop("collector", number)
    node.write(f"{identity} meanwhile")
    node.start("collector")
    node.write(f"{identity} after")
    assert node.texts(identity, 3) == [f"{identity} before", f"{identity} meanwhile", f"{identity} after"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["ended", "killed"])
def test_a_store_that_comes_back_has_every_line_once(node: Node, identity: str, number: signal.Signals) -> None:
    node.write(f"{identity} before")
    node.texts(identity, 1)
    node.stop("store", number)
    for count in range(50):
        node.write(f"{identity} meanwhile {count}")
    time.sleep(3)
    node.start("store")
    node.write(f"{identity} after")
    told = [f"{identity} before", *(f"{identity} meanwhile {count}" for count in range(50)), f"{identity} after"]
    assert node.texts(identity, 52) == told


def test_lines_go_to_the_bucket_below_their_prefix_and_are_found_there(
    node: Node, identity: str, object_store: Any
) -> None:
    node.write(f"{identity} kept")
    node.texts(identity, 1)
    httpx.post(f"http://127.0.0.1:{node.store_port}/flush").raise_for_status()

    def written() -> list[str]:
        found = client(object_store).list_objects_v2(Bucket="logs").get("Contents", [])
        return [one["Key"] for one in found if "/fake/" in one["Key"]]

    assert all(key.startswith(f"{PREFIX}/") for key in wait_for(written))
    assert node.texts(identity, 1) == [f"{identity} kept"]


def test_lines_that_the_store_refuses_are_counted_and_hold_nothing_up(node: Node, identity: str) -> None:
    def lost() -> float:
        found = re.findall(
            rf"^{LOST}{{.*}} (\S+)$", httpx.get(f"http://127.0.0.1:{node.metrics_port}/metrics").text, re.M
        )
        return sum(map(float, found))

    before = lost()
    node.write(f"{identity} of long ago", at=datetime.now(UTC) - timedelta(days=30))
    wait_for(lambda: lost() > before)
    node.write(f"{identity} now")
    assert node.texts(identity, 1) == [f"{identity} now"]
