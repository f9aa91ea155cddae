"""A bundle's tag is its content: equal inputs are one bundle, and what is damaged is built again or refused."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from components.model import ModelIntegrityError
from serving.bundle import build_bundle
from serving.manifest import BundleError, Manifest, Provenance, content_hash
from serving.registry import RegisteredModel
from serving.sources import needed_files

ROOT = Path(__file__).resolve().parents[2]
PROVENANCE = Provenance(model_version="1", run_id="run", data_version="3", lock_hash="lock")
BUILD = """
import json, sys
from pathlib import Path
from serving.bundle import build_bundle
from serving.registry import RegisteredModel
for version in sys.argv[2:]:
    print(build_bundle(RegisteredModel(Path(sys.argv[1]), version, "run", "3")))
"""


def build(home: Path, model_folder: Path, *versions: str) -> list[str]:
    """Build bundles in a process of its own, because BentoML reads its home once; returns their tags."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(model_folder), *versions],
        cwd=ROOT,
        env={**os.environ, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_equal_inputs_are_one_bundle_and_another_version_is_another(tmp_path: Path, model_folder: Path) -> None:
    first, again, other = build(tmp_path, model_folder, "1", "1", "2")
    assert first == again != other
    built = tmp_path / "bentos" / first.replace(":", "/")
    manifest = Manifest.read(built / "src")
    assert manifest.tag == first
    assert (manifest.provenance.model_version, manifest.provenance.data_version) == ("1", "3")
    before = {file: file.stat().st_mtime_ns for file in built.rglob("*") if file.is_file()}
    # As a build leaves it that was killed while it copied.
    (tmp_path / "bentos" / other.replace(":", "/") / "src" / "model" / "model.txt").unlink()
    assert build(tmp_path, model_folder, "2", "1") == [other, first]
    assert {file: file.stat().st_mtime_ns for file in built.rglob("*") if file.is_file()} == before
    assert (tmp_path / "bentos" / other.replace(":", "/") / "src" / "model" / "model.txt").is_file()


def test_a_bundle_holds_what_serving_needs_and_nothing_of_the_pipeline() -> None:
    names = {file.as_posix() for file in needed_files("serving.service", ROOT)}
    assert {"serving/prediction.py", "components/model.py", "components/features/transform.py"} <= names
    assert {"serving/__init__.py", "components/__init__.py", "components/features/__init__.py"} <= names
    assert not names & {"serving/bundle.py", "serving/registry.py", "components/tracking.py", "components/platform.py"}


def test_a_damaged_model_is_not_built_in(tmp_path: Path, model_folder: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(model_folder, damaged)
    with (damaged / "model.txt").open("a") as file:
        file.write("\n")
    with pytest.raises(ModelIntegrityError, match=r"model\.txt"):
        build_bundle(RegisteredModel(damaged, "1", "run", "3"))


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "a.py").write_text("other"),
        lambda root: (root / "b").mkdir() or (root / "b" / "a.py").write_text("x"),
        lambda root: (root / "a.py").rename(root / "c.py"),
    ],
)
def test_any_change_of_content_changes_the_hash(tmp_path: Path, change: Any) -> None:
    (tmp_path / "a.py").write_text("x")
    before = content_hash(tmp_path, PROVENANCE)
    assert content_hash(tmp_path, PROVENANCE) == before
    assert content_hash(tmp_path, PROVENANCE.model_copy(update={"data_version": "4"})) != before
    change(tmp_path)
    assert content_hash(tmp_path, PROVENANCE) != before


def test_what_running_leaves_behind_does_not_change_the_hash(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")
    before = content_hash(tmp_path, PROVENANCE)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.cpython-311.pyc").write_text("compiled")
    (tmp_path / "bundle.json").write_text("{}")
    assert content_hash(tmp_path, PROVENANCE) == before


@pytest.mark.parametrize("content", [None, "", "{}", json.dumps({"tag": "t"})])
def test_sources_without_a_manifest_are_no_bundle(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "bundle.json").write_text(content)
    with pytest.raises(BundleError, match=r"serving\.bundle"):
        Manifest.read(tmp_path)
