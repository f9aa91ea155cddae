"""Measuring a model."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from components import contract
from components.evaluate.step import DISTANCE_BANDS, baseline, errors, evaluate, slices
from components.model import ModelIntegrityError
from components.train.step import train


def test_errors_are_the_textbook_ones() -> None:
    found = errors(np.array([100.0, 200.0]), np.array([110.0, 180.0]))
    assert found == pytest.approx({"rows": 2, "mae": 15.0, "rmse": np.sqrt(250.0), "mape": 0.1})


def test_the_baseline_is_the_median_of_the_band_and_of_all_where_the_band_is_new() -> None:
    train_set = pl.DataFrame({contract.DISTANCE: [0.7, 0.8, 0.9, 4.0], contract.TARGET: [10.0, 20.0, 90.0, 600.0]})
    test_set = pl.DataFrame({contract.DISTANCE: [0.75, 4.9, 15.0, DISTANCE_BANDS[-1] + 1]})
    assert baseline(train_set, test_set).tolist() == [20.0, 600.0, 55.0, 55.0]


def test_slices_cover_every_test_trip_once_per_group(parts: Path) -> None:
    test = pl.read_parquet(parts / "test.parquet")
    found = slices(test, test[contract.TARGET].to_numpy())
    assert {group: sum(int(s["rows"]) for s in members.values()) for group, members in found.items()} == {
        "airport": len(test),
        "hour_band": len(test),
    }
    assert found["airport"]["yes"]["rows"] == test["is_airport"].sum()


def test_the_report_says_what_was_measured_and_the_model_beats_the_baseline(parts: Path, tmp_path: Path) -> None:
    train(parts / "train.parquet", parts / "validation.parquet", tmp_path / "model", seed=7)
    result = evaluate(tmp_path / "model", parts / "train.parquet", parts / "test.parquet", tmp_path / "metrics")
    assert json.loads((tmp_path / "metrics").read_text()) == result
    assert result["train"]["rows"] == 2800
    assert result["test"]["rows"] == result["baseline"]["rows"] == 800
    assert result["train"]["mae"] < result["test"]["mae"] < result["baseline"]["mae"]


def test_a_tampered_model_is_not_measured(parts: Path, tmp_path: Path) -> None:
    train(parts / "train.parquet", parts / "validation.parquet", tmp_path / "model", seed=7)
    with (tmp_path / "model" / "model.txt").open("a") as file:
        file.write("\n")
    with pytest.raises(ModelIntegrityError):
        evaluate(tmp_path / "model", parts / "train.parquet", parts / "test.parquet", tmp_path / "metrics")
    assert not (tmp_path / "metrics").exists()
