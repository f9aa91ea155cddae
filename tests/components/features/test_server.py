"""The one process that serves features, metrics and Feast's browser."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import httpx
import psutil
import pytest
from pydantic import SecretStr

from components import contract
from components.features import catalogue
from components.features.apply import apply
from components.platform import Platform

# A machine that is busy takes long for what takes this process seconds: to import Feast, and to answer at first.
PATIENCE = 600
get = partial(httpx.get, timeout=PATIENCE)


def environment(platform: Platform) -> dict[str, str]:
    """The platform's settings as variables."""
    variables = dict(os.environ)
    for name, field in Platform.model_fields.items():
        value = getattr(platform, name)
        if value is not None:
            plain = value.get_secret_value() if isinstance(value, SecretStr) else value
            variables[str(field.validation_alias)] = str(plain)
    return variables


def command(ports: list[int]) -> list[str]:
    options = zip(("--port", "--metrics-port", "--ui-port"), ports, strict=True)
    return [sys.executable, "-m", "components.features.server", *(str(word) for pair in options for word in pair)]


@pytest.fixture
def server(platform: Platform, free_port: Callable[[], int]) -> Iterator[tuple[subprocess.Popen[bytes], list[str]]]:
    """The process and the addresses of the feature server, the metrics and the browser."""
    apply(platform)
    ports = [free_port() for _ in range(3)]
    process = subprocess.Popen(command(ports), env=environment(platform))
    addresses = [f"http://127.0.0.1:{port}" for port in ports]
    deadline = time.monotonic() + PATIENCE
    try:
        while True:
            try:
                assert [httpx.get(addresses[n] + "/health").status_code for n in (0, 2)] == [200, 200]
                break
            except httpx.TransportError:
                assert process.poll() is None, "the server ended at its start"
                assert time.monotonic() < deadline, "the server did not become ready"
                time.sleep(0.1)
        yield process, addresses
    finally:
        process.kill()
        process.wait()


def test_one_process_serves_features_metrics_and_browser_on_the_loopback_only(
    server: tuple[subprocess.Popen[bytes], list[str]],
) -> None:
    process, (features, metrics, browser) = server
    body = {
        "feature_service": contract.FEATURE_SERVICE,
        "entities": {contract.ZONE_KEY: [1], contract.PAIR_KEY: [1001]},
    }
    answer = httpx.post(f"{features}/get-online-features", json=body, timeout=PATIENCE)
    assert answer.status_code == 200
    assert set(answer.json()["metadata"]["feature_names"]) >= {*contract.ZONE_FEATURES, *contract.PAIR_FEATURES}
    told = get(f"{metrics}/metrics").text
    assert 'feast_feature_server_request_total{endpoint="/get-online-features",status="success"} 1.0' in told
    assert "process_resident_memory_bytes" in told
    projects = get(f"{browser}/projects-list.json").json()["projects"]
    assert [project["id"] for project in projects] == [contract.FEAST_PROJECT]
    views = get(f"{browser}/api/v1/feature_views", params={"project": contract.FEAST_PROJECT}).json()
    assert {view["spec"]["name"] for view in views["featureViews"]} == {
        "zone_features",
        "pair_features",
        "request_features",
    }
    features_url, asked = f"{browser}/api/v1/features", {"project": contract.FEAST_PROJECT, "limit": 100}
    shown = {
        feature["name"]: (feature["description"], feature["tags"]["unit"], feature["tags"]["owner"])
        for feature in get(features_url, params=asked).json()["features"]
        if feature["name"] in contract.MODEL_FEATURES
    }
    assert shown == {one.name: (one.meaning, one.unit, one.owner) for one in catalogue.FEATURES}
    seen = psutil.Process(process.pid)
    listening = [at.laddr.ip for at in seen.net_connections() if at.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"] * 3
    assert seen.children() == []
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=PATIENCE) == 0


def test_a_port_in_use_ends_the_process_with_an_error(platform: Platform, free_port: Callable[[], int]) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        ports = [holder.getsockname()[1], free_port(), free_port()]
        done = subprocess.run(
            command(ports), env=environment(platform), capture_output=True, text=True, timeout=PATIENCE
        )
    assert done.returncode != 0
    assert "address already in use" in done.stderr
