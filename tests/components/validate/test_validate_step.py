"""A version that keeps the contract passes; any other is told with its rows, in JSON and on a page."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from components import tables
from components.platform import Platform
from components.validate import step
from components.validate.bench import clean_trips


@pytest.fixture
def clean() -> pl.DataFrame:
    return clean_trips(2000, seed=1)


def validated(platform: Platform, folder: Path, trips: pl.DataFrame) -> tuple[step.Validation, dict[str, Any], str]:
    """The decision, the JSON and the page for trips as the only version of the table."""
    version = tables.write_version(platform, tables.TRIPS, trips.to_arrow(), "trips")
    files = {"report_file": folder / "report", "page_file": folder / "page"}
    done = step.validate(platform, data_version=version, **files)
    return done, json.loads(files["report_file"].read_text()), files["page_file"].read_text()


def test_trips_that_keep_the_contract_pass(platform: Platform, tmp_path: Path, clean: pl.DataFrame) -> None:
    done, report, page = validated(platform, tmp_path, clean)
    assert done == step.Validation(step.PASSED, clean.height)
    assert (report["decision"], report["violations"], report["rows"]) == ("passed", [], clean.height)
    assert "every rule is kept" in page


def test_an_unexpected_value_is_schema_skew_and_the_report_shows_its_rows(
    platform: Platform, tmp_path: Path, clean: pl.DataFrame
) -> None:
    codes = pl.Series("payment_type", [*clean["payment_type"][:-3], 9, 9, 8])
    done, report, page = validated(platform, tmp_path, clean.with_columns(codes))
    assert done.decision == step.SCHEMA_SKEW
    (violation,) = report["violations"]
    assert (violation["column"], violation["rows"]) == ("payment_type", 3)
    told = [(row["row"], row["payment_type"]) for row in violation["examples"]]
    assert told == [(clean.height - 3, 9), (clean.height - 2, 9), (clean.height - 1, 8)]
    assert "Rows that break a rule of payment_type" in page


def test_a_value_that_looks_like_a_script_is_shown_as_text(
    platform: Platform, tmp_path: Path, clean: pl.DataFrame
) -> None:
    done, report, page = validated(
        platform, tmp_path, clean.with_columns(store_and_fwd_flag=pl.lit("<script>alert(1)</script>" * 100))
    )
    assert done.decision == step.SCHEMA_SKEW
    assert "<script>" not in page
    (violation,) = report["violations"]
    assert len(violation["examples"][0]["store_and_fwd_flag"]) < 250


def test_a_report_is_json_for_every_reader_even_where_numbers_are_not_finite(
    platform: Platform, tmp_path: Path, clean: pl.DataFrame
) -> None:
    validated(platform, tmp_path, clean.with_columns(tip_amount=float("nan"), tolls_amount=float("inf")))
    report = json.loads((tmp_path / "report").read_text(), parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert report["violations"][0]["examples"][0]["tip_amount"] == "nan"


def test_trips_from_after_the_version_was_written_are_schema_skew(
    platform: Platform, tmp_path: Path, clean: pl.DataFrame
) -> None:
    tomorrow = datetime.now(ZoneInfo("America/New_York")).replace(tzinfo=None, microsecond=0) + timedelta(days=1)
    late = clean.with_columns(
        tpep_pickup_datetime=pl.lit(tomorrow, pl.Datetime("us")),
        tpep_dropoff_datetime=pl.lit(tomorrow + timedelta(minutes=9), pl.Datetime("us")),
    )
    _, report, _ = validated(platform, tmp_path, late)
    assert "is not after" in " ".join(violation["rule"] for violation in report["violations"])


def test_the_clock_is_the_moment_at_which_the_version_was_written(platform: Platform, clean: pl.DataFrame) -> None:
    before = datetime.now(UTC).astimezone(ZoneInfo("America/New_York")).replace(tzinfo=None)
    version = tables.write_version(platform, tables.TRIPS, clean.to_arrow(), "trips")
    # Object stores round to whole seconds or milliseconds.
    assert abs(step.written_at(platform, version) - before) < timedelta(seconds=30)


def test_a_later_version_does_not_change_what_is_said_of_an_earlier_one(
    platform: Platform, tmp_path: Path, clean: pl.DataFrame
) -> None:
    _, first, _ = validated(platform, tmp_path, clean)
    tables.write_version(platform, tables.TRIPS, clean.with_columns(payment_type=pl.lit(9)).to_arrow(), "other")
    step.validate(platform, data_version=0, report_file=tmp_path / "again", page_file=tmp_path / "page")
    assert json.loads((tmp_path / "again").read_text()) == first


def test_a_version_that_is_not_there_is_named(platform: Platform, tmp_path: Path, clean: pl.DataFrame) -> None:
    tables.write_version(platform, tables.TRIPS, clean.to_arrow(), "trips")
    with pytest.raises(tables.TableError, match="no version 7"):
        step.validate(platform, data_version=7, report_file=tmp_path / "report", page_file=tmp_path / "page")
