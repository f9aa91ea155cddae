"""The local stack as its user meets it: up, looked at, misconfigured, mended.

The tests share one stack and run in the order of the file; each leaves it healthy for the next.
"""

import json
import re
import subprocess
import threading
import time
from typing import Any

import httpx
import psutil
import pytest

pytestmark = pytest.mark.stack


def test_one_command_ends_with_a_model_that_answers(stack: Any) -> None:
    said = stack.first
    assert {"platform", "pipeline", "bundle", "deployment", "prediction"} == set(said["phases"])
    assert said["champion"]["version"] == 1
    assert said["champion"]["metrics"]["test.mae"] < said["champion"]["metrics"]["baseline.mae"]
    assert said["last_run"]["status"] == "FINISHED"
    stack.assert_healthy()
    assert stack.predict().status_code == 200


def test_typed_by_hand_pulumi_sees_the_same_stack(stack: Any) -> None:
    stack.by_hand("pulumi preview --stack local --expect-no-changes")
    stack.by_hand("pulumi refresh --stack local --yes --expect-no-changes")
    shown = json.loads(stack.by_hand("pulumi stack output --json").stdout)
    assert shown["feast_registry"] == "[secret]"
    assert shown["mlflow_tracking_uri"] == stack.platform()["MLFLOW_TRACKING_URI"]


def test_everything_listens_on_loopback_only(stack: Any) -> None:
    listening = [
        connection.laddr
        for connections in stack.each_process(lambda process: process.net_connections(kind="inet")).values()
        for connection in connections
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= len(stack.services) - 1
    assert {address.ip for address in listening} == {"127.0.0.1"}


def test_prometheus_scrapes_every_service_that_has_metrics(stack: Any) -> None:
    def states() -> dict[str, str]:
        answer = httpx.get(
            f"{stack.platform()['KEELSON_PROMETHEUS_URL']}/api/v1/query", params={"query": "up"}, timeout=60
        )
        return {row["metric"]["job"]: row["value"][1] for row in answer.json()["data"]["result"]}

    wanted = dict.fromkeys(("prometheus", "alertmanager", "mlflow", "feast", "serving", "monitor"), "1")
    stack.eventually(lambda: states() == wanted)
    assert states() == wanted


def test_user_interfaces_show_the_project(stack: Any) -> None:
    platform = stack.platform()
    for address in ("MLFLOW_TRACKING_URI", "KEELSON_FEAST_UI_URL", "KEELSON_EVIDENTLY_URL"):
        page = httpx.get(platform[address], follow_redirects=True, timeout=20)
        assert page.status_code == 200, address
        assert "<html" in page.text.lower(), address


def test_bad_input_is_422_and_names_the_field(stack: Any) -> None:
    url = f"{stack.platform()['KEELSON_SERVING_URL']}/predict"
    for field, value in (("PULocationID", 999), ("trip_distance", -1), ("tpep_pickup_datetime", "yesterday")):
        refused = httpx.post(url, json={**stack.trip, field: value}, timeout=60)
        assert refused.status_code == 422, refused.text
        assert field in refused.text


def test_serving_is_ready_only_while_the_online_store_answers(stack: Any) -> None:
    ready = f"{stack.platform()['KEELSON_SERVING_URL']}/readyz"
    control = "supervisorctl -c .local/supervisor/supervisord.conf"
    assert httpx.get(ready, timeout=60).status_code == 200
    stack.by_hand(f"{control} stop postgres")
    try:
        stack.eventually(lambda: httpx.get(ready, timeout=60).status_code == 503)
        refused = stack.predict()
        assert refused.status_code == 503
        assert httpx.get(ready.replace("readyz", "livez"), timeout=60).status_code == 200
    finally:
        stack.by_hand(f"{control} start postgres")
    stack.eventually(lambda: httpx.get(ready, timeout=60).status_code == 200)
    assert stack.predict().status_code == 200


def test_no_password_is_in_state_logs_or_command_lines(stack: Any) -> None:
    platform = stack.platform()
    passwords = [platform["AWS_SECRET_ACCESS_KEY"], platform["KEELSON_FEAST_ONLINE_PASSWORD"]]
    local = stack.path / ".local"
    files = [*(local / "state").rglob("*"), *(local / "logs").rglob("*"), *(local / "pipelines").rglob("*")]
    texts = {str(file): file.read_bytes() for file in files if file.is_file()}
    assert any(name.endswith("mlflow.log") for name in texts)
    lines = stack.each_process(lambda process: " ".join(process.cmdline()).encode())
    texts |= {f"pid {pid}": line for pid, line in lines.items()}
    for where, text in texts.items():
        assert not any(password.encode() in text for password in passwords), f"a password is in {where}"


def test_a_killed_serving_worker_costs_no_more_than_the_request_in_flight(stack: Any) -> None:
    failed, answered, stop = [], [], threading.Event()

    def load() -> None:
        while not stop.is_set():
            try:
                answer = stack.predict()
                (answered if answer.status_code == 200 else failed).append(answer.status_code)
            except httpx.HTTPError as error:
                failed.append(error)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        workers = stack.processes(stack.generation())
        leaf = next(p for p in workers if not p.children() and p.parent() and p.net_connections(kind="inet"))
        time.sleep(1)
        leaf.kill()
        time.sleep(5)
        # How many are answered in a second tells how busy the machine is.
        stack.eventually(lambda: len(answered) > 50)
    finally:
        stop.set()
        thread.join()
    assert len(failed) <= 1, failed


def test_refresh_sees_a_dead_service_and_up_mends_only_that(stack: Any) -> None:
    before = {service["name"]: service["uptime_seconds"] for service in stack.status()["services"]}
    # Ask the supervisor itself, as an operator would; a mere kill would be mended at once.
    stack.by_hand("supervisorctl -c .local/supervisor/supervisord.conf stop prometheus")
    refreshed = stack.by_hand("pulumi refresh --stack local --yes").stdout
    assert re.search(r"1 updated", refreshed), refreshed
    mended = stack.by_hand("pulumi up --stack local --yes --skip-preview").stdout
    assert re.search(r"~ 1 updated", mended), mended
    stack.assert_healthy()
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
        stack.eventually(lambda: bool(psutil.Process(holder.pid).net_connections(kind="inet")))
        stack.by_hand(f"pulumi config set port-base {stack.port_base + 200} --stack local")
        refused = stack.by_hand("pulumi preview --stack local", check=False)
    finally:
        file.write_text(original)
        holder.kill()
        holder.wait()
    assert refused.returncode != 0
    assert f"port {stack.port_base + 209} (serving) is held by pid {holder.pid}" in refused.stdout + refused.stderr
    stack.assert_healthy()


def test_up_with_nothing_to_do_changes_nothing(stack: Any) -> None:
    before = {service["name"]: service["uptime_seconds"] for service in stack.status()["services"]}
    said = stack.up()
    assert set(said["phases"]) == {"platform", "prediction"}
    after = {service["name"]: service["uptime_seconds"] for service in stack.status()["services"]}
    assert all(after[name] >= before[name] for name in before)
