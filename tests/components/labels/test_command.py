"""Samples go out, corrections come back: whole or not at all."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from pydantic import SecretStr

from components import contract, tables
from components.labels.key import TRIP_KEY, trip_keys
from components.labels.sample import COLUMNS, MOST_WRONG, RANDOM, sample
from components.labels.table import LABELS, read_labels
from components.platform import Platform

MONEY = {"payment_type", "fare_amount", "tip_amount", "total_amount"}


def run(platform: Platform, *arguments: str) -> "subprocess.CompletedProcess[str]":
    values = {str(field.validation_alias): getattr(platform, name) for name, field in Platform.model_fields.items()}
    given = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
        if value is not None
    }
    command = [sys.executable, "-m", "components.labels", *arguments]
    return subprocess.run(command, env=os.environ | given, capture_output=True, text=True, check=False)


@pytest.fixture
def sent(scored: Platform, tmp_path: Path) -> Path:
    """A sample of 20 trips."""
    sample(scored, 0, 1, 20, 3, tmp_path / "sample.csv")
    return tmp_path / "sample.csv"


def filled(sent: Path, **columns: object) -> Path:
    """The sample with two rows filled in, then whole columns replaced."""
    first = pl.int_range(pl.len()) < 2
    table = pl.read_csv(sent, infer_schema=False).with_columns(
        corrected_seconds=pl.when(first).then(pl.lit("900")), labelled_by=pl.when(first).then(pl.lit("m.k"))
    )
    file = sent.with_name("returned.csv")
    table.with_columns(**columns).write_csv(file)  # pyright: ignore[reportArgumentType]
    return file


def test_half_of_a_sample_is_where_the_model_is_most_wrong(scored: Platform, trips: pl.DataFrame, sent: Path) -> None:
    table = pl.read_csv(sent)
    assert table["chosen_as"].value_counts().sort("chosen_as").rows() == [(MOST_WRONG, 10), (RANDOM, 10)]
    worst = table.filter(pl.col(TRIP_KEY) == trip_keys(trips)[7])
    assert worst["chosen_as"].to_list() == [MOST_WRONG]
    assert worst["predicted_seconds"][0] == pytest.approx(10 * worst["recorded_seconds"][0])


def test_a_sample_is_the_same_for_the_same_seed_only(scored: Platform, sent: Path, tmp_path: Path) -> None:
    for name, seed in (("same", 3), ("other", 4)):
        sample(scored, 0, 1, 20, seed, tmp_path / f"{name}.csv")
    assert (tmp_path / "same.csv").read_bytes() == sent.read_bytes()
    assert (tmp_path / "other.csv").read_bytes() != sent.read_bytes()


def test_a_sample_says_nothing_of_money_and_leaves_two_columns_to_fill_in(sent: Path) -> None:
    table = pl.read_csv(sent)
    assert tuple(table.columns) == COLUMNS
    assert not MONEY & set(table.columns)
    assert table["corrected_seconds"].null_count() == table["labelled_by"].null_count() == 20


def test_a_sample_of_more_trips_than_there_are_has_them_all(
    scored: Platform, trips: pl.DataFrame, tmp_path: Path
) -> None:
    sample(scored, 0, 1, 5000, 0, tmp_path / "all.csv")
    assert sorted(pl.read_csv(tmp_path / "all.csv")[TRIP_KEY]) == sorted(trip_keys(trips))


def test_a_sample_of_trips_without_predictions_says_how_to_make_them(scored: Platform, tmp_path: Path) -> None:
    with pytest.raises(tables.TableError, match=r"pipelines\.run scoring --data-version 0 --model-version 2"):
        sample(scored, 0, 2, 20, 0, tmp_path / "sample.csv")
    assert not (tmp_path / "sample.csv").exists()


def test_what_people_filled_in_is_taken(scored: Platform, sent: Path) -> None:
    done = run(scored, "take", str(filled(sent)))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"version": 0, "labels": 2, "left_blank": 18}
    taken = read_labels(scored)
    assert taken[TRIP_KEY].to_list() == pl.read_csv(sent)[TRIP_KEY].to_list()[:2]
    assert taken.select("corrected_seconds", "labelled_by").rows() == [(900.0, "m.k")] * 2


def second(value: str | None) -> Callable[[str], pl.Expr]:
    """The value of a column in the second row of the table, which is row 3 of the file."""
    return lambda name: pl.when(pl.int_range(pl.len()) == 1).then(pl.lit(value)).otherwise(name)


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("corrected_seconds", "ten", "row 3: corrected_seconds 'ten' is no number"),
        ("corrected_seconds", "0", "row 3: corrected_seconds 0 is impossible; a trip takes 1 to 14400 seconds"),
        ("corrected_seconds", "-5", "row 3: corrected_seconds -5 is impossible"),
        ("corrected_seconds", "14400.5", "row 3: corrected_seconds 14400.5 is impossible"),
        ("corrected_seconds", "nan", "row 3: corrected_seconds nan is impossible"),
        ("corrected_seconds", "inf", "row 3: corrected_seconds inf is impossible"),
        ("corrected_seconds", None, "row 3: labelled_by is given without a corrected_seconds"),
        ("labelled_by", None, "row 3: labelled_by '' must be a login or initials"),
        ("labelled_by", "m.k@example.org", "row 3: labelled_by 'm.k@example.org' must be a login or initials"),
        ("data_version", "x", "row 3: data_version must be a whole number"),
        ("data_version", "9", "row 3: table 'trips' has no version 9"),
        ("trip_key", None, "row 3: trip_key is empty"),
        ("trip_key", "20260105080000-0123456789abcdef", "row 3: version 0 of the trips has no trip '20260105080000-"),
        ("trip_key", "banana", "row 3: version 0 of the trips has no trip 'banana'"),
    ],
)
def test_a_wrong_value_is_refused_by_row_and_reason(
    scored: Platform, sent: Path, column: str, value: str | None, problem: str
) -> None:
    done = run(scored, "take", str(filled(sent, **{column: second(value)(column)})))
    assert (done.returncode, done.stdout) == (1, "")
    assert problem in done.stderr
    assert "Traceback" not in done.stderr
    assert tables.latest_version(scored, LABELS) is None


def test_all_problems_are_named_at_once(scored: Platform, sent: Path) -> None:
    done = run(scored, "take", str(filled(sent, corrected_seconds=pl.lit("soon"), labelled_by=pl.lit("a b"))))
    assert [f"row {row}: corrected_seconds" in done.stderr for row in (2, 11)] == [True, True]
    assert "and 20 more problems" in done.stderr


def test_a_trip_that_is_in_the_file_twice_is_refused(scored: Platform, sent: Path) -> None:
    done = run(scored, "take", str(filled(sent, trip_key=pl.col("trip_key").first())))
    assert "row 2: trip" in done.stderr
    assert "row 3: trip" in done.stderr
    assert "is in the file twice" in done.stderr


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda table: table.drop("labelled_by"), "column 'labelled_by' is missing"),
        (lambda table: table.rename({"corrected_seconds": "seconds"}), "column 'seconds' is not known"),
        (lambda table: table.with_columns(corrected_seconds=None, labelled_by=None), "no row has a corrected_seconds"),
        (lambda table: table.head(0), "no row has a corrected_seconds"),
    ],
    ids=["missing", "renamed", "blank", "no-rows"],
)
def test_a_file_of_another_form_is_refused(
    scored: Platform, sent: Path, change: Callable[[pl.DataFrame], pl.DataFrame], problem: str
) -> None:
    file = filled(sent)
    change(pl.read_csv(file, infer_schema=False)).write_csv(file)
    done = run(scored, "take", str(file))
    assert done.returncode == 1
    assert problem in done.stderr


@pytest.mark.parametrize(
    "content", [None, b"", b"\xff\xfe\x00bad", b"a,b\n1,2,3\n"], ids="absent empty binary ragged".split()
)
def test_what_is_no_csv_file_is_refused_in_one_sentence(
    scored: Platform, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "file.csv"
    if content is not None:
        file.write_bytes(content)
    done = run(scored, "take", str(file))
    assert done.returncode == 1
    assert f"nothing of {file} was taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_duration_as_recorded_can_be_confirmed(scored: Platform, sent: Path) -> None:
    file = filled(sent, corrected_seconds=pl.when(pl.int_range(pl.len()) < 2).then("recorded_seconds"))
    assert run(scored, "take", str(file)).returncode == 0
    assert read_labels(scored)["corrected_seconds"].to_list() == pl.read_csv(sent)["recorded_seconds"].to_list()[:2]
    assert contract.TARGET not in read_labels(scored).columns
