"""``make edge``: from a real registry to a folder for devices."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from components import contract
from components.model import model_files
from components.recording import DATA_VERSION, MODEL_FOLDER
from components.tracking import Tracking
from serving.registry import RegisteredModel

ROOT = Path(__file__).parents[3]


@pytest.fixture
def variables(mlflow_server: str) -> dict[str, str]:
    """All that an export needs of a stack; no model is registered there."""
    body = {"name": contract.MODEL_NAME}
    httpx.request("DELETE", f"{mlflow_server}/api/2.0/mlflow/registered-models/delete", json=body)
    return {"MLFLOW_TRACKING_URI": mlflow_server}


def edge(out: Path, variables: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "serving.edge", "--out", str(out)]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )


def test_the_champion_is_exported_once_there_is_one(
    mlflow_server: str, variables: dict[str, str], trained: Callable[[str], RegisteredModel], tmp_path: Path
) -> None:
    refused = edge(tmp_path / "edge", variables)
    assert refused.returncode != 0
    assert "nothing was exported: the registry has no version or alias 'champion'" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert list(tmp_path.iterdir()) == []

    with Tracking(mlflow_server) as tracking:
        folder = trained("baseline").folder
        run = tracking.create_run(tracking.experiment(contract.EXPERIMENT), "edge", {})
        for name in model_files(folder):
            tracking.upload(run, folder / name, f"{MODEL_FOLDER}/{name}")
        version = tracking.create_version(contract.MODEL_NAME, run, MODEL_FOLDER, {DATA_VERSION: "12"}).version
        tracking.set_alias(contract.MODEL_NAME, contract.CHAMPION, version)
    done = edge(tmp_path / "edge", variables)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said.keys() == {"version", "out", "bytes", "parity", "p99_milliseconds"}
    assert said["version"] == str(version)
    assert said["bytes"] == (tmp_path / "edge" / "model.onnx").stat().st_size
    told = json.loads((tmp_path / "edge" / "metadata.json").read_text())["model"]
    assert (told["version"], told["run_id"], told["data_version"]) == (str(version), run.run_id, "12")
