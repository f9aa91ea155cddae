"""Logged predictions of an invented city, day by day: weeks that a champion learned from, calm days, and a change.

Trips, their features and their labels come from the generator and from the same feature code as in training; only the
store between them is left out. Each seed draws other trips; the traffic of the city is the same for all.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl

from components import contract
from components.families.family import Family, Part, family
from components.features import aggregates
from components.features.transform import request_features
from components.trips import synthetic
from components.trips.synthetic import Regime
from monitoring.columns import AT, CATEGORIES, EVENT_KEY, PREDICTION

WINDOW = timedelta(days=1)
WEEKS, TRIPS_PER_DAY = 12, 1_800
# In days since the first trip. The features of four weeks need these before; the generator changes the world at 63.
LEARNED, CALM, CHANGED = 28, 49, 63
# Apart from the seeds of live days.
CHAMPION_SEED, REFERENCE_SEED = 1_000_001, 1_000_002
_CLOCKS = (contract.PICKUP_TIME, contract.DROPOFF_TIME)


def day(number: int) -> datetime:
    """The start of a day, UTC."""
    return synthetic.START.replace(tzinfo=UTC) + number * WINDOW


def predictions(seed: int, first: int, last: int, regime: Regime | None = None) -> pl.DataFrame:
    """What the champion would have logged on the days from ``first`` to before ``last``, with every label.

    Returns:
        [n] sorted by AT, as ``monitoring.columns`` describes a window, and DROPOFF_TIME (UTC).
    """
    joined = _joined(seed, first, last, regime)
    seconds = np.expm1(_champion().predict(joined.select(contract.MODEL_FEATURES).to_numpy(), threads=1))
    return joined.with_columns(pl.Series(PREDICTION, seconds))


def days(log: pl.DataFrame, first: int, last: int) -> Iterator[pl.DataFrame]:
    """The windows of a log, one a day."""
    for number in range(first, last):
        yield log.filter(pl.col(AT).is_between(day(number), day(number + 1), closed="left"))


def _joined(seed: int, first: int, last: int, regime: Regime | None) -> pl.DataFrame:
    trips = _trips(seed, first - LEARNED, last, regime)
    started = pl.col(contract.PICKUP_TIME)
    live = trips.filter(aggregates.event_time(started) >= day(first)).sort(*_CLOCKS).with_row_index("index")
    entities = request_features(live).with_columns(
        aggregates.event_time(started).alias(AT),
        aggregates.event_time(pl.col(contract.DROPOFF_TIME)).alias(contract.DROPOFF_TIME),
        aggregates.zone_key(),
        aggregates.pair_key(),
        pl.lit(f"seed-{seed}").alias(EVENT_KEY[0]),
        pl.col(contract.PASSENGERS).cast(pl.Float64),
    )
    makers = ((aggregates.zone_features, contract.ZONE_KEY), (aggregates.pair_features, contract.PAIR_KEY))
    for make, key in makers:
        table = make(trips.lazy()).collect().sort(contract.EVENT_TIME)
        entities = entities.join_asof(
            table, left_on=AT, right_on=contract.EVENT_TIME, by=key, suffix="_again", check_sortedness=False
        )
    names = dict.fromkeys(
        (*EVENT_KEY, AT, *contract.MODEL_FEATURES, *CATEGORIES, contract.TARGET, contract.DROPOFF_TIME)
    )
    return entities.select(*names)


def _trips(seed: int, first: int, last: int, regime: Regime | None) -> pl.DataFrame:
    """Trips of the contract that begin on the days given, with their duration in seconds."""
    rows = TRIPS_PER_DAY * WEEKS * 7
    drawn = pl.concat([pl.DataFrame(batch) for batch in synthetic.trips(rows, seed, weeks=WEEKS, regime=regime)])
    started, ended = (pl.col(name) for name in _CLOCKS)
    taken = ((ended - started).dt.total_microseconds() / 1_000_000).alias(contract.TARGET)
    start = synthetic.START
    return drawn.with_columns(taken).filter(
        pl.col(contract.TARGET).is_between(contract.MIN_DURATION_SECONDS, contract.MAX_DURATION_SECONDS),
        started.is_between(start + first * WINDOW, start + last * WINDOW, closed="left"),
    )


@cache
def _champion() -> Family:
    """A model that learned on the first weeks, of another seed."""
    learned = _joined(CHAMPION_SEED, LEARNED, CALM, None)
    part = Part(learned.select(contract.MODEL_FEATURES).to_numpy(), np.log1p(learned[contract.TARGET].to_numpy()))
    held = len(part.target) * 4 // 5
    train, validation = (Part(part.features[rows], part.target[rows]) for rows in (slice(held), slice(held, None)))
    return family("lightgbm").fit(train, validation, {}, seed=0)
