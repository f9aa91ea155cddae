"""Trips with predictions, on a platform."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from components import contract, tables
from components.platform import Platform
from components.score import predictions

START = datetime(2026, 1, 5, 8)
TRIPS = 400


def some_trips(rows: int = TRIPS, seed: int = 0) -> pl.DataFrame:
    """Trips with all columns of the contract; two begin in each minute, some values are missing."""
    random = np.random.default_rng(seed)
    columns: dict[str, object] = {}
    for column in contract.COLUMNS:
        if column.kind is contract.Kind.TEXT:
            columns[column.name] = random.choice(["Y", "N"], rows).tolist()
        elif column.kind is contract.Kind.FLOAT:
            columns[column.name] = random.integers(0, 5000, rows) / 100
        elif column.kind is contract.Kind.INTEGER:
            columns[column.name] = random.integers(1, 7, rows)
    started = [START + timedelta(seconds=30 * row, microseconds=int(row % 3)) for row in range(rows)]
    seconds = random.integers(60, 3600, rows)
    columns[contract.PICKUP_TIME] = pl.Series(started, dtype=pl.Datetime("us"))
    columns[contract.DROPOFF_TIME] = pl.Series(
        [start + timedelta(seconds=int(second)) for start, second in zip(started, seconds, strict=True)],
        dtype=pl.Datetime("us"),
    )
    missing = pl.Series(random.random(rows) < 0.2)
    table = pl.DataFrame(columns).select(column.name for column in contract.COLUMNS)
    return table.with_columns(
        pl.when(~missing).then(pl.col(name)).alias(name) for name in (contract.PASSENGERS, "tip_amount")
    )


@pytest.fixture(scope="session")
def trips() -> pl.DataFrame:
    return some_trips()


@pytest.fixture
def scored(platform: Platform, trips: pl.DataFrame, tmp_path: Path) -> Platform:
    """A platform with version 0 of the trips, which model version 1 has scored; row 7 badly."""
    assert tables.write_version(platform, tables.TRIPS, trips.to_arrow(), "trips") == 0
    duration = (pl.col(contract.DROPOFF_TIME) - pl.col(contract.PICKUP_TIME)).dt.total_microseconds() / 1_000_000
    factor = pl.when(pl.int_range(pl.len()) == 7).then(10.0).otherwise(1.1)
    rows = trips.select(
        pl.lit(0).alias(predictions.DATA_VERSION),
        pl.lit(1).alias(predictions.MODEL_VERSION),
        pl.col(contract.PICKUP_TIME).dt.date().alias(predictions.PICKUP_DATE),
        contract.PICKUP_TIME,
        contract.PICKUP_ZONE,
        contract.DROPOFF_ZONE,
        contract.DISTANCE,
        pl.col(contract.PASSENGERS).cast(pl.Float64),
        duration.alias(contract.TARGET),
        (duration * factor).alias(predictions.PREDICTED),
    )
    rows.cast({predictions.DATA_VERSION: pl.Int64, predictions.MODEL_VERSION: pl.Int64}).write_parquet(
        tmp_path / "predictions.parquet"
    )
    assert predictions.append_once(platform, 0, 1, tmp_path / "predictions.parquet", {})
    return platform
