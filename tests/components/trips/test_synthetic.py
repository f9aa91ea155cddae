"""The generator: the same request gives the same trips, of the contract's schema, with the quirks that it documents."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components import contract
from components.trips import city, synthetic
from components.trips.source_error import SourceError
from components.trips.synthetic import START, Regime

LAST_QUARTER = START + timedelta(weeks=6)


@cache
def generated(rows: int = 50_000, seed: int = 42, regime: Regime | None = None) -> pl.DataFrame:
    """All trips of a request, with ``seconds`` and ``hour``."""
    frames = [pl.DataFrame(pa.Table.from_batches([batch])) for batch in synthetic.trips(rows, seed, regime=regime)]
    seconds = (pl.col(contract.DROPOFF_TIME) - pl.col(contract.PICKUP_TIME)).dt.total_seconds().alias("seconds")
    hour = pl.col(contract.PICKUP_TIME).dt.hour().alias("hour")
    return pl.concat(frames, how="diagonal").with_columns(seconds, hour)


def plausible(trips: pl.DataFrame) -> pl.DataFrame:
    known = (pl.col(zone) <= city.ZONES for zone in (contract.PICKUP_ZONE, contract.DROPOFF_ZONE))
    speed = (pl.col(contract.DISTANCE) / pl.col("seconds") * 3600).alias("speed")
    return trips.filter(pl.col("seconds").is_between(1, 4 * 3600), pl.col(contract.DISTANCE) > 0, *known).with_columns(
        speed
    )


def test_the_same_request_gives_the_same_trips_and_another_seed_gives_others() -> None:
    first, again, other = (list(synthetic.trips(3000, seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@settings(max_examples=15, deadline=None)
@given(rows=st.integers(1, 5000), seed=st.integers(0, 2**64 - 1), weeks=st.integers(1, 10))
def test_any_request_gives_exactly_its_rows_in_pickup_order_within_its_weeks(rows: int, seed: int, weeks: int) -> None:
    batches = list(synthetic.trips(rows, seed, weeks))
    pickups = np.concatenate([batch[contract.PICKUP_TIME].to_numpy() for batch in batches])
    assert len(pickups) == rows
    assert (np.diff(pickups) >= np.timedelta64(0)).all()
    assert pickups[0] >= np.datetime64(START)
    assert pickups[-1] < np.datetime64(START + timedelta(weeks=weeks))


def test_batches_stay_small_however_many_rows_are_asked_for() -> None:
    sizes = [batch.num_rows for batch in synthetic.trips(500_000, 1)]
    assert max(sizes) <= synthetic.BATCH_ROWS
    assert len(sizes) <= 4


def test_columns_have_the_names_and_types_of_the_contract() -> None:
    (batch,) = synthetic.trips(100, 1)
    expected = [(column.name, pa.type_for_alias(column.kind)) for column in contract.COLUMNS]
    assert list(zip(batch.schema.names, batch.schema.types, strict=True)) == expected


def test_values_keep_the_contract_but_for_the_absurd_rows() -> None:
    trips = generated()
    for column in contract.COLUMNS:
        values = trips[column.name].drop_nulls()
        assert column.allowed is None or values.is_in(list(column.allowed)).all(), column.name
        assert column.minimum is None or values.min() >= column.minimum, column.name  # pyright: ignore[reportOperatorIssue]
        assert column.maximum is None or values.max() <= column.maximum, column.name  # pyright: ignore[reportOperatorIssue]


def test_few_rows_are_absurd_and_some_values_are_missing_together() -> None:
    trips = generated()
    kinds = {
        "backwards": pl.col("seconds") < 0,
        "endless": pl.col("seconds") > 20 * 3600,
        "unmoved": pl.col(contract.DISTANCE) == 0,
        "unknown zone": pl.max_horizontal(contract.PICKUP_ZONE, contract.DROPOFF_ZONE) > city.ZONES,
    }
    for kind, rule in kinds.items():
        assert 0.0005 < trips.filter(rule).height / len(trips) < 0.002, kind
    booked = trips.filter(pl.col("payment_type") == 0)
    assert 0.03 < len(booked) / len(trips) < 0.05
    for name in (contract.PASSENGERS, "RatecodeID", "store_and_fwd_flag", "congestion_surcharge", "Airport_fee"):
        assert trips[name].null_count() == booked[name].null_count() == len(booked)


def test_pairs_repeat_so_that_their_history_tells_something() -> None:
    trips = generated(200_000)
    pairs = trips.group_by(contract.PICKUP_ZONE, contract.DROPOFF_ZONE).len()
    assert len(pairs) <= 20_000
    assert trips[contract.PICKUP_ZONE].n_unique() > 240
    # Half of all trips run on pairs that run at least daily.
    assert pairs.filter(pl.col("len") >= 56)["len"].sum() > 0.5 * len(trips)


def test_traffic_is_slow_in_the_rush_of_workdays_and_fast_at_night() -> None:
    speed = (
        plausible(generated())
        .group_by("hour", pl.col(contract.PICKUP_TIME).dt.weekday() <= 5)
        .agg(pl.col("speed").median())
    )
    at = {(hour, workday): median for hour, workday, median in speed.iter_rows()}
    assert at[18, True] < 0.7 * at[3, True]
    assert at[18, True] < 0.8 * at[18, False]


def test_a_zone_that_was_slow_in_the_last_hour_is_likely_to_be_slow_now() -> None:
    trips = plausible(generated(200_000))
    usual = pl.col("seconds").log().mean().over(contract.PICKUP_ZONE, contract.DROPOFF_ZONE)
    excess = trips.with_columns((pl.col("seconds").log() - usual).alias("excess"))
    time = pl.col(contract.PICKUP_TIME).dt
    excess = excess.with_columns(pl.col("excess") - pl.col("excess").mean().over(time.weekday(), time.hour()))
    hourly = (
        excess.group_by(contract.PICKUP_ZONE, time.truncate("1h").alias("now"))
        .agg(pl.col("excess").mean(), pl.len())
        .filter(pl.col("len") >= 5)
    )
    before = hourly.with_columns(pl.col("now") + timedelta(hours=1))
    both = hourly.join(before, on=[contract.PICKUP_ZONE, "now"], suffix="_before")
    assert len(both) > 500
    assert both.select(pl.corr("excess", "excess_before")).item() > 0.4


def test_money_follows_the_trip_and_adds_up() -> None:
    trips = plausible(generated())
    parts = ["fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount", "improvement_surcharge"]
    whole = trips.filter(pl.col("payment_type") > 0)
    total = whole.select(pl.sum_horizontal(*parts, "congestion_surcharge", "Airport_fee")).to_series()
    assert (total - whole["total_amount"]).abs().max() < 0.01  # pyright: ignore[reportOptionalOperand, reportOperatorIssue]
    standard = trips.filter(pl.col("RatecodeID") == 1)
    assert standard.select(pl.corr("fare_amount", contract.DISTANCE)).item() > 0.8
    assert trips.filter(pl.col("RatecodeID") == 2)["fare_amount"].unique().to_list() == [70.0]
    assert trips.filter(pl.col("payment_type") != 1)["tip_amount"].max() == 0.0


def test_airport_trips_are_there_with_their_rates() -> None:
    trips = plausible(generated()).drop_nulls("RatecodeID")
    for zone in contract.AIRPORT_ZONES:
        assert len(trips.filter(pl.col(contract.DROPOFF_ZONE) == zone)) > 20
    assert set(trips.filter(pl.col(contract.DROPOFF_ZONE) == city.NEWARK)["RatecodeID"]) == {3}
    ends = pl.concat(
        [trips.filter(pl.col("RatecodeID") == 2)[name] for name in (contract.PICKUP_ZONE, contract.DROPOFF_ZONE)]
    )
    assert (ends == city.JFK).sum() >= len(ends) / 2


def share(rule: pl.Expr) -> Callable[[pl.DataFrame], float]:
    return lambda trips: trips.filter(rule).height / trips.height


@pytest.mark.parametrize(
    ("regime", "measure", "before", "after"),
    [
        (Regime.CONGESTION, lambda trips: plausible(trips)["speed"].median(), (8, 14), (4, 8)),
        (Regime.CLOSED_AIRPORT, share(pl.col(contract.PICKUP_ZONE) == city.LAGUARDIA), (0.003, 0.05), (0, 0)),
        (Regime.NEW_PAYMENT_CODE, share(pl.col("payment_type") == 7), (0, 0), (0.18, 0.22)),
        (Regime.MISSING_COLUMN, share(pl.col(contract.PASSENGERS).is_null()), (0.02, 0.06), (1, 1)),
    ],
)
def test_a_regime_changes_its_thing_after_three_quarters_of_the_time(
    regime: Regime,
    measure: Callable[[pl.DataFrame], float],
    before: tuple[float, float],
    after: tuple[float, float],
) -> None:
    trips = generated(20_000, regime=regime)
    late = pl.col(contract.PICKUP_TIME) >= LAST_QUARTER
    assert before[0] <= measure(trips.filter(~late)) <= before[1]
    assert after[0] <= measure(trips.filter(late)) <= after[1]


def test_a_lost_column_is_not_in_the_batches_at_all() -> None:
    names = [batch.schema.names for batch in synthetic.trips(1000, 1, regime=Regime.MISSING_COLUMN)]
    assert contract.PASSENGERS in names[0]
    assert contract.PASSENGERS not in names[-1]


@pytest.mark.parametrize("rows", [0, -1, 20_000_001])
def test_an_impossible_number_of_rows_is_refused_with_what_is_allowed(rows: int) -> None:
    with pytest.raises(SourceError, match=rf"{rows} synthetic trips.*1 to 20000000"):
        next(synthetic.trips(rows, 1))


def test_the_sample_begins_on_a_monday() -> None:
    assert datetime(2026, 1, 5) == START
    assert START.weekday() == 0
