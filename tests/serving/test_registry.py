"""From a real MLflow registry to a bundle."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from components import contract
from components.model import ModelIntegrityError, load_model, model_files
from components.recording import DATA_VERSION, MODEL_FOLDER, MODEL_SHA256
from components.tracking import Tracking
from serving.manifest import BundleError, Manifest
from serving.registry import Registry, download

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def variables(mlflow_server: str) -> dict[str, str]:
    """All that a bundle needs of a stack."""
    return {"MLFLOW_TRACKING_URI": mlflow_server}


@pytest.fixture(scope="module")
def registry(variables: dict[str, str]) -> Registry:
    return Registry.model_validate(variables)


@pytest.fixture(scope="module")
def run_ids(mlflow_server: str, model_folder: Path) -> list[str]:
    """The only registered versions, of data versions 10 and 20; the first is champion."""
    found: list[str] = []
    known = f"{mlflow_server}/api/2.0/mlflow/registered-models/delete"
    httpx.request("DELETE", known, json={"name": contract.MODEL_NAME})
    with Tracking(mlflow_server) as tracking:
        for data_version in ("10", "20"):
            run = tracking.create_run(tracking.experiment(contract.EXPERIMENT), data_version, {})
            for name in model_files(model_folder):
                tracking.upload(run, model_folder / name, f"{MODEL_FOLDER}/{name}")
            tracking.create_version(contract.MODEL_NAME, run, MODEL_FOLDER, {DATA_VERSION: data_version})
            found.append(run.run_id)
        tracking.set_alias(contract.MODEL_NAME, contract.CHAMPION, 1)
    return found


@pytest.mark.parametrize(("wanted", "version"), [("champion", 1), ("1", 1), ("2", 2)])
def test_a_version_is_found_by_number_and_by_alias(
    wanted: str, version: int, registry: Registry, run_ids: list[str], tmp_path: Path
) -> None:
    model = download(wanted, tmp_path, registry)
    assert (model.version, model.run_id, model.data_version) == (str(version), run_ids[version - 1], f"{version}0")
    load_model(model.folder)


@pytest.mark.usefixtures("run_ids")
def test_a_model_that_is_not_the_registered_one_is_refused(
    mlflow_server: str, registry: Registry, model_folder: Path, tmp_path: Path
) -> None:
    """As somebody who can write to the artifacts could put another model there, with a manifest that fits it."""
    with Tracking(mlflow_server) as tracking:
        run = tracking.create_run(tracking.experiment(contract.EXPERIMENT), "changed", {})
        for name in model_files(model_folder):
            tracking.upload(run, model_folder / name, f"{MODEL_FOLDER}/{name}")
        version = tracking.create_version(contract.MODEL_NAME, run, MODEL_FOLDER, {MODEL_SHA256: "0" * 64}).version
    with pytest.raises(ModelIntegrityError, match=f"{load_model(model_folder).sha256}, expected 000"):
        download(str(version), tmp_path, registry)


@pytest.mark.parametrize("wanted", ["99", "nobody"])
@pytest.mark.usefixtures("run_ids")
def test_a_version_that_is_not_there_is_named(wanted: str, registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=f"'{wanted}'"):
        download(wanted, tmp_path, registry)


def bundle(wanted: str, home: Path, variables: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"}
    command = [sys.executable, "-m", "serving.bundle", "--champion", wanted, *options]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_the_command_prints_the_tag_last_and_the_bundle_knows_its_origin(
    variables: dict[str, str], run_ids: list[str], tmp_path: Path
) -> None:
    done = bundle("champion", tmp_path, variables)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["model_versions"] == ["1"]
    (variant,) = Manifest.read(tmp_path / "bentos" / said["tag"].replace(":", "/") / "src").variants
    assert (variant.model_version, variant.run_id, variant.data_version) == ("1", run_ids[0], "10")


@pytest.mark.usefixtures("run_ids")
def test_the_registrys_challenger_stands_beside_the_champion_unless_told_otherwise(
    variables: dict[str, str], mlflow_server: str, tmp_path: Path
) -> None:
    with Tracking(mlflow_server) as tracking:
        tracking.set_alias(contract.MODEL_NAME, contract.CHALLENGER, 2)
    both, alone, same = (
        bundle("champion", tmp_path, variables, *options)
        for options in ([], ["--challenger", "none"], ["--challenger", "1"])
    )
    found = [json.loads(done.stdout.splitlines()[-1]) for done in (both, alone, same)]
    assert [one["model_versions"] for one in found] == [["1", "2"], ["1"], ["1"]]
    assert found[0]["tag"] != found[1]["tag"] == found[2]["tag"]
    source = tmp_path / "bentos" / found[0]["tag"].replace(":", "/") / "src"
    assert [variant.folder for variant in Manifest.read_verified(source).variants] == ["models/1", "models/2"]


@pytest.mark.usefixtures("run_ids")
def test_a_challenger_that_is_not_there_is_named(variables: dict[str, str], tmp_path: Path) -> None:
    done = bundle("champion", tmp_path, variables, "--challenger", "99")
    assert done.returncode != 0
    assert "'99'" in done.stderr


@pytest.mark.usefixtures("run_ids")
def test_the_command_says_in_one_sentence_what_is_missing(variables: dict[str, str], tmp_path: Path) -> None:
    done = bundle("nobody", tmp_path, variables)
    assert done.returncode != 0
    assert done.stderr.startswith("no bundle was built: the registry has no version or alias 'nobody'")
    assert "Traceback" not in done.stderr
