"""Train the model: one LightGBM regression of log duration, the same bytes for the same inputs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from components import contract
from components.model import lightgbm, save_model, to_target

MAX_ROUNDS = 400
PATIENCE = 20
# Fixed, not the machine's: sums over another number of threads differ in their last bits.
THREADS = 2


@dataclass(frozen=True)
class TrainResult:
    """What was trained.

    Attributes:
        rounds: Trees kept.
        train_rows: Trips learned from.
        model_sha256: Hash of ``model.txt``.
    """

    rounds: int
    train_rows: int
    model_sha256: str


def parameters(seed: int) -> dict[str, Any]:
    """LightGBM's parameters for a seed."""
    return {
        "objective": "regression",
        "metric": "rmse",
        "learning_rate": 0.1,
        "num_leaves": 63,
        "min_data_in_leaf": 50,
        "feature_fraction": 0.9,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": THREADS,
        "verbosity": -1,
    }


def train(train_set: Path, validation_set: Path, model: Path, *, seed: int) -> TrainResult:
    """Train until the validation part stops improving and write the model folder.

    Args:
        train_set: Parquet file with contract.MODEL_FEATURES and contract.TARGET (seconds).
        validation_set: The same, of later trips.
        model: Folder to write.
        seed: Seed of every random choice.

    Raises:
        ValueError: A part is empty, or a target is missing or negative.
    """
    lgb = lightgbm()
    data, target = _arrays(train_set)
    learned = lgb.Dataset(data, label=target, feature_name=list(contract.MODEL_FEATURES), params={"verbosity": -1})
    held_data, held_target = _arrays(validation_set)
    held = lgb.Dataset(held_data, label=held_target, reference=learned)
    booster = lgb.train(
        parameters(seed),
        learned,
        num_boost_round=MAX_ROUNDS,
        valid_sets=[held],
        callbacks=[lgb.early_stopping(PATIENCE, verbose=False)],
    )
    facts = {
        "family": "lightgbm",
        "seed": seed,
        "rounds": booster.best_iteration,
        "train_rows": len(data),
        "validation_rows": len(held_data),
    }
    return TrainResult(booster.best_iteration, len(data), save_model(booster, model, training=facts))


def _arrays(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Features [n, m] and targets [n] of a part, or ValueError."""
    frame = pl.read_parquet(file, columns=[*contract.MODEL_FEATURES, contract.TARGET])
    seconds = frame[contract.TARGET].to_numpy()
    if len(seconds) == 0 or not np.all(seconds >= 0):
        raise ValueError(
            f"cannot train on {file}: it has {len(seconds)} rows of which {int(np.sum(~(seconds >= 0)))} lack a "
            f"duration of zero or more seconds; look at the report of the ingest step"
        )
    return frame.select(contract.MODEL_FEATURES).to_numpy(), to_target(seconds)
