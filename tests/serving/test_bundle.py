"""A bundle's tag is its content: equal inputs are one bundle, and what is damaged is built again or refused."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from components.model import ModelIntegrityError, load_model
from serving.bundle import build_bundle
from serving.manifest import Manifest
from serving.registry import RegisteredModel
from serving.sources import needed_files

ROOT = Path(__file__).resolve().parents[2]
BUILD = """
import json, sys
from pathlib import Path
from serving.bundle import build_bundle
from serving.registry import RegisteredModel
for models in json.loads(sys.argv[1]):
    print(build_bundle(*(RegisteredModel(Path(folder), version, "run", "3") for folder, version in models)))
"""
Models = list[tuple[Path, str]]


def build(home: Path, *bundles: Models) -> list[str]:
    """Build bundles of models' folders and versions in another process, as BentoML reads its home once; their tags."""
    asked = json.dumps([[(str(folder), version) for folder, version in models] for models in bundles])
    done = subprocess.run(
        [sys.executable, "-c", BUILD, asked],
        cwd=ROOT,
        env={**os.environ, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def pinned(built: Path) -> dict[str, str]:
    """What the image of a bundle installs."""
    lines = (built / "env" / "python" / "requirements.txt").read_text().splitlines()
    return {name: version for name, _, version in (line.partition("==") for line in lines)}


def test_equal_inputs_are_one_bundle_and_another_version_is_another(tmp_path: Path, model_folder: Path) -> None:
    one, two = [(model_folder, "1")], [(model_folder, "2")]
    first, again, other = build(tmp_path, one, one, two)
    assert first == again != other
    built = tmp_path / "bentos" / first.replace(":", "/")
    manifest = Manifest.read(built / "src")
    assert manifest.tag == first
    assert (manifest.variants[0].model_version, manifest.variants[0].data_version) == ("1", "3")
    assert manifest.variants[0].model_sha256 == load_model(model_folder).sha256
    assert manifest.packages == pinned(built)
    before = {file: file.stat().st_mtime_ns for file in built.rglob("*") if file.is_file()}
    # As a build leaves it that was killed while it copied.
    (tmp_path / "bentos" / other.replace(":", "/") / "src" / "models" / "2" / "model.txt").unlink()
    assert build(tmp_path, two, one) == [other, first]
    assert {file: file.stat().st_mtime_ns for file in built.rglob("*") if file.is_file()} == before
    assert (tmp_path / "bentos" / other.replace(":", "/") / "src" / "models" / "2" / "model.txt").is_file()


def test_a_bundle_of_two_families_holds_both_models_and_the_packages_of_both(
    tmp_path: Path, model_of: Callable[[str], Path]
) -> None:
    (tag,) = build(tmp_path, [(model_of("lightgbm"), "7"), (model_of("xgboost"), "8")])
    built = tmp_path / "bentos" / tag.replace(":", "/")
    manifest = Manifest.read_verified(built / "src")
    assert [variant.model_version for variant in manifest.variants] == ["7", "8"]
    families = [load_model(built / "src" / variant.folder).family for variant in manifest.variants]
    assert families == ["lightgbm", "xgboost"]
    assert {"lightgbm", "xgboost-cpu"} <= pinned(built).keys()


def test_a_bundle_holds_what_serving_needs_and_nothing_of_the_pipeline() -> None:
    names = {file.as_posix() for file in needed_files("serving.service", ROOT)}
    assert {"serving/prediction.py", "components/model.py", "components/features/request.py"} <= names
    assert {"serving/__init__.py", "components/__init__.py", "components/features/__init__.py"} <= names
    assert not names & {"serving/bundle.py", "serving/registry.py", "components/tracking.py", "components/platform.py"}


def test_a_damaged_model_is_not_built_in(tmp_path: Path, model_folder: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(model_folder, damaged)
    with (damaged / "model.txt").open("a") as file:
        file.write("\n")
    with pytest.raises(ModelIntegrityError, match=r"model\.txt"):
        build_bundle(RegisteredModel(damaged, "1", "run", "3"))
