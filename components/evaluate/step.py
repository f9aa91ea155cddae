"""Measure a model: errors on training and test trips, per slice, with confidence, beside a naive baseline."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from components import contract, thresholds
from components.evaluate import bootstrap
from components.evaluate.page import page_of
from components.evaluate.slices import COLUMNS, slices
from components.families.baseline import Baseline
from components.families.family import Part
from components.model import Model, load_model, to_seconds, to_target

BOOTSTRAP_SEED = 0
# So many training trips tell the training error to a thousandth; all of them would cost more than training.
TRAIN_SAMPLE_ROWS = 200_000


def errors(actual: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Rows, mean absolute error and root mean squared error (seconds), mean absolute percentage error (0 to 1)."""
    absolute, square, relative = _single_errors(actual, predicted).mean(axis=0)
    return {"rows": len(actual), "mae": float(absolute), "rmse": float(np.sqrt(square)), "mape": float(relative)}


def hours_of(trips: pl.DataFrame) -> np.ndarray:
    """The hour in which each trip began, counted from 1970: the blocks of the bootstrap; int64 [n]."""
    return trips[contract.PICKUP_TIME].dt.epoch("s").to_numpy() // 3600


def read_test(test_set: Path) -> pl.DataFrame:
    """The columns of the test part that models are measured by."""
    columns = dict.fromkeys([contract.PICKUP_TIME, *COLUMNS, *contract.MODEL_FEATURES, contract.TARGET])
    return pl.read_parquet(test_set, columns=list(columns))


def covered(model: Model, features: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """Whether each trip lies within its prediction interval, as 1 or 0; float64 [n]."""
    low, high = model.predict_interval(features)
    return ((actual >= low) & (actual <= high)).astype(np.float64)


def evaluate(model: Path, train_set: Path, test_set: Path, metrics: Path, page: Path) -> dict[str, Any]:
    """Write the metrics of a model folder as JSON and as a page, and return them.

    Args:
        model: Model folder.
        train_set: Training part, Parquet.
        test_set: Test part, Parquet.
        metrics: JSON file to write: ``train``, ``test`` and ``baseline`` (each as from ``errors``; ``test`` also with
            the ``coverage`` of the prediction interval), ``intervals`` of all that ``test`` has, ``slices`` by group
            and name, each as ``test`` with ``mae_low`` and ``mae_high``, and an ``example`` of input and output.
        page: HTML file to write.

    Raises:
        components.model.ModelIntegrityError: The model folder was changed.
    """
    loaded = load_model(model)
    test = read_test(test_set)
    features, actual = test.select(contract.MODEL_FEATURES).to_numpy(), test[contract.TARGET].to_numpy()
    predicted, within = loaded.predict(features), covered(loaded, features, actual)
    train = _train_sample(train_set)
    result = {
        "model": {"family": loaded.family, "sha256": loaded.sha256},
        "train": errors(np.expm1(train.target), loaded.predict(train.features)),
        "test": errors(actual, predicted) | {"coverage": float(within.mean())},
        "baseline": errors(actual, _baseline(train, features)),
        "intervals": _intervals(actual, predicted, within, hours_of(test)),
        "slices": _slices(test, actual, predicted, within),
        "example": _example(loaded, features),
    }
    metrics.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    page.write_text(page_of(result, actual, predicted), encoding="utf-8")
    return result


def _example(model: Model, features: np.ndarray) -> dict[str, Any]:
    """Trips that are small, middling and large in every feature, and their predictions; no real trip is told."""
    middling = [[_quantile(values, share) for values in features.T] for share in (0.1, 0.5, 0.9)]
    predicted = model.predict(np.array(middling, dtype=np.float64)).tolist()
    return {"columns": list(contract.MODEL_FEATURES), "data": middling, "predicted": predicted}


def _quantile(values: np.ndarray, share: float) -> float | None:
    """Of what is not missing; None where all is."""
    known = values[np.isfinite(values)]
    return float(np.quantile(known, share, method="nearest")) if len(known) else None


def _single_errors(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Absolute (s), squared (s²) and relative error of each trip; float64 [n, 3]."""
    off = np.abs(predicted - actual)
    return np.column_stack([off, off**2, off / np.maximum(actual, contract.MIN_DURATION_SECONDS)])


def _train_sample(train_set: Path) -> Part:
    """An even share of the training trips, over their whole time."""
    rows = pl.scan_parquet(train_set).select(pl.len()).collect().item()
    every = max(1, -(-rows // TRAIN_SAMPLE_ROWS))
    frame = pl.scan_parquet(train_set).select(*contract.MODEL_FEATURES, contract.TARGET).gather_every(every).collect()
    return Part(frame.select(contract.MODEL_FEATURES).to_numpy(), to_target(frame[contract.TARGET].to_numpy()))


def _baseline(train: Part, features: np.ndarray) -> np.ndarray:
    """What the naive baseline predicts for the test trips, seconds."""
    return to_seconds(Baseline.fit(train, train, {}, seed=0).predict(features, threads=1))


def _intervals(
    actual: np.ndarray, predicted: np.ndarray, within: np.ndarray, hours: np.ndarray
) -> dict[str, dict[str, float]]:
    """Each error over all test trips, with its confidence interval."""
    values = np.column_stack([_single_errors(actual, predicted), within])
    statistics = {
        "mae": lambda means: means[:, 0],
        "rmse": lambda means: np.sqrt(means[:, 1]),
        "mape": lambda means: means[:, 2],
        "coverage": lambda means: means[:, 3],
    }
    return {name: asdict(_estimate(values, hours, statistic)) for name, statistic in statistics.items()}


def _estimate(
    values: np.ndarray, hours: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]
) -> bootstrap.Estimate:
    return bootstrap.estimate(values, hours, statistic, confidence=thresholds.CONFIDENCE, seed=BOOTSTRAP_SEED)


def _slices(
    test: pl.DataFrame, actual: np.ndarray, predicted: np.ndarray, within: np.ndarray
) -> dict[str, dict[str, dict[str, float]]]:
    found: dict[str, dict[str, dict[str, float]]] = {}
    hours = hours_of(test)
    for group, name, mask in slices(test):
        off = np.abs(predicted[mask] - actual[mask])
        interval = _estimate(off[:, None], hours[mask], lambda means: means[:, 0])
        found.setdefault(group, {})[name] = {
            **errors(actual[mask], predicted[mask]),
            "coverage": float(within[mask].mean()),
            "mae_low": interval.low,
            "mae_high": interval.high,
        }
    return found
