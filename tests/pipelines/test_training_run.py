"""The training pipeline as its user runs it, against a real object store, Postgres and MLflow."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from components.platform import Platform
from components.recording import champion, download_model
from components.tracking import Tracking


def environment(platform: Platform) -> dict[str, str]:
    """The variables that a platform is read from."""
    found = {}
    for name, field in Platform.model_fields.items():
        value = getattr(platform, name)
        if value is not None:
            found[str(field.validation_alias)] = (
                value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            )
    return found


def run(platform: Platform, rows: int = 4000, seed: int = 3, **changed: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "pipelines.run", "training", "--rows", str(rows), "--seed", str(seed)]
    given = os.environ | environment(platform) | changed
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=False)
    line = json.loads(done.stdout.splitlines()[-1])
    for step in line.get("seconds", {}):
        assert step in done.stderr
    return done.returncode, line


def wrong_password(platform: Platform) -> str:
    """The address of the feature registry with a password that is not the right one."""
    address = platform.feast_registry.get_secret_value()
    return address.replace(platform.feast_online_password.get_secret_value(), "wrong")


def logged(platform: Platform, run_id: str) -> dict[str, Any]:
    """The MLflow run as its REST API tells it."""
    import httpx

    answer = httpx.get(f"{platform.mlflow_tracking_uri}/api/2.0/mlflow/runs/get", params={"run_id": run_id})
    run = answer.raise_for_status().json()["run"]
    data = {part: {item["key"]: item["value"] for item in items} for part, items in run["data"].items()}
    return {"status": run["info"]["status"], **data}


@pytest.fixture
def live(platform: Platform, mlflow_server: str) -> Platform:
    """A platform with MLflow and an applied feature store."""
    command = [sys.executable, "-m", "components.features.apply"]
    subprocess.run(command, env=os.environ | environment(platform), check=True, capture_output=True)
    return platform.model_copy(update={"mlflow_tracking_uri": mlflow_server})


def test_a_failed_run_says_where_resumes_there_and_is_repeatable_to_the_byte(live: Platform, tmp_path: Path) -> None:
    code, failed = run(live, KEELSON_FEAST_REGISTRY=wrong_password(live))
    assert (code, failed["status"], failed["failed_step"]) == (1, "failed", "build_features")
    assert "password authentication failed" in failed["error"]
    assert failed["model_version"] is None
    assert logged(live, failed["run_id"])["status"] == "FAILED"

    code, resumed = run(live)
    assert (code, resumed["status"]) == (0, "succeeded"), resumed
    assert resumed["cached"] == ["ingest", "validate"]
    record = logged(live, resumed["run_id"])
    assert record["status"] == "FINISHED"
    assert record["params"] == {"source": "synthetic", "rows": "4000", "seed": "3"}
    assert record["metrics"]["test.mae"] == resumed["metrics"]["test"]["mae"]
    assert record["metrics"]["train.mae"] == resumed["metrics"]["train"]["mae"]
    assert json.loads(record["tags"]["keelson.step.validate"])["status"] == "cached"
    assert record["tags"]["keelson.data_version"] == str(resumed["data_version"])

    empty = live.model_copy(update={"pipeline_root": str(tmp_path / "empty")})
    code, again = run(empty)
    assert (code, again["cached"]) == (0, [])
    assert again["metrics"] == resumed["metrics"]
    with Tracking(live.mlflow_tracking_uri) as tracking:
        newest = champion(tracking)
        assert newest is not None
        assert newest.version == again["model_version"] == resumed["model_version"] + 1
        assert newest.tags["keelson.previous_model"].endswith(f"/{resumed['model_version']}")
        fetched = download_model(tracking, newest, tmp_path / "fetched")
    trained = next(Path(live.pipeline_root).glob("training-*/train/model/model.txt"))
    assert (fetched / "model.txt").read_bytes() == trained.read_bytes()

    code, worse = run(live, rows=900, seed=4)
    assert (code, worse["status"], worse["model_version"]) == (0, "succeeded", None), worse
    assert worse["verdict"]["accepted"] is False
    assert logged(live, worse["run_id"])["tags"]["keelson.verdict"] == "rejected"


def test_a_missing_setting_is_named_on_the_json_line(live: Platform) -> None:
    code, line = run(live, KEELSON_FEAST_ONLINE_PORT="not a port")
    assert (code, line["status"]) == (1, "failed")
    assert "KEELSON_FEAST_ONLINE_PORT" in line["error"]
