"""A summary stays small, two make one, and its numbers are those of the trips."""

import math
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components import contract
from components.profile.columns import CATEGORIES, HOUR, NUMBERS, SPEED, WEEKDAY, derived
from components.profile.summary import NumberSummary, Summary, merged, summarise
from components.validate.bench import clean_trips

TRIPS = derived(clean_trips(4000, seed=1))
WHOLE = summarise(TRIPS)


def of_amounts(amounts: list[float | None]) -> NumberSummary:
    """The summary of a column that holds these values."""
    trips = TRIPS[: len(amounts)].with_columns(fare_amount=pl.Series(amounts, dtype=pl.Float64))
    return summarise(trips).numbers["fare_amount"]


def test_every_column_of_the_contract_is_described_as_a_number_or_as_a_category() -> None:
    times = {contract.PICKUP_TIME, contract.DROPOFF_TIME}
    described = {*NUMBERS, *CATEGORIES}
    assert {column.name for column in contract.COLUMNS} - times == described - {contract.TARGET, SPEED, HOUR, WEEKDAY}


def test_a_summary_counts_every_trip_by_day_and_by_hour_of_the_week() -> None:
    assert WHOLE.rows == sum(WHOLE.days.values()) == sum(WHOLE.hours_of_week) == TRIPS.height
    sunday_evening = TRIPS.filter(pl.col(WEEKDAY) == 7, pl.col(HOUR) == 23).height
    assert WHOLE.hours_of_week[7 * 24 - 1] == sunday_evening > 0


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_those_of_the_column(name: str) -> None:
    values, number = TRIPS[name].drop_nulls(), WHOLE.numbers[name]
    assert (number.present, number.missing) == (len(values), TRIPS[name].null_count())
    assert (number.minimum, number.maximum) == (values.min(), values.max())
    assert number.mean == pytest.approx(values.mean())
    assert number.deviation == pytest.approx(values.std(ddof=0), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", CATEGORIES)
def test_categories_are_counted_and_the_most_frequent_come_first(name: str) -> None:
    values, category = TRIPS[name].drop_nulls(), WHOLE.categories[name]
    assert (category.present, category.missing) == (len(values), TRIPS[name].null_count())
    assert category.counts == dict(values.cast(pl.String).value_counts().iter_rows())
    assert list(category.counts.values()) == sorted(category.counts.values(), reverse=True)


@settings(deadline=None, max_examples=50)
@given(
    amounts=st.lists(st.none() | st.floats(-1e6, 1e6), min_size=1, max_size=200),
    share=st.sampled_from([0.0, 0.01, 0.5, 0.9, 1.0]),
)
def test_quantiles_are_off_by_at_most_three_percent(amounts: list[float | None], share: float) -> None:
    ordered = sorted(amount for amount in amounts if amount is not None)
    found = of_amounts(amounts).quantile(share)
    if not ordered:
        assert found is None
        return
    exact = ordered[max(1, math.ceil(share * len(ordered))) - 1]
    assert found == pytest.approx(exact, rel=0.0301, abs=0.00501)


def test_quantiles_of_evenly_spread_values_are_off_by_at_most_two_percent() -> None:
    amounts = np.geomspace(0.1, 900, 2000)
    found = of_amounts(amounts.tolist())
    for share in np.linspace(0.01, 0.99, 99):
        assert found.quantile(share) == pytest.approx(np.quantile(amounts, share, method="inverted_cdf"), rel=0.02)


def test_the_same_trips_give_the_same_digits() -> None:
    assert len({summarise(TRIPS).model_dump_json() for _ in range(5)}) == 1


@settings(deadline=None, max_examples=20)
@given(cuts=st.lists(st.integers(0, 500), max_size=4))
def test_the_summary_of_parts_is_that_of_the_whole(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), 500]
    parts = merged(summarise(TRIPS[first:last]) for first, last in pairwise(edges))
    whole = summarise(TRIPS[:500])
    assert (parts.rows, parts.days, parts.hours_of_week) == (whole.rows, whole.days, whole.hours_of_week)
    for name in CATEGORIES:
        assert parts.categories[name].missing == whole.categories[name].missing
        assert parts.categories[name].counts == whole.categories[name].counts
    for name in NUMBERS:
        one, other = parts.numbers[name], whole.numbers[name]
        assert (one.present, one.missing, one.minimum, one.maximum) == (
            other.present,
            other.missing,
            other.minimum,
            other.maximum,
        )
        assert one.total == pytest.approx(other.total)
        assert one.bins.keys() == other.bins.keys()
        assert one.quantile(0.5) == pytest.approx(other.quantile(0.5), rel=1e-4, abs=1e-4)


def test_of_no_trips_there_is_a_summary_too() -> None:
    nothing = merged([])
    assert nothing.rows == 0
    assert nothing.numbers["fare_amount"].quantile(0.5) is None
    assert summarise(TRIPS.clear()) == nothing


def test_a_summary_survives_its_json_and_stays_under_100_kilobytes() -> None:
    text = summarise(derived(clean_trips(200_000, seed=2))).model_dump_json()
    assert len(text) < 100_000
    assert Summary.model_validate_json(text).model_dump_json() == text
