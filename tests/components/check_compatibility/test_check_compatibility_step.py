"""The compatibility check, as a step of the pipeline."""

import json
import shutil
from pathlib import Path

import pytest

from components.check_compatibility import step
from components.check_compatibility.step import CompatibilityError, check_compatibility
from components.families.family import family
from components.model import Interval, load_model, save_model
from components.train.parts import read_part


@pytest.fixture(scope="module")
def model(parts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "model"
    learned, held = read_part(parts / "train.parquet"), read_part(parts / "validation.parquet")
    trained = family("lightgbm").fit(learned, held, {}, seed=7, max_rounds=20)
    save_model(trained, folder, interval=Interval(coverage=0.8, low=-0.1, high=0.1), training={})
    return folder


def test_a_sound_model_passes_and_the_report_has_the_figures(model: Path, tmp_path: Path) -> None:
    found = check_compatibility(model, tmp_path / "report")
    assert json.loads((tmp_path / "report").read_text()) == found
    assert found["model_sha256"] == load_model(model).sha256
    assert {"load_seconds", "median_milliseconds", "p99_milliseconds", "resident_megabytes", "megabytes"} < found.keys()


def test_a_relative_path_means_the_callers_folder(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model.parent)
    check_compatibility(Path(model.name), tmp_path / "report")


def test_a_model_that_does_not_load_is_refused_and_nothing_is_written(model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "model"
    shutil.copytree(model, broken)
    (broken / "model.txt").write_text("tree\n")
    with pytest.raises(CompatibilityError, match=r"model\.txt.*SHA-256"):
        check_compatibility(broken, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_a_model_that_needs_another_package_version_is_refused_by_name(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "model"
    shutil.copytree(model, other)
    manifest = json.loads((other / "model.json").read_text())
    (other / "model.json").write_text(json.dumps(manifest | {"requires": {"lightgbm": "3.3.5"}}))
    with pytest.raises(CompatibilityError, match=r"needs lightgbm 3\.3\.5, the bundle has \d"):
        check_compatibility(other, tmp_path / "report")


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ('print(\'{"failures": {"no trips": "answered 200"}}\')', "no trips: answered 200"),
        ("import sys; sys.exit('the bundle does not start')", "the bundle does not start"),
        ("import os; os._exit(3)", "code 3"),
    ],
)
def test_what_the_check_says_is_why(
    printed: str, words: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "check.py").write_text(printed)
    monkeypatch.setattr(step, "_ROOT", tmp_path)
    monkeypatch.setattr(step, "_PROGRAM", "check")
    with pytest.raises(CompatibilityError, match=words):
        check_compatibility(model, tmp_path / "report")
    assert not (tmp_path / "report").exists()
