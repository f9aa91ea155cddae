"""Splitting by time."""

import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components import contract
from components.split.step import SplitResult, boundaries, split


def split_frame(frame: pl.DataFrame, folder: Path, learn_from: str = "") -> tuple[SplitResult, list[pl.DataFrame]]:
    frame.write_parquet(folder / "features.parquet")
    files = [folder / f"{name}.parquet" for name in ("train", "validation", "test")]
    result = split(folder / "features.parquet", *files, learn_from=learn_from)
    return result, [pl.read_parquet(file) for file in files]


def test_the_parts_follow_each_other_in_time_and_the_counts_are_right(
    feature_table: Callable[..., pl.DataFrame], tmp_path: Path
) -> None:
    result, (train, validation, test) = split_frame(feature_table(), tmp_path)
    assert (result.train_rows, result.validation_rows, result.test_rows) == (len(train), len(validation), len(test))
    assert train[contract.PICKUP_TIME].max() < result.validation_start <= validation[contract.PICKUP_TIME].min()  # pyright: ignore
    assert validation[contract.PICKUP_TIME].max() < result.test_start <= test[contract.PICKUP_TIME].min()  # pyright: ignore


def test_nothing_is_learned_from_a_trip_that_ends_after_the_next_part_has_begun(
    feature_table: Callable[..., pl.DataFrame], tmp_path: Path
) -> None:
    long_trips = feature_table().with_columns(pl.lit(14400.0).alias(contract.TARGET))
    result, (train, validation, _) = split_frame(long_trips, tmp_path)
    for part, limit in ((train, result.validation_start), (validation, result.test_start)):
        ends = part[contract.PICKUP_TIME] + pl.Series([timedelta(seconds=14400)] * len(part))
        assert ends.max() < limit  # pyright: ignore[reportOperatorIssue]


def test_no_trip_is_in_two_parts_and_every_column_stays(
    feature_table: Callable[..., pl.DataFrame], tmp_path: Path
) -> None:
    table = feature_table().with_row_index("trip")
    _, parts = split_frame(table, tmp_path)
    trips = pl.concat(parts)["trip"]
    assert trips.n_unique() == len(trips)
    assert all(part.columns == table.columns for part in parts)


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_trips_are_refused_by_name(
    feature_table: Callable[..., pl.DataFrame], tmp_path: Path, rows: int
) -> None:
    with pytest.raises(ValueError, match=r"cannot split .*features\.parquet"):
        split_frame(feature_table().head(rows), tmp_path)


@settings(deadline=None)
@given(
    first=st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1)),
    span=st.timedeltas(timedelta(hours=1), timedelta(days=4000)),
)
def test_the_test_part_is_the_last_fifth_of_any_span(first: datetime, span: timedelta) -> None:
    validation_start, test_start = boundaries(first, first + span)
    assert first < validation_start < test_start < first + span
    assert (first + span - test_start) / span == pytest.approx(0.2, abs=1e-6)
    assert (test_start - validation_start) / span == pytest.approx(0.1, abs=1e-6)


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    """A short trip at each twentieth of a time, and others in any order, some of which take hours."""
    twentieth = draw(st.integers(60, 86400))
    regular = [part * twentieth for part in range(21)]
    starts = regular + draw(st.lists(st.sampled_from(regular) | st.integers(0, 20 * twentieth), max_size=40))
    others = len(starts) - len(regular)
    durations = [1.0] * len(regular) + draw(st.lists(st.floats(1, 4 * 3600), min_size=others, max_size=others))
    start = datetime(2026, 1, 5)
    columns = {contract.PICKUP_TIME: [start + timedelta(seconds=s) for s in starts], contract.TARGET: durations}
    return pl.DataFrame(columns).with_row_index("trip")


@settings(max_examples=50, deadline=None)
@given(table=tables())
def test_whatever_the_trips_no_part_knows_the_next_and_only_what_is_under_way_is_lost(table: pl.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as folder:
        result, (train, validation, test) = split_frame(table, Path(folder))
    ends = {trip: start + timedelta(seconds=took) for trip, start, took in table.iter_rows()}
    assert all(ends[trip] <= result.validation_start for trip in train["trip"])
    assert all(ends[trip] <= result.test_start for trip in validation["trip"])
    for part, begins in ((validation, result.validation_start), (test, result.test_start)):
        assert all(moment >= begins for moment in part[contract.PICKUP_TIME])
    kept = [trip for part in (train, validation, test) for trip in part["trip"]]
    assert len(kept) == len(set(kept))
    lost = table.filter(~pl.col("trip").is_in(kept))
    limits = (result.validation_start, result.test_start)
    assert all(any(start < limit <= ends[trip] for limit in limits) for trip, start, _ in lost.iter_rows())


@settings(max_examples=50, deadline=None)
@given(table=tables(), known=st.lists(st.integers(1, 10**7), max_size=20), later=st.integers(0, 3))
def test_what_is_only_known_is_in_no_part_and_changes_none(table: pl.DataFrame, known: list[int], later: int) -> None:
    began = table[contract.PICKUP_TIME].unique().sort()
    # A short span may be left, but not an empty one.
    first = began[later]
    moments = [first - timedelta(seconds=before) for before in known]
    columns = {"trip": range(len(known)), contract.PICKUP_TIME: moments, contract.TARGET: [60.0] * len(known)}
    with tempfile.TemporaryDirectory() as folder:
        whole = pl.concat([table, pl.DataFrame(columns, schema=table.schema)])
        result, parts = split_frame(whole, Path(folder), first.isoformat())
        expected = split_frame(whole.filter(pl.col(contract.PICKUP_TIME) >= first), Path(folder))
    assert result == expected[0]
    assert all(part.equals(other) for part, other in zip(parts, expected[1], strict=True))
    assert all((part[contract.PICKUP_TIME] >= first).all() for part in parts)


def test_nothing_to_learn_from_is_told_with_the_time(
    feature_table: Callable[..., pl.DataFrame], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="it has no rows from 2030-01-01T00:00:00 on"):
        split_frame(feature_table(), tmp_path, "2030-01-01T00:00:00")


@pytest.mark.parametrize("given", ["monday", "2026-01-05T00:00:00+00:00"])
def test_what_is_no_wall_clock_time_is_refused_with_an_example(
    feature_table: Callable[..., pl.DataFrame], tmp_path: Path, given: str
) -> None:
    with pytest.raises(ValueError, match=r"was given: give .* such as 2026-03-02T08:00:00"):
        split_frame(feature_table(), tmp_path, given)
