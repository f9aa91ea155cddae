"""The local stack as its user meets it: up, looked at, broken, repaired, taken down.

The tests share one stack and run in the order of the file; each leaves it healthy for the next.
"""

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import psutil
import pytest

pytestmark = pytest.mark.stack

SERVICES = {
    "postgres",
    "object-store",
    "mlflow",
    "feast",
    "prometheus",
    "evidently",
    "serving",
    "supervisor",
}
TRIP = {
    "tpep_pickup_datetime": "2026-03-02T17:30:00",
    "PULocationID": 132,
    "DOLocationID": 230,
    "trip_distance": 17.2,
    "passenger_count": 2,
}


def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


def predict(stack: Any) -> httpx.Response:
    return httpx.post(f"{stack.platform()['KEELSON_SERVING_URL']}/predict", json=TRIP, timeout=10)


def assert_healthy(stack: Any) -> None:
    services = stack.status()["services"]
    assert {service["name"]: service["health"] for service in services if service["health"] != "healthy"} == {}
    assert {service["name"] for service in services} - {"grafana"} == SERVICES


def test_one_command_ends_with_a_model_that_answers(stack: Any) -> None:
    said = stack.first
    assert {"platform", "pipeline", "bundle", "deployment", "prediction"} == set(said["phases"])
    assert said["champion"]["version"] == 1
    assert said["champion"]["metrics"]["test.mae"] < said["champion"]["metrics"]["baseline.mae"]
    assert said["last_run"]["status"] == "FINISHED"
    assert_healthy(stack)
    assert predict(stack).status_code == 200


def test_typed_by_hand_pulumi_sees_the_same_stack(stack: Any) -> None:
    stack.by_hand("pulumi preview --stack local --expect-no-changes")
    stack.by_hand("pulumi refresh --stack local --yes --expect-no-changes")
    shown = json.loads(stack.by_hand("pulumi stack output --json").stdout)
    assert shown["feast_registry"] == "[secret]"
    assert shown["mlflow_tracking_uri"] == stack.platform()["MLFLOW_TRACKING_URI"]


def test_everything_listens_on_loopback_only(stack: Any) -> None:
    listening = [
        connection.laddr
        for process in stack.processes()
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= len(SERVICES) - 1
    assert {address.ip for address in listening} == {"127.0.0.1"}


def test_prometheus_scrapes_every_service_that_has_metrics(stack: Any) -> None:
    def states() -> dict[str, str]:
        answer = httpx.get(f"{stack.platform()['KEELSON_PROMETHEUS_URL']}/api/v1/query", params={"query": "up"})
        return {row["metric"]["job"]: row["value"][1] for row in answer.json()["data"]["result"]}

    eventually(lambda: states() == dict.fromkeys(("prometheus", "mlflow", "feast", "serving"), "1"))


def test_user_interfaces_show_the_project(stack: Any) -> None:
    platform = stack.platform()
    for address in ("MLFLOW_TRACKING_URI", "KEELSON_FEAST_UI_URL", "KEELSON_EVIDENTLY_URL"):
        page = httpx.get(platform[address], follow_redirects=True, timeout=20)
        assert page.status_code == 200, address
        assert "<html" in page.text.lower(), address


def test_bad_input_is_422_and_names_the_field(stack: Any) -> None:
    url = f"{stack.platform()['KEELSON_SERVING_URL']}/predict"
    for field, value in (("PULocationID", 999), ("trip_distance", -1), ("tpep_pickup_datetime", "yesterday")):
        refused = httpx.post(url, json={**TRIP, field: value})
        assert refused.status_code == 422, refused.text
        assert field in refused.text


def test_serving_is_ready_only_while_the_online_store_answers(stack: Any) -> None:
    ready = f"{stack.platform()['KEELSON_SERVING_URL']}/readyz"
    control = "supervisorctl -c .local/supervisor/supervisord.conf"
    assert httpx.get(ready).status_code == 200
    stack.by_hand(f"{control} stop postgres")
    try:
        eventually(lambda: httpx.get(ready, timeout=20).status_code == 503)
        refused = predict(stack)
        assert refused.status_code == 503
        assert httpx.get(ready.replace("readyz", "livez")).status_code == 200
    finally:
        stack.by_hand(f"{control} start postgres")
    eventually(lambda: httpx.get(ready, timeout=20).status_code == 200)
    assert predict(stack).status_code == 200


def test_no_password_is_in_state_logs_or_command_lines(stack: Any) -> None:
    platform = stack.platform()
    passwords = [platform["AWS_SECRET_ACCESS_KEY"], platform["KEELSON_FEAST_ONLINE_PASSWORD"]]
    local = stack.path / ".local"
    files = [*(local / "state").rglob("*"), *(local / "logs").rglob("*"), *(local / "pipelines").rglob("*")]
    texts = {str(file): file.read_bytes() for file in files if file.is_file()}
    assert any(name.endswith("mlflow.log") for name in texts)
    texts |= {f"pid {p.pid}": " ".join(p.cmdline()).encode() for p in stack.processes()}
    for where, text in texts.items():
        assert not any(password.encode() in text for password in passwords), f"a password is in {where}"


def test_a_killed_serving_worker_costs_no_more_than_the_request_in_flight(stack: Any) -> None:
    failed, answered, stop = [], [], threading.Event()

    def load() -> None:
        while not stop.is_set():
            try:
                answer = predict(stack)
                (answered if answer.status_code == 200 else failed).append(answer.status_code)
            except httpx.HTTPError as error:
                failed.append(error)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        workers = [p for p in stack.processes() if "serving" in p.environ().get("KEELSON_SERVICE", "")]
        leaf = next(p for p in workers if not p.children() and p.parent() and p.net_connections(kind="inet"))
        time.sleep(1)
        leaf.kill()
        time.sleep(5)
    finally:
        stop.set()
        thread.join()
    assert len(answered) > 50
    assert len(failed) <= 1, failed


def test_refresh_sees_a_dead_service_and_up_mends_only_that(stack: Any) -> None:
    before = {service["name"]: service["uptime_seconds"] for service in stack.status()["services"]}
    # Ask the supervisor itself, as an operator would; a mere kill would be mended at once.
    stack.by_hand("supervisorctl -c .local/supervisor/supervisord.conf stop prometheus")
    refreshed = stack.by_hand("pulumi refresh --stack local --yes").stdout
    assert re.search(r"1 updated", refreshed), refreshed
    mended = stack.by_hand("pulumi up --stack local --yes --skip-preview").stdout
    assert re.search(r"~ 1 updated", mended), mended
    assert_healthy(stack)
    after = {service["name"]: service["uptime_seconds"] for service in stack.status()["services"]}
    assert after["mlflow"] >= before["mlflow"]
    assert after["prometheus"] < before["prometheus"]


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("port-bse", "18000", "Setting keelson:port-bse"),
        ("port-base", "high", "Setting keelson:port-base"),
        ("serving-workers", "1", "greater than or equal to 2"),
    ],
)
def test_a_wrong_setting_fails_the_preview_with_one_sentence(stack: Any, key: str, value: str, told: str) -> None:
    file = stack.path / "infra" / "stacks" / "Pulumi.local.yaml"
    original = file.read_text()
    stack.by_hand(f"pulumi config set {key} {value} --stack local")
    try:
        refused = stack.by_hand("pulumi preview --stack local", check=False)
    finally:
        file.write_text(original)
    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    assert told in said
    assert "Traceback" not in said


def test_a_port_in_use_is_named_before_anything_starts(stack: Any) -> None:
    holder = subprocess.Popen(
        ["python3", "-m", "http.server", "--bind", "127.0.0.1", str(stack.port_base + 9 + 200)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    file = stack.path / "infra" / "stacks" / "Pulumi.local.yaml"
    original = file.read_text()
    try:
        eventually(lambda: bool(psutil.Process(holder.pid).net_connections(kind="inet")))
        stack.by_hand(f"pulumi config set port-base {stack.port_base + 200} --stack local")
        refused = stack.by_hand("pulumi preview --stack local", check=False)
    finally:
        file.write_text(original)
        holder.kill()
        holder.wait()
    assert refused.returncode != 0
    assert f"port {stack.port_base + 209} (serving) is held by pid {holder.pid}" in refused.stdout + refused.stderr
    assert_healthy(stack)


def test_up_with_nothing_to_do_changes_nothing(stack: Any) -> None:
    before = {service["name"]: service["uptime_seconds"] for service in stack.status()["services"]}
    said = stack.up()
    assert set(said["phases"]) == {"platform", "prediction"}
    after = {service["name"]: service["uptime_seconds"] for service in stack.status()["services"]}
    assert all(after[name] >= before[name] for name in before)


@pytest.mark.parametrize("delay", [0.8, 2.0, 3.5])
def test_a_pulumi_killed_at_any_moment_is_repaired_by_the_next_up(stack: Any, delay: float) -> None:
    workers = 3 if delay != 2.0 else 2
    stack.by_hand(f"pulumi config set serving-workers {workers} --stack local")
    environment = stack.by_hand("env").stdout
    env = dict(line.split("=", 1) for line in environment.splitlines() if "=" in line)
    update = subprocess.Popen(
        ["pulumi", "up", "--stack", "local", "--yes", "--skip-preview", "--refresh"],
        cwd=stack.path,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(delay)
    os.kill(update.pid, signal.SIGKILL)
    update.wait()
    stack.up()
    assert_healthy(stack)
    state = json.loads((stack.path / ".local/state/.pulumi/stacks/keelson/local.json").read_text())
    latest = state["checkpoint"]["latest"]
    names = [resource["urn"] for resource in latest["resources"]]
    assert len(names) == len(set(names))
    assert not latest.get("pending_operations")
    stack.by_hand("pulumi preview --stack local --expect-no-changes")


def test_killing_every_process_loses_nothing(stack: Any) -> None:
    champion = stack.status()["champion"]
    answer = predict(stack).json()
    for process in stack.processes():
        process.kill()
    eventually(lambda: stack.processes() == [])
    said = stack.up()
    assert "pipeline" not in said["phases"]
    assert said["champion"] == champion
    assert_healthy(stack)
    assert predict(stack).json()["predictions"] == answer["predictions"]


def test_down_leaves_nothing_and_up_brings_the_same_model_back(stack: Any) -> None:
    champion = stack.status()["champion"]
    stack.make("down")
    assert stack.processes() == []
    assert not stack.layout.socket.exists()
    held = {c.laddr.port for c in psutil.net_connections(kind="inet") if c.status == psutil.CONN_LISTEN and c.laddr}
    assert not held & set(range(stack.port_base, stack.port_base + 20))
    stack.make("down")
    assert "down" in stack.make("status", check=False).stdout
    said = stack.up()
    assert "pipeline" not in said["phases"]
    assert said["champion"] == champion
    assert_healthy(stack)


def test_a_first_up_killed_again_and_again_is_finished_by_the_next(another_clone: Any) -> None:
    command = ["make", "up", "ROWS=20000", f"PORT_BASE={another_clone.port_base}"]
    for seconds in (5, 9, 14, 10):
        attempt = subprocess.Popen(
            command,
            cwd=another_clone.path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(seconds)
        # All of it at once: make, the driver, Pulumi, its plugins, the pipeline and its step.
        os.killpg(attempt.pid, signal.SIGKILL)
        attempt.wait()
    said = another_clone.up()
    assert said["champion"]["metrics"]["test.mae"] < said["champion"]["metrics"]["baseline.mae"]
    assert_healthy(another_clone)
    assert predict(another_clone).status_code == 200
    another_clone.by_hand("pulumi preview --stack local --expect-no-changes")
    another_clone.make("down")
    assert another_clone.processes() == []
