"""Measure a model: errors on training and test trips, per slice, and beside a naive baseline."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from components import contract
from components.model import load_model

# Upper ends in miles of the distance bands whose median duration is the baseline.
DISTANCE_BANDS = [0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0]
HOUR_BANDS = {"night": (0, 6), "morning": (6, 10), "midday": (10, 16), "evening": (16, 20), "late": (20, 24)}


def errors(actual: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Rows, mean absolute error and root mean squared error (seconds), mean absolute percentage error (0 to 1)."""
    off = np.abs(predicted - actual)
    return {
        "rows": len(actual),
        "mae": float(np.mean(off)),
        "rmse": float(np.sqrt(np.mean(off**2))),
        "mape": float(np.mean(off / np.maximum(actual, contract.MIN_DURATION_SECONDS))),
    }


def baseline(train: pl.DataFrame, test: pl.DataFrame) -> np.ndarray:
    """Predict the median duration of the training trips in the same distance band, in seconds, shape [len(test)]."""

    def bands(frame: pl.DataFrame) -> np.ndarray:
        return np.searchsorted(DISTANCE_BANDS, frame[contract.DISTANCE].to_numpy(), side="left")

    seconds, band = train[contract.TARGET].to_numpy(), bands(train)
    typical = np.full(len(DISTANCE_BANDS) + 1, np.median(seconds))
    for number in np.unique(band):
        typical[number] = np.median(seconds[band == number])
    return typical[bands(test)]


def slices(test: pl.DataFrame, predicted: np.ndarray) -> dict[str, dict[str, dict[str, float]]]:
    """Errors by airport trip (yes, no) and by hour band; a slice without trips is absent."""
    airport, hour = test["is_airport"].to_numpy() > 0, test["hour"].to_numpy()
    masks = {
        "airport": {"yes": airport, "no": ~airport},
        "hour_band": {name: (hour >= first) & (hour < last) for name, (first, last) in HOUR_BANDS.items()},
    }
    actual = test[contract.TARGET].to_numpy()
    return {
        group: {name: errors(actual[mask], predicted[mask]) for name, mask in members.items() if mask.any()}
        for group, members in masks.items()
    }


def evaluate(model: Path, train_set: Path, test_set: Path, metrics: Path) -> dict[str, Any]:
    """Write the metrics of a model folder as JSON and return them.

    Args:
        model: Model folder.
        train_set: Training part, Parquet.
        test_set: Test part, Parquet.
        metrics: JSON file to write: train, test and baseline (each as from ``errors``), slices of the test part.

    Raises:
        components.model.ModelIntegrityError: The model folder was changed.
    """
    loaded = load_model(model)
    columns = [*contract.MODEL_FEATURES, contract.TARGET]
    train, test = pl.read_parquet(train_set, columns=columns), pl.read_parquet(test_set, columns=columns)
    predicted = loaded.predict(test.select(contract.MODEL_FEATURES).to_numpy())
    actual = test[contract.TARGET].to_numpy()
    fitted = loaded.predict(train.select(contract.MODEL_FEATURES).to_numpy())
    result = {
        "train": errors(train[contract.TARGET].to_numpy(), fitted),
        "test": errors(actual, predicted),
        "baseline": errors(actual, baseline(train, test)),
        "slices": slices(test, predicted),
    }
    metrics.parent.mkdir(parents=True, exist_ok=True)
    metrics.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return result
