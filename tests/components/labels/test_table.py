"""Labels are kept in versions, and applied to the trips that they name."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import polars as pl
import pytest

from components import contract, tables
from components.labels.key import TRIP_KEY, trip_keys
from components.labels.table import CORRECTED, LABELLED_BY, LABELS, TAKEN_AT, add_labels, apply_labels, read_labels
from components.platform import Platform

NOW, LATER = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC)


def labels(keys: list[str], seconds: list[float], who: str = "ab") -> pl.DataFrame:
    return pl.DataFrame({TRIP_KEY: keys, CORRECTED: seconds, LABELLED_BY: [who] * len(keys)})


def test_a_labelled_trip_ends_when_people_say_and_no_other_trip_changes(trips: pl.DataFrame) -> None:
    keys = trip_keys(trips)
    found = apply_labels(trips.lazy(), labels([keys[7], keys[300]], [601.5, 90.0])).collect()
    seconds = (found[contract.DROPOFF_TIME] - found[contract.PICKUP_TIME]).dt.total_microseconds() / 1_000_000
    assert (seconds[7], seconds[300]) == (601.5, 90.0)
    rest = pl.int_range(pl.len()).is_in([7, 300]).not_()
    assert found.filter(rest).equals(trips.filter(rest))
    assert found.drop(contract.DROPOFF_TIME).equals(trips.drop(contract.DROPOFF_TIME))


def test_labels_are_found_in_a_version_that_is_read_in_parts(platform: Platform, trips: pl.DataFrame) -> None:
    version = tables.write_version(platform, tables.TRIPS, trips.to_arrow(), "trips")
    keys = trip_keys(trips)
    lazy = apply_labels(tables.scan(platform, tables.TRIPS, version), labels([keys[399]], [120.0]))
    ended = lazy.select(contract.PICKUP_TIME, contract.DROPOFF_TIME).collect(engine="streaming")
    seconds = (ended[contract.DROPOFF_TIME] - ended[contract.PICKUP_TIME]).dt.total_seconds()
    unchanged = (trips[contract.DROPOFF_TIME] - trips[contract.PICKUP_TIME]).dt.total_seconds()
    assert sorted(seconds) == sorted([*unchanged[:399], 120])


@pytest.mark.parametrize("given", [[], ["20200101000000-0123456789abcdef"]], ids=["none", "of-another-trip"])
def test_labels_of_other_trips_change_nothing(trips: pl.DataFrame, given: list[str]) -> None:
    others = labels(given, [60.0] * len(given)).cast({TRIP_KEY: pl.String, CORRECTED: pl.Float64})
    assert apply_labels(trips.lazy(), others).collect().equals(trips)


def test_a_trip_that_began_in_the_same_second_as_a_labelled_one_does_not_change(trips: pl.DataFrame) -> None:
    both = pl.concat([trips.head(1), trips.head(1).with_columns(extra=pl.col("extra") + 1)])
    found = apply_labels(both.lazy(), labels([trip_keys(both)[1]], [77.0])).collect()
    assert found.row(0) == both.row(0)
    assert (found[contract.DROPOFF_TIME] - found[contract.PICKUP_TIME]).dt.total_seconds()[1] == 77


def test_two_records_that_are_equal_share_a_label(trips: pl.DataFrame) -> None:
    twice = pl.concat([trips.head(1), trips.head(1)])
    found = apply_labels(twice.lazy(), labels([trip_keys(trips)[0]], [77.0])).collect()
    assert ((found[contract.DROPOFF_TIME] - found[contract.PICKUP_TIME]).dt.total_seconds() == 77).all()


def test_a_version_has_all_labels_and_the_newer_of_two_for_one_trip(platform: Platform) -> None:
    first = add_labels(platform, labels(["a", "b"], [60.0, 70.0]), NOW)
    second = add_labels(platform, labels(["b", "c"], [71.0, 80.0], who="cd"), LATER)
    assert read_labels(platform, first).rows() == [("a", 60.0, "ab", NOW), ("b", 70.0, "ab", NOW)]
    assert read_labels(platform, second).rows() == [
        ("a", 60.0, "ab", NOW),
        ("b", 71.0, "cd", LATER),
        ("c", 80.0, "cd", LATER),
    ]


def test_taking_the_same_labels_again_makes_no_version(platform: Platform) -> None:
    first = add_labels(platform, labels(["a", "b"], [60.0, 70.0]), NOW)
    assert add_labels(platform, labels(["b"], [70.0]), LATER) == first == tables.latest_version(platform, LABELS)


def test_a_label_that_is_taken_back_is_a_version_of_its_own(platform: Platform) -> None:
    add_labels(platform, labels(["a"], [60.0]), NOW)
    add_labels(platform, labels(["a"], [70.0]), LATER)
    last = add_labels(platform, labels(["a"], [60.0]), datetime(2026, 2, 3, tzinfo=UTC))
    assert last == tables.latest_version(platform, LABELS) == 2
    assert read_labels(platform)[CORRECTED].to_list() == [60.0]


def test_labels_that_are_added_at_once_are_all_kept(platform: Platform) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: add_labels(platform, labels([f"trip {number}"], [60.0]), NOW), range(4)))
    assert read_labels(platform)[TRIP_KEY].to_list() == [f"trip {number}" for number in range(4)]
    assert read_labels(platform).schema[TAKEN_AT] == pl.Datetime("us", "UTC")
