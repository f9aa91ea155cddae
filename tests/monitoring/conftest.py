"""A city whose champion has a reference, and a calm week of it; made once for all tests."""

import polars as pl
import pytest

from monitoring.bench import replay, worlds
from monitoring.quality import ErrorReference
from monitoring.reference import Reference

# Days 49 to 62 are calm; day 55 is the first that tests take.
FIRST, LAST = 50, 58


@pytest.fixture(scope="session")
def reference() -> Reference:
    return replay.references()[0]


@pytest.fixture(scope="session")
def errors() -> ErrorReference:
    return replay.references()[1]


@pytest.fixture(scope="session")
def calm_days() -> list[pl.DataFrame]:
    """Eight windows of a day each, with all labels."""
    log = worlds.predictions(77, FIRST, LAST)
    return list(worlds.days(log, FIRST, LAST))


@pytest.fixture
def calm_day(calm_days: list[pl.DataFrame]) -> pl.DataFrame:
    """The newest of them, from day LAST - 1 to LAST."""
    return calm_days[-1]
