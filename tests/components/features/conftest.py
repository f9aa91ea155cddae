"""Trips made up for the feature store, and a platform whose feature store is applied."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from feast import feature_server as feature_server_app
from pydantic import SecretStr

from components import contract, tables
from components.features.apply import apply
from components.features.store import feature_store
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


@pytest.fixture
def feature_server(applied: Platform, answering: Callable[[Any], AbstractContextManager[str]]) -> Iterator[Platform]:
    """The platform with Feast's feature server on it, as ``components.features.server`` runs it."""
    with answering(feature_server_app.get_app(feature_store(applied), 30)) as address:
        yield applied.model_copy(update={"feast_server_url": address})


@pytest.fixture
def environment(platform: Platform) -> dict[str, str]:
    """The platform's settings as variables, for another process."""
    variables = dict(os.environ)
    for name, field in Platform.model_fields.items():
        value = getattr(platform, name)
        if value is not None:
            plain = value.get_secret_value() if isinstance(value, SecretStr) else value
            variables[str(field.validation_alias)] = str(plain)
    return variables
