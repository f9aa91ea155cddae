"""Trips come into the table whole or not at all, and each row left out has a reason."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import contract, tables
from components.ingest import checks
from components.ingest.step import SCHEMA, SCHEMA_SKEW, IngestResult, SourceChangedError, ingest
from components.platform import Platform
from components.trips.source import fingerprint

NOW = datetime(2026, 3, 2)
MORNING = datetime(2026, 1, 5, 8)


def some_trips(rows: int = 20, /, **columns: list[Any]) -> pl.DataFrame:
    """Trips without fault, but for the columns given."""
    values: dict[str, list[Any]] = {
        contract.PICKUP_TIME: [MORNING + timedelta(minutes=n) for n in range(rows)],
        contract.DROPOFF_TIME: [MORNING + timedelta(minutes=n + 20) for n in range(rows)],
        contract.PASSENGERS: [1] * rows,
        contract.DISTANCE: [2.5] * rows,
        contract.PICKUP_ZONE: [132] * rows,
        contract.DROPOFF_ZONE: [7] * rows,
    }
    return pl.DataFrame(values | columns, strict=False)


def with_first(name: str, value: Any) -> pl.DataFrame:
    """Trips of which the first has another value in one column."""
    good = some_trips()
    return some_trips(**{name: [value, *good[name].to_list()[1:]]})


def ingested(platform: Platform, trips: pl.DataFrame, folder: Path, now: datetime = NOW) -> tuple[IngestResult, Any]:
    """The result and the report for one file of trips."""
    trips.write_parquet(folder / "trips.parquet")
    result = ingest_to(platform, str(folder / "trips.parquet"), folder, now=now)
    return result, json.loads((folder / "report.json").read_text())


def ingest_to(
    platform: Platform, source: str, folder: Path, rows: int = 0, seed: int = 0, now: datetime = NOW, expected: str = ""
) -> IngestResult:
    """The result; report.json and page.html are in the folder."""
    files = {"report": folder / "report.json", "page": folder / "page.html"}
    return ingest(platform, source, rows, seed, **files, now=now, expected=expected)


def objects(platform: Platform) -> list[str]:
    """The keys of all objects in the data bucket."""
    assert platform.secret_access_key
    client = boto3.client(
        "s3",
        endpoint_url=platform.s3_endpoint,
        region_name=platform.region,
        aws_access_key_id=platform.access_key_id,
        aws_secret_access_key=platform.secret_access_key.get_secret_value(),
    )
    return [item["Key"] for item in client.list_objects_v2(Bucket=platform.data_bucket).get("Contents", [])]


def test_generated_trips_become_a_version_that_reads_back(platform: Platform, tmp_path: Path) -> None:
    result = ingest_to(platform, "synthetic", tmp_path, rows=5000, seed=1)
    trips = tables.scan(platform, tables.TRIPS, result.data_version).collect()
    assert result.rows_read == 5000
    assert len(trips) == result.rows_written == 5000 - sum(result.rejected.values())
    assert set(result.rejected) == {checks.TOO_SHORT, checks.TOO_LONG}
    assert trips.columns == SCHEMA.names
    assert (
        checks.judge(trips.with_columns(pl.lit(None, pl.String).alias("__not_castable")), NOW)[checks.REASON]
        .is_null()
        .all()
    )


def test_the_same_trips_again_are_the_same_version_and_others_a_new_one(platform: Platform, tmp_path: Path) -> None:
    first, again, other = (ingest_to(platform, "synthetic", tmp_path, rows=1000, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert (other.data_version, other.fingerprint != first.fingerprint) == (1, True)
    assert len(tables.scan(platform, tables.TRIPS, first.data_version).collect()) == first.rows_written


@pytest.mark.parametrize(
    ("trips", "reason"),
    [
        (with_first(contract.DROPOFF_TIME, MORNING - timedelta(minutes=5)), checks.TOO_SHORT),
        (with_first(contract.DROPOFF_TIME, MORNING), checks.TOO_SHORT),
        (with_first(contract.DROPOFF_TIME, MORNING + timedelta(hours=23)), checks.TOO_LONG),
        (with_first(contract.PICKUP_TIME, NOW + timedelta(seconds=1)), checks.FUTURE),
        (with_first(contract.DISTANCE, None), "trip_distance_missing"),
        (with_first(contract.DISTANCE, -0.5), "trip_distance_out_of_range"),
        (with_first(contract.PICKUP_ZONE, 266), "PULocationID_out_of_range"),
        (with_first(contract.DROPOFF_ZONE, 0), "DOLocationID_out_of_range"),
        (with_first(contract.PASSENGERS, 208), "passenger_count_out_of_range"),
        (with_first(contract.PASSENGERS, 1.5), "passenger_count_not_castable"),
    ],
)
def test_a_recording_fault_is_left_out_counted_and_shown(
    platform: Platform, tmp_path: Path, trips: pl.DataFrame, reason: str
) -> None:
    result, report = ingested(platform, trips, tmp_path)
    assert (result.rows_written, result.rejected) == (19, {reason: 1})
    (example,) = report["rejected"][reason]["examples"]
    assert (example["row"], Path(example["origin"]).name) == (0, "trips.parquet")
    assert report["rejected"][reason]["rows"] == 1


def test_trips_within_the_contract_are_kept_also_at_its_edges(platform: Platform, tmp_path: Path) -> None:
    edge = some_trips(
        3,
        **{
            contract.PICKUP_TIME: [NOW, MORNING, MORNING],
            contract.DROPOFF_TIME: [
                NOW + timedelta(minutes=9),
                MORNING + timedelta(seconds=1),
                MORNING + timedelta(hours=4),
            ],
            contract.PASSENGERS: [None, 0, 9],
            contract.DISTANCE: [0.0, 200.0, 1.0],
            contract.PICKUP_ZONE: [1, 264, 265],
        },
    )
    result, _ = ingested(platform, edge, tmp_path)
    assert (result.rows_written, result.rejected) == (3, {})


def test_now_with_a_zone_is_compared_as_new_york_wall_clock(platform: Platform, tmp_path: Path) -> None:
    # 13:10 in Greenwich is 8:10 in New York, ten minutes after the first of twenty trips.
    result, _ = ingested(platform, some_trips(), tmp_path, datetime(2026, 1, 5, 13, 10, tzinfo=UTC))
    assert result.rejected == {checks.FUTURE: 9}


def test_no_more_than_ten_examples_are_shown_for_a_reason(platform: Platform, tmp_path: Path) -> None:
    trips = some_trips(30, trip_distance=[-1.0] * 25 + [1.0] * 5)
    _, report = ingested(platform, trips, tmp_path)
    told = report["rejected"]["trip_distance_out_of_range"]
    assert (told["rows"], [example["row"] for example in told["examples"]]) == (25, list(range(10)))


def test_ignored_and_absent_columns_are_reported(platform: Platform, tmp_path: Path) -> None:
    _, report = ingested(platform, some_trips().with_columns(cbd_congestion_fee=pl.lit(0.75)), tmp_path)
    assert report["ignored_columns"] == {"cbd_congestion_fee": 1}
    assert report["absent_columns"]["VendorID"] == 1
    assert contract.DISTANCE not in report["absent_columns"]


def skew(result: IngestResult, folder: Path) -> list[tuple[str, str, int]]:
    """Column, rule and rows of each violation in the report of a source that was refused."""
    assert (result.decision, result.data_version, result.rows_written) == (SCHEMA_SKEW, -1, 0)
    report = json.loads((folder / "report.json").read_text())
    assert report["decision"] == SCHEMA_SKEW
    page = (folder / "page.html").read_text()
    assert all(one["column"] in page for one in report["violations"])
    return [(one["column"], one["rule"], one["rows"]) for one in report["violations"]]


def test_a_source_that_fails_half_way_leaves_no_object(platform: Platform, tmp_path: Path) -> None:
    some_trips(300_000).write_parquet(tmp_path / "a.parquet")
    some_trips(trip_distance=["far"] * 20).write_parquet(tmp_path / "b.parquet")
    result = ingest_to(platform, str(tmp_path), tmp_path)
    assert skew(result, tmp_path) == [(contract.DISTANCE, "can be read as float64, not String", 20)]
    assert objects(platform) == []


@pytest.mark.parametrize("changed", [some_trips(30), some_trips().drop(contract.DISTANCE)])
def test_a_source_that_changed_since_it_was_asked_for_is_refused_and_leaves_no_object(
    platform: Platform, tmp_path: Path, changed: pl.DataFrame
) -> None:
    file = tmp_path / "trips.parquet"
    some_trips().write_parquet(file)
    expected = fingerprint(str(file), 0, 0)
    changed.write_parquet(file)
    with pytest.raises(SourceChangedError, match=f"fingerprint is {fingerprint(str(file), 0, 0)}, expected {expected}"):
        ingest_to(platform, str(file), tmp_path, expected=expected)
    assert objects(platform) == []
    some_trips().write_parquet(file)
    assert ingest_to(platform, str(file), tmp_path, expected=expected).rows_written == 20


def test_a_source_without_a_usable_row_is_skew_and_its_report_has_the_rows(platform: Platform, tmp_path: Path) -> None:
    result, report = ingested(platform, some_trips(trip_distance=[-1.0] * 20), tmp_path)
    assert skew(result, tmp_path) == [("(trip)", "some trip is not trip_distance_out_of_range", 20)]
    assert report["rejected"]["trip_distance_out_of_range"]["rows"] == 20
    assert objects(platform) == []


def test_a_lost_required_column_is_skew(platform: Platform, tmp_path: Path) -> None:
    result = ingest_to(platform, "synthetic:missing_column", tmp_path, rows=2000, seed=1)
    assert skew(result, tmp_path) == [(contract.PASSENGERS, "is there", 0)]
    assert objects(platform) == []


def test_a_column_that_nobody_declared_is_skew_and_those_of_all_files_are_told(
    platform: Platform, tmp_path: Path
) -> None:
    some_trips().with_columns(surprise=pl.lit(1)).write_parquet(tmp_path / "a.parquet")
    some_trips().drop(contract.DISTANCE).write_parquet(tmp_path / "b.parquet")
    found = skew(ingest_to(platform, str(tmp_path), tmp_path), tmp_path)
    assert [column for column, _, _ in found] == ["surprise", contract.DISTANCE]
    assert objects(platform) == []


def test_a_few_trips_dated_years_away_are_left_out(platform: Platform, tmp_path: Path) -> None:
    stray = some_trips(2).with_columns(pl.col(contract.PICKUP_TIME, contract.DROPOFF_TIME) - timedelta(days=6000))
    result, report = ingested(platform, pl.concat([some_trips(3000), stray]), tmp_path)
    assert (result.rows_written, result.rejected) == (3000, {checks.STRAY: 2})
    assert len(report["rejected"][checks.STRAY]["examples"]) == 2
    assert len(tables.scan(platform, tables.TRIPS, result.data_version).collect()) == 3000


@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 5000)), min_size=1, max_size=30))
def test_stray_days_are_apart_and_few(days: list[tuple[int, int]]) -> None:
    per_day = Counter({date(2015, 1, 1) + timedelta(days=day): trips for day, trips in days})
    stray = checks.stray_days(per_day)
    kept = set(per_day) - stray
    assert kept
    assert sum(per_day[day] for day in stray) < 0.001 * 30 * per_day.total()
    assert all(abs(day - other) > timedelta(days=7) for day in stray for other in kept)
