"""The compatibility check."""

import json
from pathlib import Path

import pytest

from components.check_compatibility.step import CompatibilityError, check_compatibility, violations
from components.train.step import train


@pytest.fixture(scope="module")
def model(parts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    train(parts / "train.parquet", parts / "validation.parquet", folder, seed=7)
    return folder


def some_facts(**changed: object) -> dict[str, object]:
    return {"failures": {}, "median_milliseconds": 1.0, "megabytes": 1.0} | changed


def test_a_sound_model_passes_and_the_report_has_the_figures(model: Path, tmp_path: Path) -> None:
    result = check_compatibility(model, tmp_path / "report")
    assert json.loads((tmp_path / "report").read_text()) == result
    assert result["compatible"]
    assert 0 < result["median_milliseconds"] < result["load_seconds"] * 1000
    assert result["megabytes"] > 0.001


def test_a_model_that_does_not_load_fails_and_the_report_is_written_first(model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "model"
    broken.mkdir()
    for file in model.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "model.txt").write_text("tree\n")
    with pytest.raises(CompatibilityError, match=r"load: .*model\.txt"):
        check_compatibility(broken, tmp_path / "report")
    assert json.loads((tmp_path / "report").read_text())["compatible"] is False


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"median_milliseconds": 11.0}, "latency"),
        ({"megabytes": 51.0}, "size"),
        ({"failures": {"missing": "predictions outside"}}, "missing"),
    ],
)
def test_each_limit_is_a_violation_of_its_own(changed: dict[str, object], word: str) -> None:
    found = violations(some_facts(**changed))
    assert len(found) == 1
    assert found[0].startswith(word)


def test_what_is_within_the_limits_is_no_violation() -> None:
    assert violations(some_facts(median_milliseconds=10.0, megabytes=50.0)) == []
