"""Faults of the data are named, and calm days have none."""

from datetime import timedelta

import polars as pl
import pytest

from components import contract
from monitoring.bench import worlds
from monitoring.checks import Fault, Kind, schema_faults, value_faults, without_repeats
from monitoring.columns import AT, PREDICTION, REQUIRED
from monitoring.reference import Reference

START, END = worlds.day(57), worlds.day(58)


def faults_of(window: pl.DataFrame, reference: Reference) -> list[tuple[Kind, str]]:
    return [(one.kind, one.column) for one in value_faults(window, start=START, end=END, reference=reference)]


def first(share: float, value: object, column: str) -> pl.Expr:
    """A column whose first rows have another value."""
    return pl.when(pl.int_range(pl.len()) < share * pl.len()).then(pl.lit(value)).otherwise(column).alias(column)


def test_a_calm_day_has_no_fault(reference: Reference, calm_day: pl.DataFrame) -> None:
    assert schema_faults(calm_day) == []
    assert faults_of(calm_day, reference) == []
    assert without_repeats(calm_day)[1] == []


@pytest.mark.parametrize("column", REQUIRED)
def test_a_missing_column_is_named(calm_day: pl.DataFrame, column: str) -> None:
    assert [(one.kind, one.column) for one in schema_faults(calm_day.drop(column))] == [(Kind.MISSING_COLUMN, column)]


@pytest.mark.parametrize("column", [AT, contract.DISTANCE, contract.PICKUP_ZONE, PREDICTION])
def test_a_column_of_another_type_is_named(calm_day: pl.DataFrame, column: str) -> None:
    as_text = calm_day.with_columns(pl.col(column).cast(pl.String))
    assert [(one.kind, one.column) for one in schema_faults(as_text)] == [(Kind.WRONG_TYPE, column)]


@pytest.mark.parametrize(
    ("column", "value"),
    [(contract.DISTANCE, 900.0), (contract.PICKUP_ZONE, 999), ("hour", 24.0), (PREDICTION, -1.0), ("is_airport", 2.0)],
)
def test_values_outside_the_contract_are_named(
    reference: Reference, calm_day: pl.DataFrame, column: str, value: float
) -> None:
    assert faults_of(calm_day.with_columns(first(0.01, value, column)), reference) == [(Kind.OUT_OF_RANGE, column)]


def test_a_category_is_new_by_the_contract(reference: Reference, calm_day: pl.DataFrame) -> None:
    known, new = (calm_day.with_columns(pl.lit(code).alias("payment_type")) for code in (2, 1))
    new = new.with_columns(first(0.2, 7, "payment_type"))
    assert faults_of(known, reference) == []
    [fault] = value_faults(new, start=START, end=END, reference=reference)
    assert (fault.kind, fault.column) == (Kind.NEW_CATEGORY, "payment_type")
    assert "the contract does not know (7)" in fault.told


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_more_missing_values_than_in_the_reference_are_a_fault(
    reference: Reference, calm_day: pl.DataFrame, missing: float | None
) -> None:
    column = "pair_trips_4w"
    assert calm_day[column].null_count() > 0
    emptied = calm_day.with_columns(first(0.4, missing, column).cast(pl.Float64))
    assert faults_of(emptied, reference) == [(Kind.MISSING_VALUES, column)]


def test_repeated_events_are_counted_once_and_told(calm_day: pl.DataFrame) -> None:
    doubled = pl.concat([calm_day, calm_day[:100]])
    once, faults = without_repeats(doubled)
    assert once.equals(calm_day)
    assert faults == [
        Fault(
            Kind.DUPLICATES, "", 100, f"100 of {doubled.height} events are there more than once; they were counted once"
        )
    ]


def test_events_of_another_time_are_a_fault_and_small_differences_of_clocks_are_not(
    reference: Reference, calm_day: pl.DataFrame
) -> None:
    minutes = calm_day.with_columns(pl.col(AT) + timedelta(minutes=4))
    hours = calm_day.with_columns(pl.col(AT) + timedelta(hours=3))
    assert faults_of(minutes, reference) == []
    assert faults_of(hours, reference) == [(Kind.CLOCK_SKEW, AT)]
