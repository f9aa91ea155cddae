"""Feature tables of trips between zones, and models in a registry."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from components import contract
from components.families.family import Part, family
from components.model import Interval, model_files, save_model, to_target
from components.tracking import Tracking

START = datetime(2026, 1, 5)


def some_features(rows: int, seed: int = 0, days: float = 5.0) -> pl.DataFrame:
    """A feature table as build_features writes it; a tenth of the values of the feature store is missing."""
    random = np.random.default_rng(seed)
    seconds = np.sort(random.integers(0, int(days * 86400), rows))
    columns = {name: random.uniform(0, 100, rows) for name in contract.MODEL_FEATURES}
    columns |= {contract.DISTANCE: random.lognormal(0.8, 0.8, rows), "hour": (seconds // 3600 % 24).astype(float)}
    for name in contract.ZONE_FEATURES + contract.PAIR_FEATURES:
        columns[name][random.random(rows) < 0.1] = np.nan
    zones = {name: random.integers(1, 264, rows) for name in (contract.PICKUP_ZONE, contract.DROPOFF_ZONE)}
    target = 60 + 200 * columns[contract.DISTANCE] * (1 + 0.3 * np.sin(columns["hour"] / 24 * 6.28))
    target *= 1 + columns["zone_mean_speed_4w"] / 100
    times = pl.Series(contract.PICKUP_TIME, [START + timedelta(seconds=int(second)) for second in seconds])
    table = pl.DataFrame(columns).fill_nan(None)
    return table.with_columns(
        times.cast(pl.Datetime("us")), pl.Series(contract.TARGET, np.nan_to_num(target))
    ).with_columns(pl.Series(name, values) for name, values in zones.items())


def a_model(folder: Path, name: str = "lightgbm", seed: int = 1, rounds: int = 60, **parameters: float) -> Path:
    """A model folder, trained a little on such features."""
    table = some_features(4000, seed=seed)
    features = table.select(contract.MODEL_FEATURES).to_numpy()
    part = Part(features, to_target(table[contract.TARGET].to_numpy()))
    learned = family(name).fit(part, part, parameters, seed=seed, max_rounds=rounds)
    save_model(learned, folder, interval=Interval(coverage=0.8, low=-0.1, high=0.1), training={})
    return folder


def registered(uri: str, folder: Path, *, champion: bool = True) -> int:
    """Put a model folder into the registry; returns its version."""
    with Tracking(uri) as tracking:
        run = tracking.create_run(tracking.experiment(contract.EXPERIMENT), "made up", {})
        for name in model_files(folder):
            tracking.upload(run, folder / name, f"model/{name}")
        version = tracking.create_version(contract.MODEL_NAME, run, "model", {}).version
        if champion:
            tracking.set_alias(contract.MODEL_NAME, contract.CHAMPION, version)
    return version


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_model(tmp_path_factory.mktemp("trained") / "model")


@pytest.fixture(scope="session")
def make_features() -> Callable[..., pl.DataFrame]:
    return some_features


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Path]:
    return a_model


@pytest.fixture(scope="session")
def register() -> Callable[..., int]:
    return registered
