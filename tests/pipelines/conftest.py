"""A real MLflow server, run as the platform runs it."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from components.platform import Platform


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an empty MLflow server that proxies artifacts."""
    folder, port = tmp_path_factory.mktemp("mlflow"), a_free_port()
    uri = f"http://127.0.0.1:{port}"
    command = [str(Path(sys.executable).with_name("mlflow")), "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    with (folder / "log").open("w") as log:
        environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PATH": str(Path(sys.executable).parent)}
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
        try:
            await_health(uri, server, folder / "log")
            yield uri
        finally:
            server.terminate()
            server.wait(30)


def await_health(uri: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end and server.poll() is None:
        try:
            if httpx.get(f"{uri}/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"MLflow did not start: {log.read_text()[-2000:]}")


@pytest.fixture
def tracked_platform(mlflow_server: str, tmp_path: Path) -> Platform:
    """A platform of which only MLflow and the pipeline root exist."""
    named = {name: "none" for name, field in Platform.model_fields.items() if field.is_required()}
    return Platform.model_validate(
        named
        | {
            "stack": "test",
            "mlflow_tracking_uri": mlflow_server,
            "pipeline_root": str(tmp_path / "root"),
            "feast_online_port": 1,
        }
    )
