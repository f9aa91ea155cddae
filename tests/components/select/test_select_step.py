"""The best family on the validation part goes on."""

import json
from pathlib import Path

import pytest

from components.families.family import family
from components.model import Interval, ModelIntegrityError, load_model, save_model
from components.select.step import select
from components.train.parts import read_part


@pytest.fixture(scope="module")
def models(parts: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model folder of each of three families."""
    folder = tmp_path_factory.mktemp("models")
    train, validation = read_part(parts / "train.parquet"), read_part(parts / "validation.parquet")
    for name in ("baseline", "linear", "lightgbm"):
        learned = family(name).fit(train, validation, {}, seed=1)
        save_model(learned, folder / name, interval=Interval(coverage=0.8, low=-1, high=1), training={})
    return {name: folder / name for name in ("baseline", "linear", "lightgbm")}


def test_the_smallest_error_wins_whatever_the_order(models: dict[str, Path], parts: Path, tmp_path: Path) -> None:
    for number, names in enumerate((("baseline", "lightgbm", "linear"), ("lightgbm", "linear", "baseline"))):
        folders = [models[name] for name in names]
        best = select(folders, parts / "validation.parquet", tmp_path / f"{number}", tmp_path / "report.json")
        report = json.loads((tmp_path / "report.json").read_text())
        errors = [one["mae"] for one in report["contenders"]]
        assert errors == sorted(errors)
        assert best.family == report["selected"] == report["contenders"][0]["family"] != "baseline"
        assert load_model(tmp_path / f"{number}").sha256 == best.sha256


def test_equal_errors_are_decided_by_name(models: dict[str, Path], parts: Path, tmp_path: Path) -> None:
    twins = [models["linear"], models["linear"]]
    assert select(twins, parts / "validation.parquet", tmp_path / "m", tmp_path / "r").family == "linear"


def test_a_changed_model_is_not_selected_from(models: dict[str, Path], parts: Path, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    for file in models["linear"].iterdir():
        (tmp_path / "broken" / file.name).write_text(file.read_text().replace("0.", "1."))
    with pytest.raises(ModelIntegrityError):
        select([tmp_path / "broken"], parts / "validation.parquet", tmp_path / "m", tmp_path / "r")


def test_no_model_at_all_is_an_error(parts: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="name at least one family"):
        select([], parts / "validation.parquet", tmp_path / "m", tmp_path / "r")
