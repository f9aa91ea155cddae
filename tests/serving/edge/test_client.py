"""The client runs where there is onnxruntime and nothing of this project, and says what is wrong with a trip."""

import json
import math
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components import contract, thresholds
from components.families.family import NAMES
from components.features.online import ONLINE_FEATURES
from components.model import load_model
from infra.tools import cache, environment
from infra.tools.catalogue import load as load_catalogue
from infra.tools.find import Search, search_path
from serving.edge import client, parity
from serving.edge.export import export
from serving.registry import RegisteredModel
from serving.trips import EXAMPLE_TRIP

ROOT = Path(__file__).parents[3]
# What is here, and must not be on a device.
ABSENT = ("lightgbm", "xgboost", "onnx", "polars", "holidays", "components", "serving")


@pytest.fixture(scope="session")
def exported(
    trained: Callable[[str], RegisteredModel], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """An export of a family's small model."""

    def make(name: str) -> Path:
        folder = tmp_path_factory.mktemp("exported") / name
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(thresholds, "MAX_EDGE_P99_MILLISECONDS", 1e6)
            export(trained(name), folder)
        return folder

    return make


def locked(name: str) -> dict[str, str]:
    """Versions of a package and of all that it needs, as uv.lock has them."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    found: dict[str, str] = {}
    waiting = [name]
    while waiting:
        (package,) = (one for one in packages if one["name"] == waiting[-1])
        found[waiting.pop()] = package["version"]
        waiting += [one["name"] for one in package.get("dependencies", []) if one["name"] not in found]
    return found


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has onnxruntime, what it needs, and nothing else."""
    kept = cache.locate(dict(os.environ))
    search = Search(search_path(os.environ.get("PATH", ""), ROOT), kept)
    uv = environment.obtain_uv(load_catalogue().uv, search, print)
    folder = tmp_path_factory.mktemp("device") / "environment"
    variables = {**os.environ, "UV_CACHE_DIR": str(kept.uv), "UV_PYTHON_DOWNLOADS": "never"}
    pins = [f"{name}=={version}" for name, version in locked("onnxruntime").items()]
    for command in (
        ["venv", "--python", sys.executable, str(folder)],
        ["pip", "install", "--no-deps", "--python", str(folder / "bin" / "python"), *pins],
    ):
        subprocess.run([str(uv), *command], env=variables, check=True, cwd=folder.parent)
    return folder / "bin" / "python"


def on_device(python: Path, *arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run isolated: no folder of ours, no variable of this environment."""
    command = [str(python), "-I", *arguments]
    return subprocess.run(command, cwd=cwd, env={}, capture_output=True, text=True, check=False)


def as_json(question: parity.Question) -> list[dict[str, Any]]:
    """Trips as the client takes them."""
    found = []
    for trip, row in zip(question.trips, question.online.tolist(), strict=True):
        stored = {name: value for name, value in zip(ONLINE_FEATURES, row, strict=True) if not math.isnan(value)}
        found.append({**trip, **stored, contract.PICKUP_TIME: trip[contract.PICKUP_TIME].isoformat()})
    return found


def test_a_device_has_nothing_of_this_project(device: Path, tmp_path: Path) -> None:
    code = f"import importlib.util as u, json; print(json.dumps([n for n in {ABSENT} if u.find_spec(n)]))"
    assert json.loads(on_device(device, "-c", code, cwd=tmp_path).stdout) == []
    # The same words find them here.
    assert json.loads(subprocess.check_output([sys.executable, "-c", code], text=True)) == list(ABSENT)


@pytest.mark.parametrize("name", NAMES)
def test_a_device_says_what_the_bundle_says_of_ten_thousand_trips(
    device: Path,
    exported: Callable[[str], Path],
    trained: Callable[[str], RegisteredModel],
    tmp_path: Path,
    name: str,
) -> None:
    folder = shutil.copytree(exported(name), tmp_path / "copied")
    question = parity.draw(10_000, 17)
    (tmp_path / "trips.json").write_text(json.dumps(as_json(question)))
    done = on_device(device, str(folder / "client.py"), str(tmp_path / "trips.json"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["model_version"] == "7"
    expected = parity.expected(load_model(trained(name).folder), question)
    found = {key: np.array([one[key] for one in said["predictions"]]) for key in expected}
    assert parity.difference(expected, found) <= thresholds.EDGE_TOLERANCE


def test_without_a_file_the_example_is_predicted(device: Path, exported: Callable[[str], Path], tmp_path: Path) -> None:
    folder = exported("linear")
    done = on_device(device, str(folder / "client.py"), cwd=tmp_path)
    (found,) = json.loads(done.stdout)["predictions"]
    told = json.loads((folder / "metadata.json").read_text())["example"]["prediction"]
    assert found == pytest.approx(told, rel=thresholds.EDGE_TOLERANCE)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        (contract.PICKUP_ZONE, 0, r"trips\[1\].PULocationID is 0, allowed is a whole number from 1 to 265, TLC zone"),
        (contract.PICKUP_ZONE, 7.5, "is 7.5, allowed is a whole number"),
        (contract.PICKUP_ZONE, True, "is True, allowed is a whole number"),
        (contract.DROPOFF_ZONE, None, "DOLocationID is None, allowed"),
        (contract.DISTANCE, -0.1, "is -0.1, allowed is a number from 0.0 to 200.0, miles"),
        (contract.DISTANCE, "2", "is '2', allowed is a number"),
        (contract.DISTANCE, math.nan, "is nan, allowed is a number"),
        (contract.PASSENGERS, 10, "is 10, allowed is a whole number from 0 to 9, people"),
        (contract.PASSENGERS, 10**400, "allowed is a whole number from 0 to 9, people"),
        (contract.PICKUP_TIME, "soon", "is 'soon', allowed is a time of the years 2000 to 2100 in ISO 8601"),
        (contract.PICKUP_TIME, "2026-01-15T08:30:00+01:00", "without offset"),
        (contract.PICKUP_TIME, "1999-12-31T23:59:59", "allowed is a time of the years"),
        (contract.PICKUP_TIME, "2101-01-01T00:00:00", "allowed is a time of the years"),
        (contract.PICKUP_TIME, 1_700_000_000, "allowed is a time of the years"),
        (ONLINE_FEATURES[0], math.inf, f"{ONLINE_FEATURES[0]} is inf, allowed is a number"),
        ("fare", 1, r"trips\[1\].fare is not known; there are DOLocationID, "),
    ],
)
def test_a_trip_out_of_the_contract_is_refused_by_its_field(
    exported: Callable[[str], Path], field: str, value: object, told: str
) -> None:
    session, metadata = client.load(exported("baseline"))
    with pytest.raises(ValueError, match=told):
        client.predict(session, metadata, [EXAMPLE_TRIP, EXAMPLE_TRIP | {field: value}])


def run_here(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return on_device(Path(sys.executable), str(folder / "client.py"), *arguments, cwd=folder)


@pytest.mark.parametrize("text", ["[]", "3", "[3]", "{", ""])
def test_a_file_without_trips_is_refused_in_one_line(
    exported: Callable[[str], Path], tmp_path: Path, text: str
) -> None:
    (tmp_path / "trips.json").write_text(text)
    done = run_here(exported("baseline"), str(tmp_path / "trips.json"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("no prediction: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_changed_graph_is_refused_with_both_digests(exported: Callable[[str], Path]) -> None:
    folder = exported("baseline")
    graph = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(graph.replace(b"keelson", b"Keelson"))
    done = run_here(folder)
    assert done.returncode == 1
    told = json.loads((folder / "metadata.json").read_text())["model.onnx"]["sha256"]
    assert f"metadata.json says {told}; copy the folder again" in done.stderr
