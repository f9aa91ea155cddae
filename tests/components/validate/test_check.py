"""Which trips keep the contract, and what is said of those that do not."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.errors import SchemaErrors

from components import contract, thresholds
from components.validate.bench import clean_trips, pandera_schema
from components.validate.check import EXAMPLES_PER_VIOLATION, ROW, WHOLE_TABLE, Findings, check
from components.validate.rules import SPEED, Severity

WRITTEN = datetime(2026, 3, 2)
CLEAN = clean_trips(3000, seed=1)


def checked(*files: pl.DataFrame, written: datetime = WRITTEN) -> Findings:
    return check(lambda: files, written)


def told(findings: Findings) -> dict[tuple[str, str], int]:
    return {(one.column, one.rule): one.rows for one in findings.violations}


def columns(findings: Findings) -> set[str]:
    return {one.column for one in findings.violations}


def with_values(column: str, *values: object) -> pl.DataFrame:
    """Clean trips of which the first have other values in a column."""
    changed = pl.Series(column, [*values, *CLEAN[column][len(values) :]], dtype=CLEAN.schema[column], strict=False)
    return CLEAN.with_columns(changed)


def test_no_clean_sample_is_refused() -> None:
    refused = {seed: found for seed in range(200) if (found := told(checked(clean_trips(500, seed))))}
    assert refused == {}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("skew", "named"),
    [
        (lambda trips: trips.drop("RatecodeID"), {"RatecodeID"}),
        (lambda trips: trips.with_columns(surge=1.0), {"surge"}),
        (lambda trips: trips.rename({"tip_amount": "tip"}), {"tip_amount", "tip"}),
        (lambda trips: trips.with_columns(pl.col("passenger_count").cast(pl.Float64)), {"passenger_count"}),
        (lambda trips: trips.with_columns(pl.col("PULocationID").cast(pl.String)), {"PULocationID"}),
        (lambda trips: trips.with_columns(pl.col("^tpep_.*$").dt.cast_time_unit("ms")), {contract.PICKUP_TIME}),
        (lambda trips: trips.select(reversed(trips.columns)), {WHOLE_TABLE}),
        (lambda trips: trips.with_columns(pl.col("trip_distance") * 100), {"trip_distance", SPEED}),
        (lambda trips: trips.with_columns(pl.col("fare_amount") * 100), {"fare_amount"}),
        (lambda trips: trips.with_columns(pl.col("fare_amount") / 100), {"fare_amount"}),
        (lambda trips: trips.with_columns(payment_type=pl.lit(7, pl.Int64)), {"payment_type"}),
        (lambda trips: trips.with_columns(store_and_fwd_flag=pl.lit("y")), {"store_and_fwd_flag"}),
        (lambda trips: trips.with_columns(passenger_count=pl.lit(None, pl.Int64)), {"passenger_count"}),
        (lambda trips: trips.with_columns(trip_distance=pl.lit(None, pl.Float64)), {"trip_distance"}),
        (lambda trips: trips.with_columns(tip_amount=pl.lit(float("nan"))), {"tip_amount"}),
        (lambda trips: trips.with_columns(tip_amount=pl.lit(float("-inf"))), {"tip_amount"}),
        (lambda trips: pl.concat([trips, trips.head(trips.height // 100)]), {WHOLE_TABLE}),
        (lambda trips: trips.with_columns(pl.col("^tpep_.*$") + timedelta(days=365)), {"tpep_pickup_datetime"}),
        (lambda trips: trips.with_columns(tpep_dropoff_datetime="tpep_pickup_datetime"), {"tpep_dropoff_datetime"}),
        (lambda trips: trips.clear(), {WHOLE_TABLE}),
    ],
    ids="missing extra renamed retyped text coarser reordered distance-x100 fare-x100 fare/100 new-code new-text "
    "all-null-needed all-null-required nan infinite repeated late instant empty".split(),
)  # fmt: skip
def test_every_kind_of_schema_skew_is_caught_and_named(
    skew: Callable[[pl.DataFrame], pl.DataFrame], named: set[str], seed: int
) -> None:
    assert named <= columns(checked(skew(clean_trips(1500, seed))))


def test_distances_in_another_unit_are_caught_even_among_those_that_ingestion_lets_through() -> None:
    in_hundredths = CLEAN.with_columns(pl.col(contract.DISTANCE) * 100).filter(pl.col(contract.DISTANCE) <= 200)
    assert columns(checked(in_hundredths)) == {SPEED}


def test_violations_name_each_rule_with_count_and_rows() -> None:
    found = checked(with_values("payment_type", 9, 1, 8, *[77] * 20))
    (violation,) = found.violations
    assert (violation.column, violation.rows) == ("payment_type", 22)
    assert [row[ROW] for row in violation.examples] == [0, 2, *range(3, 11)]
    assert violation.examples[0]["payment_type"] == 9
    assert len(violation.examples) == EXAMPLES_PER_VIOLATION


def test_all_violations_are_told_at_once() -> None:
    skewed = with_values("payment_type", 9).with_columns(with_values("trip_distance", -1.0)["trip_distance"])
    skewed = skewed.drop("tip_amount").with_columns(with_values("PULocationID", 266)["PULocationID"])
    assert {"payment_type", "trip_distance", "PULocationID", "tip_amount"} <= columns(checked(skewed))


@pytest.mark.parametrize("miles", [0.0, 200.0])
def test_the_ends_of_a_range_belong_to_it(miles: float) -> None:
    assert checked(with_values("trip_distance", miles)).violations == []


def test_an_optional_column_without_values_is_a_warning() -> None:
    found = checked(CLEAN.with_columns(Airport_fee=pl.lit(None, pl.Float64)))
    assert found.violations == []
    assert [(one.column, one.severity) for one in found.warnings] == [("Airport_fee", Severity.WARNING)]


def test_old_data_are_a_warning_and_stop_the_run_only_where_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    later = WRITTEN + timedelta(days=thresholds.MAX_DATA_AGE_DAYS)
    assert checked(CLEAN, written=later - timedelta(days=2)).warnings == []
    old = checked(CLEAN, written=later + timedelta(days=1))
    assert (old.violations, len(old.warnings)) == ([], 1)
    monkeypatch.setattr(thresholds, "STALE_DATA_STOPS", True)
    assert columns(checked(CLEAN, written=later + timedelta(days=1))) == {"tpep_pickup_datetime"}


def test_a_few_repeated_trips_are_tolerated_and_a_repeated_file_is_not() -> None:
    few = int(CLEAN.height * thresholds.MAX_REPEATED_SHARE)
    assert checked(CLEAN, CLEAN.head(few)).violations == []
    (violation,) = checked(CLEAN, CLEAN).violations
    assert violation.rows == CLEAN.height
    assert violation.examples


def test_trips_that_differ_in_an_amount_alone_are_no_repetition() -> None:
    assert checked(CLEAN, CLEAN.with_columns(-pl.col("total_amount"))).violations == []


def test_the_age_of_data_is_that_of_their_newest_trip_in_whatever_file() -> None:
    later = WRITTEN + timedelta(days=thresholds.MAX_DATA_AGE_DAYS - 2)
    new, old = CLEAN.tail(1000), CLEAN.head(1000)
    for files in ((new, old), (old, new)):
        assert checked(*files, written=later).newest == CLEAN[contract.PICKUP_TIME].max()


@settings(deadline=None, max_examples=25)
@given(cuts=st.lists(st.integers(0, 300), max_size=4), odd=st.lists(st.integers(0, 299), max_size=8))
def test_how_a_version_is_cut_into_files_changes_nothing(cuts: list[int], odd: list[int]) -> None:
    codes = [9 if row in odd else 1 for row in range(300)]
    trips = clean_trips(400, seed=3).head(300).with_columns(payment_type=pl.Series(codes, dtype=pl.Int64))
    edges = [0, *sorted(cuts), 300]
    files = [trips[first:last] for first, last in pairwise(edges)]
    assert checked(*files) == checked(trips)


@settings(deadline=None, max_examples=25)
@given(
    column=st.sampled_from([column for column in contract.COLUMNS if column.allowed or column.minimum is not None]),
    values=st.lists(st.none() | st.integers(-5, 300), min_size=1, max_size=20),
)
def test_pandera_finds_the_same_rows(column: contract.Column, values: list[int | None]) -> None:
    changed = [str(value) if column.allowed and "Y" in column.allowed and value else value for value in values]
    trips = with_values(column.name, *changed)
    assert sum(rows for (name, _), rows in told(checked(trips)).items() if name == column.name) == _by_pandera(trips)


def _by_pandera(trips: pl.DataFrame) -> int:
    try:
        pandera_schema().validate(trips, lazy=True)
    except SchemaErrors as errors:
        return sum((~error.check_output["check_output"]).sum() for error in errors.schema_errors)
    return 0
