"""A trip's name says when it began and depends on its record alone."""

from datetime import timedelta

import polars as pl
import pytest

from components import contract
from components.labels.key import pickup_seconds, trip_keys


def test_a_key_is_the_same_today_and_tomorrow(trips: pl.DataFrame) -> None:
    assert trip_keys(trips.head(2)).to_list() == ["20260105080000-a0bbc296cf2acf4b", "20260105080030-f05a6222241f6d3a"]


def test_a_key_does_not_depend_on_the_order_of_rows_or_columns(trips: pl.DataFrame) -> None:
    turned = trips.reverse().select(reversed(trips.columns))
    assert trip_keys(turned).reverse().equals(trip_keys(trips))


@pytest.mark.parametrize("column", [column.name for column in contract.COLUMNS])
def test_every_column_of_the_record_is_part_of_the_key(trips: pl.DataFrame, column: str) -> None:
    kind = trips.schema[column]
    change = timedelta(microseconds=1) if kind == pl.Datetime("us") else "x" if kind == pl.String else 1
    changed = trips.head(50).with_columns(pl.col(column) + change)
    same = trip_keys(changed) == trip_keys(trips.head(50))
    assert same.equals(trips.head(50)[column].is_null().alias(same.name))


def test_no_two_trips_of_a_version_share_a_key(trips: pl.DataFrame) -> None:
    assert trip_keys(trips).n_unique() == len(trips)


def test_a_key_tells_the_second_in_which_the_trip_began(trips: pl.DataFrame) -> None:
    expected = trips[contract.PICKUP_TIME].dt.truncate("1s")
    assert pickup_seconds(trip_keys(trips)).to_list() == expected.to_list()


@pytest.mark.parametrize("text", ["", "abc", "20260105080000", "20260105080000-XYZ", "99999999999999-0123456789abcdef"])
def test_what_is_no_key_has_no_time(text: str) -> None:
    assert pickup_seconds(pl.Series([text])).to_list() == [None]
