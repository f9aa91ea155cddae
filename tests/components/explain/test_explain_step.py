"""What drives a model is told in numbers and on a page."""

import json
from pathlib import Path

import pytest

from components import contract
from components.explain.step import explain
from components.families.family import NAMES, family
from components.model import Interval, save_model
from components.train.parts import read_part


@pytest.mark.parametrize("name", NAMES)
def test_the_feature_that_matters_comes_first(parts: Path, tmp_path: Path, name: str) -> None:
    train, validation = read_part(parts / "train.parquet"), read_part(parts / "validation.parquet")
    learned = family(name).fit(train, validation, {}, seed=1, max_rounds=30)
    save_model(learned, tmp_path / "model", interval=Interval(coverage=0.8, low=-1, high=1), training={})
    told = explain(tmp_path / "model", parts / "test.parquet", tmp_path / "i.json", tmp_path / "p.html")
    assert json.loads((tmp_path / "i.json").read_text()) == told
    assert told["features"][0]["feature"] == contract.DISTANCE
    assert {one["feature"] for one in told["features"]} == set(contract.MODEL_FEATURES)
    assert sum(one["importance"] for one in told["features"]) == pytest.approx(1)
    page = (tmp_path / "p.html").read_text()
    assert all(feature in page for feature in contract.MODEL_FEATURES)
    assert "<svg" in page
