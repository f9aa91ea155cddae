"""Messy files: what is found is cast where nothing is lost, and what cannot be used is said by name."""

import os
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import contract
from components.trips.conform import NOT_CASTABLE, conform
from components.trips.files import RawBatch, find_files, read
from components.trips.source_error import SourceError

MORNING = datetime(2026, 1, 5, 8)
REQUIRED: dict[str, Any] = {
    contract.PICKUP_TIME: MORNING,
    contract.DROPOFF_TIME: datetime(2026, 1, 5, 8, 20),
    contract.PASSENGERS: 1,
    contract.DISTANCE: 2.5,
    contract.PICKUP_ZONE: 132,
    contract.DROPOFF_ZONE: 7,
}


def some_trips(rows: int = 3, /, **columns: Any) -> pl.DataFrame:
    """Trips with the required columns; a list gives a column's values, None leaves it out."""
    values = {
        name: value if isinstance(value, list) else [value] * rows for name, value in (REQUIRED | columns).items()
    }
    return pl.DataFrame({name: value for name, value in values.items() if value != [None] * rows}, strict=False)


def conformed(*files: Path) -> pl.DataFrame:
    return pl.concat([batch.frame for batch in conform(read(list(files)))])


def as_parquet(folder: Path, frame: pl.DataFrame, name: str = "trips.parquet") -> Path:
    frame.write_parquet(folder / name)
    return folder / name


def as_csv(folder: Path, frame: pl.DataFrame, name: str = "trips.csv") -> Path:
    frame.write_csv(folder / name, datetime_format="%Y-%m-%d %H:%M:%S")
    return folder / name


@pytest.mark.parametrize("write", [as_parquet, as_csv])
def test_parquet_and_csv_give_the_same_typed_rows(tmp_path: Path, write: Callable[..., Path]) -> None:
    frame = conformed(write(tmp_path, some_trips()))
    assert frame.columns == [*(column.name for column in contract.COLUMNS), NOT_CASTABLE]
    assert frame.row(0, named=True) == dict.fromkeys(frame.columns) | REQUIRED
    assert str(frame.schema[contract.PICKUP_TIME]) == "Datetime(time_unit='us', time_zone=None)"


def test_a_file_a_folder_and_a_glob_lead_to_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    late, early = as_parquet(tmp_path, some_trips(), "b.parquet"), as_csv(tmp_path / "deep", some_trips(), "a.CSV")
    (tmp_path / "notes.txt").write_text("not trips")
    assert find_files(str(late)) == [late]
    assert find_files(str(tmp_path)) == [late, early]
    assert find_files(str(tmp_path / "*.parquet")) == [late]
    assert len(conformed(*find_files(str(tmp_path)))) == 6


def test_a_path_without_trip_files_says_what_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not trips")
    for location in (tmp_path, tmp_path / "nowhere", tmp_path / "*.parquet"):
        with pytest.raises(SourceError, match=r"leads to no \.parquet or \.csv file: give"):
            find_files(str(location))
    with pytest.raises(SourceError, match=r"notes\.txt is not a trip file"):
        find_files(str(tmp_path / "notes.txt"))


def test_ignored_columns_are_told_and_aliases_are_understood(tmp_path: Path) -> None:
    file = as_parquet(tmp_path, some_trips(airport_fee=1.75, cbd_congestion_fee=0.75))
    (batch,) = conform(read([file]))
    assert batch.ignored == ("cbd_congestion_fee",)
    assert batch.frame["Airport_fee"].to_list() == [1.75] * 3
    assert "VendorID" in batch.absent
    assert "Airport_fee" not in batch.absent


@pytest.mark.parametrize("write", [as_parquet, as_csv])
def test_a_missing_required_column_is_named_with_its_file(tmp_path: Path, write: Callable[..., Path]) -> None:
    for frame in (some_trips(trip_distance=None), pl.DataFrame({"a;b": ["1;2"]})):
        file = write(tmp_path, frame)
        with pytest.raises(SourceError, match=rf"{file.name}: trip_distance should hold: is there"):
            conformed(file)


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def cut_last_line(file: Path) -> None:
    file.write_text(file.read_text().rstrip().rpartition(",")[0])


def break_inside(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[100:400] = bytes(300)
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("write", "damage"),
    [
        (as_parquet, truncate),
        (as_parquet, break_inside),
        (as_parquet, lambda file: file.write_text("<html>not found</html>")),
        (as_csv, cut_last_line),
        (as_csv, lambda file: file.write_bytes(file.read_bytes() + b"\xff\xfe,\xff")),
    ],
)
def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, write: Any, damage: Any) -> None:
    file = write(tmp_path, some_trips(2000, trip_distance=[float(n) for n in range(2000)]))
    damage(file)
    with pytest.raises(SourceError, match=rf"{file.name} cannot be read"):
        conformed(file)


@pytest.mark.parametrize("write", [as_parquet, as_csv])
def test_a_file_without_rows_is_an_error_that_names_it(tmp_path: Path, write: Callable[..., Path]) -> None:
    file = write(tmp_path, some_trips().clear())
    with pytest.raises(SourceError, match=rf"{file.name} has no rows"):
        conformed(file)


@pytest.mark.parametrize("name", ["empty.csv", "empty.parquet"])
def test_a_file_of_no_bytes_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(SourceError, match=rf"{name} cannot be read, it is empty"):
        conformed(tmp_path / name)


def test_a_column_that_stands_twice_is_named(tmp_path: Path) -> None:
    file = as_csv(tmp_path, some_trips())
    file.write_text("trip_distance," + file.read_text())
    with pytest.raises(SourceError, match="trip_distance should hold: is there once"):
        conformed(file)


@pytest.mark.parametrize(
    ("name", "found", "expected"),
    [
        (contract.PASSENGERS, [1.0, float("nan"), 2.0], [1, None, 2]),
        (contract.PASSENGERS, ["1.0", " 2 ", ""], [1, 2, None]),
        (contract.DISTANCE, [1, 2, 3], [1.0, 2.0, 3.0]),
        (contract.DISTANCE, ["1", "2.5", "3e0"], [1.0, 2.5, 3.0]),
        (contract.DISTANCE, [Decimal("1.5"), Decimal("2"), Decimal("3")], [1.5, 2.0, 3.0]),
        (contract.PICKUP_TIME, ["2026-01-05 08:00:00", "2026-01-05T08:00:00", "01/05/2026 08:00:00 AM"], [MORNING] * 3),
        ("store_and_fwd_flag", ["Y", " N", ""], ["Y", "N", None]),
    ],
)
def test_other_types_are_cast_where_nothing_is_lost(
    tmp_path: Path, name: str, found: list[Any], expected: list[Any]
) -> None:
    frame = conformed(as_parquet(tmp_path, some_trips(**{name: found})))
    assert frame[name].to_list() == expected
    assert frame[NOT_CASTABLE].to_list() == [None] * 3


def test_instants_become_new_york_wall_clock(tmp_path: Path) -> None:
    utc = some_trips().with_columns(
        pl.col(contract.PICKUP_TIME).dt.replace_time_zone("UTC").cast(pl.Datetime("ns", "UTC"))
    )
    assert conformed(as_parquet(tmp_path, utc))[contract.PICKUP_TIME].to_list() == [datetime(2026, 1, 5, 3)] * 3


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (contract.PASSENGERS, ["1", "2.5", "3"]),
        (contract.PASSENGERS, [1.0, 1e30, 3.0]),
        (contract.PASSENGERS, [1, 2**64 - 1, 3]),
        (contract.DISTANCE, ["1", "far", "3"]),
        (contract.DISTANCE, [1.0, float("inf"), 3.0]),
        (contract.DROPOFF_TIME, ["2026-01-05 08:00:00", "yesterday", "2026-01-05 08:00:00"]),
    ],
)
def test_a_value_that_cannot_be_cast_is_noted_at_its_row(tmp_path: Path, name: str, found: list[Any]) -> None:
    frame = conformed(as_parquet(tmp_path, some_trips(**{name: found})))
    assert frame[NOT_CASTABLE].to_list() == [None, name, None]
    assert frame[name].null_count() == 1


@pytest.mark.parametrize("found", [["far"] * 3, [MORNING] * 3, [True] * 3])
def test_a_whole_column_that_cannot_be_cast_is_an_error(tmp_path: Path, found: list[Any]) -> None:
    with pytest.raises(SourceError, match=r"trips\.parquet: trip_distance should hold: can be read as float64"):
        conformed(as_parquet(tmp_path, some_trips(trip_distance=found)))


def test_one_unusable_file_among_good_ones_is_found(tmp_path: Path) -> None:
    good, bad = as_parquet(tmp_path, some_trips()), as_parquet(tmp_path, some_trips(trip_distance="far"), "bad.parquet")
    with pytest.raises(SourceError, match=r"bad\.parquet: .* can be read as"):
        conformed(bad, good)


def test_large_files_come_in_batches_with_row_numbers(tmp_path: Path) -> None:
    for file in (as_parquet(tmp_path, some_trips(450_000)), as_csv(tmp_path, some_trips(450_000))):
        batches = list(read([file]))
        assert len(batches) > 1
        assert max(len(batch.frame) for batch in batches) < 400_000
        assert batches[1].first_row == len(batches[0].frame)


@given(st.lists(st.one_of(st.none(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=5)), min_size=1))
def test_a_cast_number_equals_what_was_found_or_the_row_is_noted(values: list[Any]) -> None:
    texts = [None if value is None else str(value) for value in values]
    frame = some_trips(len(texts), passenger_count=["0", *texts[1:]], trip_distance=["0", *texts[1:]])
    (batch,) = conform(iter([RawBatch("x", 0, tuple(frame.columns), frame)]))
    rows = batch.frame.select(contract.PASSENGERS, contract.DISTANCE, NOT_CASTABLE).rows()
    for text, (count, distance, noted) in zip(texts[1:], rows[1:], strict=True):
        if count is not None:
            assert text is not None
            assert float(text) == count
        if noted is None:
            assert (count is None) == (
                text is None or text.strip() == "" or text.lower().strip() in ("nan", "+nan", "-nan")
            )
            assert (count is None) == (distance is None)
