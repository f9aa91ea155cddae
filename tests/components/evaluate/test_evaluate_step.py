"""Measuring a model."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from components import contract, thresholds
from components.evaluate.slices import slices
from components.evaluate.step import errors, evaluate, hours_of
from components.model import ModelIntegrityError, load_model
from components.train.step import train


@pytest.fixture(scope="module")
def model(parts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    (folder / "parameters.json").write_text(json.dumps({"family": "lightgbm", "parameters": {}}))
    files = parts / "train.parquet", parts / "validation.parquet", folder / "parameters.json"
    train(*files, folder / "model", family="lightgbm", seed=7, device="cpu")
    return folder / "model"


def evaluated(model: Path, parts: Path, folder: Path) -> dict[str, Any]:
    files = parts / "train.parquet", parts / "test.parquet", folder / "metrics.json", folder / "page.html"
    return evaluate(model, *files)


def test_errors_are_the_textbook_ones() -> None:
    found = errors(np.array([100.0, 200.0]), np.array([110.0, 180.0]))
    assert found == pytest.approx({"rows": 2, "mae": 15.0, "rmse": np.sqrt(250.0), "mape": 0.1})


def test_trips_of_one_clock_hour_are_one_block() -> None:
    starts = [
        datetime(2026, 1, 5, 8, 59, 59),
        datetime(2026, 1, 5, 9),
        datetime(2026, 1, 5, 9, 59),
        datetime(2026, 1, 6, 9),
    ]
    numbers = hours_of(pl.DataFrame({contract.PICKUP_TIME: starts}))
    assert np.diff(numbers).tolist() == [1, 0, 24]


def test_slices_cover_every_test_trip_once_per_group(parts: Path) -> None:
    test = pl.read_parquet(parts / "test.parquet")
    counted: dict[str, np.ndarray] = {}
    for group, _, mask in slices(test):
        counted[group] = counted.get(group, np.zeros(len(test), dtype=int)) + mask
    assert counted.keys() == {"borough", "hour_band", "airport", "distance_band"}
    assert all((count == 1).all() for count in counted.values())


def test_a_trip_is_in_the_slices_that_its_values_say() -> None:
    trip = pl.DataFrame({contract.PICKUP_ZONE: [132], "hour": [6.0], "is_airport": [1.0], contract.DISTANCE: [3.0]})
    found = {group: name for group, name, _ in slices(trip)}
    expected = {"borough": "Queens", "hour_band": "morning", "airport": "yes", "distance_band": "up to 3 mi"}
    assert found == expected


@pytest.mark.parametrize(
    ("zone", "borough"), [(264, "elsewhere"), (1, "Newark"), (230, "Manhattan"), (5, "Staten Island")]
)
def test_zones_are_in_their_boroughs(zone: int, borough: str) -> None:
    trip = pl.DataFrame({contract.PICKUP_ZONE: [zone], "hour": [23.0], "is_airport": [0.0], contract.DISTANCE: [30.0]})
    found = {group: name for group, name, _ in slices(trip)}
    assert (found["borough"], found["hour_band"], found["distance_band"]) == (borough, "late", "over 20 mi")


def test_the_report_says_what_was_measured_and_the_model_beats_the_baseline(
    model: Path, parts: Path, tmp_path: Path
) -> None:
    result = evaluated(model, parts, tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text()) == result
    assert result["train"]["rows"] == 2800
    assert result["test"]["rows"] == result["baseline"]["rows"] == 800
    assert result["train"]["mae"] < result["test"]["mae"] < result["baseline"]["mae"]
    assert abs(result["test"]["coverage"] - thresholds.INTERVAL_COVERAGE) < thresholds.COVERAGE_TOLERANCE


def test_every_mean_lies_within_its_interval(model: Path, parts: Path, tmp_path: Path) -> None:
    result = evaluated(model, parts, tmp_path)
    assert result["intervals"].keys() == {"mae", "rmse", "mape", "coverage"}
    for name, interval in result["intervals"].items():
        assert interval["value"] == pytest.approx(result["test"][name])
        assert interval["low"] < interval["value"] < interval["high"]
    for members in result["slices"].values():
        assert all(one["mae_low"] <= one["mae"] <= one["mae_high"] for one in members.values() if one["rows"] > 50)


def test_an_error_in_one_slice_is_seen_there_alone(model: Path, parts: Path, tmp_path: Path) -> None:
    before = evaluated(model, parts, tmp_path)["slices"]
    jfk = pl.col(contract.PICKUP_ZONE) == 132
    late = pl.read_parquet(parts / "test.parquet").with_columns(
        pl.when(jfk).then(pl.col(contract.TARGET) + 3000).otherwise(pl.col(contract.TARGET)).alias(contract.TARGET)
    )
    late.write_parquet(tmp_path / "late.parquet")
    files = parts / "train.parquet", tmp_path / "late.parquet", tmp_path / "metrics.json", tmp_path / "page.html"
    after = evaluate(model, *files)["slices"]
    assert after["borough"]["Queens"]["mae_low"] > before["borough"]["Queens"]["mae_high"]
    assert after["borough"]["Manhattan"] == before["borough"]["Manhattan"]


def test_the_example_tells_of_no_real_trip_and_is_predicted_by_the_model(
    model: Path, parts: Path, tmp_path: Path
) -> None:
    example = evaluated(model, parts, tmp_path)["example"]
    assert example["columns"] == list(contract.MODEL_FEATURES)
    rows = np.array(example["data"], dtype=float)
    np.testing.assert_array_equal(load_model(model).predict(rows), example["predicted"])
    real = pl.read_parquet(parts / "test.parquet").select(contract.MODEL_FEATURES).to_numpy()
    assert not any((real == row).all(axis=1).any() for row in rows)
    # But each single value is one that there is: no trip begins at half past twelve in the column of hours.
    assert all(np.isin(mine, theirs).all() for mine, theirs in zip(rows.T, real.T, strict=True))


def test_the_page_has_the_slices_and_plots(model: Path, parts: Path, tmp_path: Path) -> None:
    evaluated(model, parts, tmp_path)
    page = (tmp_path / "page.html").read_text()
    assert all(said in page for said in ("By borough", "Manhattan", "By distance band", "morning"))
    assert page.count("<svg") == 6
    # The page's policy lets no browser show a picture that is not drawn.
    assert "data:image" not in page


def test_the_same_inputs_give_the_same_bytes(model: Path, parts: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        evaluated(model, parts, tmp_path / name)
    for file in ("metrics.json", "page.html"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_tampered_model_is_not_measured(model: Path, parts: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for file in model.iterdir():
        (tmp_path / "model" / file.name).write_bytes(file.read_bytes())
    with (tmp_path / "model" / "model.txt").open("a") as file:
        file.write("\n")
    with pytest.raises(ModelIntegrityError):
        evaluated(tmp_path / "model", parts, tmp_path)
    assert not (tmp_path / "metrics.json").exists()
