"""Feature tables as the build_features step writes them, made up."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from components import contract

START = datetime(2026, 1, 5)


def a_feature_table(rows: int = 2000, seed: int = 0, days: float = 20.0) -> pl.DataFrame:
    """Trips over some days whose duration follows from distance and hour, with noise."""
    random = np.random.default_rng(seed)
    seconds = np.sort(random.uniform(0, days * 86400, rows))
    distance, hour = random.lognormal(0.8, 0.8, rows).clip(0.3, 30), seconds // 3600 % 24
    speed = 12 - 5 * np.exp(-(((hour - 17) / 3) ** 2))
    columns = {name: random.uniform(0, 100, rows) for name in contract.MODEL_FEATURES}
    columns |= {"hour": hour, contract.DISTANCE: distance, "is_airport": (random.random(rows) < 0.1).astype(float)}
    columns[contract.TARGET] = (distance / speed * 3600 * random.lognormal(0, 0.1, rows)).clip(60, 7200)
    columns[contract.PICKUP_ZONE] = random.choice([1, 5, 14, 132, 138, 230, 236], rows)
    return pl.DataFrame(columns).with_columns(
        pl.Series(contract.PICKUP_TIME, [START + timedelta(seconds=float(s)) for s in seconds])
    )


@pytest.fixture(scope="session")
def feature_table() -> Callable[..., pl.DataFrame]:
    return a_feature_table


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.parquet, validation.parquet and test.parquet of one feature table."""
    folder = tmp_path_factory.mktemp("parts")
    table = a_feature_table(4000)
    for name, first, rows in (("train", 0, 2800), ("validation", 2800, 400), ("test", 3200, 800)):
        table.slice(first, rows).write_parquet(folder / f"{name}.parquet")
    return folder
