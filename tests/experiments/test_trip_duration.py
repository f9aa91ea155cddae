"""The experiment runs from its script and from its notebook, and notebooks are kept without outputs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import nbformat
import numpy as np
import polars as pl
import pytest
from nbclient import NotebookClient

from components import contract
from components.platform import Platform
from experiments import trip_duration

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "experiments" / "trip_duration.ipynb"
KERNEL_SECONDS = 60


def logged(platform: Platform) -> Iterator[dict[str, Any]]:
    """The runs of the experiment as MLflow's REST API tells them, newest first."""
    base = f"{platform.mlflow_tracking_uri}/api/2.0/mlflow"
    asked = {"experiment_name": trip_duration.EXPERIMENT}
    number = httpx.get(f"{base}/experiments/get-by-name", params=asked).json()["experiment"]["experiment_id"]
    found = httpx.post(f"{base}/runs/search", json={"experiment_ids": [number]}).json()["runs"]
    for run in found:
        data = {part: {item["key"]: item["value"] for item in items} for part, items in run["data"].items()}
        yield {"run_id": run["info"]["run_id"], "status": run["info"]["status"], **data}


def script(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "experiments.trip_duration", *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)


def test_the_notebook_compares_with_the_champion_and_keeps_the_run(stack: Platform) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=KERNEL_SECONDS, resources={"metadata": {"path": str(ROOT)}})
    done = client.execute()
    newest = next(logged(stack))
    assert newest["status"] == "FINISHED"
    assert newest["params"]["data_version"] == "0"
    assert (
        newest["metrics"]["champion.low"] <= newest["metrics"]["champion.change"] <= newest["metrics"]["champion.high"]
    )
    assert newest["run_id"] in str(done.cells[-1]["outputs"])


def test_the_script_is_repeatable_and_its_run_is_in_mlflow(stack: Platform) -> None:
    lines = []
    for _ in range(2):
        done = script("--data-version", "0", "--parameters", '{"num_leaves": 15}')
        assert done.returncode == 0, done.stderr
        lines.append(json.loads(done.stdout.splitlines()[-1]))
    first, second = (dict(line) for line in lines)
    assert first.pop("run_id") != second.pop("run_id")
    assert first == second
    assert (first["data_version"], first["num_leaves"]) == (0, 15)
    run = next(run for run in logged(stack) if run["run_id"] == lines[0]["run_id"])
    assert run["params"]["num_leaves"] == "15"
    assert run["metrics"]["test.mae"] == first["test.mae"]


def test_the_script_says_what_to_do_where_there_are_no_trips(
    stack: Platform, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEELSON_DATA_BUCKET", platform.artifacts_bucket)
    done = script()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "there are no trips yet; make some: make train"


def test_the_traffic_of_the_dropoff_zone_is_what_was_known_when_the_trip_began(stack: Platform, tmp_path: Path) -> None:
    trips, built = trip_duration.features_of(stack, 0, tmp_path)
    found = trip_duration.with_dropoff_traffic(stack, trips, built)
    back = contract.ZONE_FEATURES[0], f"dropoff_{contract.ZONE_FEATURES[0]}"
    # A trip that stays in its zone sees the same traffic at both ends.
    inside = found.filter(pl.col(contract.PICKUP_ZONE) == pl.col(contract.DROPOFF_ZONE))
    assert len(inside) > 10
    assert inside[back[0]].equals(inside[back[1]].alias(back[0]))
    assert not found[back[0]].equals(found[back[1]].alias(back[0]))


def test_a_smaller_error_than_the_champions_is_a_negative_change() -> None:
    hours = pl.datetime_range(pl.datetime(2026, 1, 5), pl.datetime(2026, 1, 6), "10m", eager=True)
    test = pl.DataFrame({contract.PICKUP_TIME: hours, contract.TARGET: np.linspace(100, 900, len(hours))})
    actual = test[contract.TARGET].to_numpy()
    found = trip_duration.compared(test, actual + 30, actual + 40)
    assert found == {name: pytest.approx(-0.25) for name in ("change", "low", "high")}


def test_no_change_against_the_champion_is_told_as_none() -> None:
    hours = pl.datetime_range(pl.datetime(2026, 1, 5), pl.datetime(2026, 1, 6), "10m", eager=True)
    test = pl.DataFrame({contract.PICKUP_TIME: hours, contract.TARGET: np.linspace(100, 900, len(hours))})
    seconds = np.full(len(hours), 500.0)
    assert trip_duration.compared(test, seconds, seconds) == {"change": 0.0, "low": 0.0, "high": 0.0}


def notebooks() -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.ipynb"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [ROOT / name for name in listed]


def test_no_notebook_is_kept_with_outputs() -> None:
    assert NOTEBOOK in notebooks()
    for file in notebooks():
        for cell in nbformat.read(file, as_version=4).cells:
            if cell.cell_type == "code":
                assert (file.name, cell.outputs, cell.execution_count) == (file.name, [], None)
