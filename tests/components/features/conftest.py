"""Trips made up for the feature store, and a platform whose feature store is applied."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
import polars as pl
import pytest

from components import contract, tables
from components.features.apply import apply
from components.platform import Platform

START = datetime(2026, 1, 5)
MICROSECONDS_PER_DAY = 86_400_000_000


def some_trips(rows: int, days: float = 40, zones: int = 6, seed: int = 0) -> pl.DataFrame:
    """Trips over some days between a few zones, in the order of their start."""
    random = np.random.default_rng(seed)
    started = np.sort(random.integers(0, int(days * MICROSECONDS_PER_DAY), rows))
    ended = started + random.integers(60, 7200, rows) * 1_000_000
    base = np.datetime64(START, "us")
    return pl.DataFrame(
        {
            contract.PICKUP_TIME: base + started.astype("timedelta64[us]"),
            contract.DROPOFF_TIME: base + ended.astype("timedelta64[us]"),
            contract.PICKUP_ZONE: random.integers(1, zones + 1, rows),
            contract.DROPOFF_ZONE: random.integers(1, zones + 1, rows),
            contract.DISTANCE: random.integers(0, 2000, rows) / 100,
            contract.PASSENGERS: random.integers(1, 7, rows),
        }
    )


@pytest.fixture(scope="session")
def make_trips() -> Callable[..., pl.DataFrame]:
    return some_trips


@pytest.fixture
def applied(platform: Platform) -> Platform:
    """A platform whose feature store knows the definitions."""
    apply(platform)
    return platform


@pytest.fixture
def write_trips() -> Callable[[Platform, pl.DataFrame], int]:
    """Writes a version of the trips table and returns its number."""

    def write(platform: Platform, trips: pl.DataFrame) -> int:
        return tables.write_version(platform, tables.TRIPS, trips.to_arrow(), str(trips.hash_rows().sum()))

    return write
