"""Trips of the service's log become a data version; the names of such sources."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from components import contract, tables
from components.ingest.step import IngestResult, ingest
from components.platform import Platform
from components.served.labelled import LABEL
from components.served.resolve import resolve
from components.served.source import ServedTrips, is_served
from components.served.tables import AT, OUTCOME_LOG, PREDICTION_LOG
from components.trips.source import fingerprint
from components.trips.source_error import SourceError
from components.validate.check import check

# When the service was asked, and when the trips began: a replay asks long after.
ASKED = datetime(2026, 3, 20, 12, tzinfo=UTC)
FIRST = datetime(2026, 3, 2)
NOW = datetime(2026, 4, 1, tzinfo=UTC)


def write(platform: Platform, name: str, frame: pl.DataFrame, content: str) -> int:
    return tables.write_version(platform, name, frame.to_arrow(), content)


@pytest.fixture(name="a_log")
def _a_log(write_log: Callable[[Platform, pl.DataFrame], None]) -> Callable[..., None]:
    """Writes answers to requests of a trip each, which begin some minutes apart; the first so many have outcomes."""

    def write(platform: Platform, trips: int, *, minutes: int = 10, labelled: int | None = None) -> None:
        place = range(trips)
        told = [600.5 if number < (trips if labelled is None else labelled) else None for number in place]
        columns = {
            AT: [ASKED + timedelta(seconds=number) for number in place],
            contract.PICKUP_TIME: [FIRST + timedelta(minutes=minutes * number) for number in place],
            contract.PICKUP_ZONE: [number % 200 + 1 for number in place],
            contract.DROPOFF_ZONE: [7] * trips,
            contract.DISTANCE: [2.5] * trips,
            contract.PASSENGERS: [None if number % 5 == 0 else 1.0 for number in place],
            LABEL: pl.Series(told, dtype=pl.Float64),
        }
        write_log(platform, pl.DataFrame(columns))

    return write


def ingested(platform: Platform, source: str, folder: Path) -> IngestResult:
    files = {"report": folder / "report.json", "page": folder / "page.html"}
    return ingest(platform, source, 0, 0, **files, now=NOW, expected=fingerprint(source, 0, 0))


def test_served_trips_are_records_whose_drop_off_is_pick_up_and_outcome(
    a_log: Callable[..., None], platform: Platform, tmp_path: Path
) -> None:
    a_log(platform, 200, labelled=150)
    source = resolve(platform, "served:2026-03-20..2026-03-21", NOW)
    assert source == "served:2026-03-20T00:00:00..2026-03-21T00:00:00@0.0"
    result = ingested(platform, source, tmp_path)
    assert (result.decision, result.rows_written, result.rejected) == ("ingested", 150, {})
    trips = tables.scan(platform, tables.TRIPS, result.data_version).collect()
    first = trips.row(0, named=True)
    assert first[contract.DROPOFF_TIME] - first[contract.PICKUP_TIME] == timedelta(seconds=600.5)
    assert (first[contract.PICKUP_ZONE], first[contract.DROPOFF_ZONE], first[contract.DISTANCE]) == (1, 7, 2.5)
    assert trips[contract.PASSENGERS].null_count() == 30
    assert trips["fare_amount"].null_count() == 150
    found = check(lambda: tables.files(platform, tables.TRIPS, result.data_version), NOW.replace(tzinfo=None))
    assert found.violations == []


def test_a_trip_that_was_asked_for_twice_is_one_trip(
    a_log: Callable[..., None], platform: Platform, tmp_path: Path
) -> None:
    a_log(platform, 200, minutes=0)
    source = resolve(platform, "served:2026-03-20..2026-03-21", NOW)
    a_log_again = ingested(platform, source, tmp_path)
    # 200 zones, and in each fifth the passengers are missing: all others are told apart by their zone.
    assert a_log_again.rows_written == 200
    a_trip = tables.scan(platform, PREDICTION_LOG, 0).collect()
    twice = pl.concat([a_trip, a_trip.with_columns(pl.col("request_id") + "-again")])
    write(platform, PREDICTION_LOG, twice, "twice")
    told = tables.scan(platform, OUTCOME_LOG, 0).collect()
    write(platform, OUTCOME_LOG, pl.concat([told, told.with_columns(pl.col("request_id") + "-again")]), "twice")
    assert ingested(platform, source.replace("@0.0", "@1.1"), tmp_path).rows_written == 200


def test_a_source_is_fixed_by_the_versions_that_it_names(
    a_log: Callable[..., None], platform: Platform, tmp_path: Path
) -> None:
    a_log(platform, 144, labelled=100)
    source = resolve(platform, "served:2026-03-20..2026-03-21", NOW)
    told = tables.scan(platform, OUTCOME_LOG).collect()
    late = told.head(1).with_columns(pl.lit("r120").alias("request_id"), pl.lit(120, pl.Int64).alias("offset"))
    write(platform, OUTCOME_LOG, pl.concat([told, late]), "a late one")
    assert ingested(platform, source, tmp_path).rows_written == 100
    later = resolve(platform, "served:2026-03-20..2026-03-21", NOW)
    assert fingerprint(later, 0, 0) != fingerprint(source, 0, 0)
    assert ingested(platform, later, tmp_path).rows_written == 101


def test_what_is_left_out_is_the_last_two_weeks_and_the_champions_version(
    a_log: Callable[..., None], tracked_platform: Platform
) -> None:
    a_log(tracked_platform, 10)
    period = "served:2026-03-18T00:00:00..2026-04-01T00:00:00"
    assert resolve(tracked_platform, "served", NOW) == f"{period}@0.0"
    with pytest.raises(SourceError, match="there is no champion"):
        resolve(tracked_platform, "served+champion", NOW)


@pytest.mark.parametrize(
    "source", ["served:", "served:a..b@1.1", "served:2026-01-05@1.1", "served:2026-01-05..2026-01-06"]
)
def test_a_name_that_does_not_fix_its_trips_is_refused_with_an_example(source: str) -> None:
    with pytest.raises(SourceError, match=r"such as served:2026-01-05T00:00:00\.\."):
        fingerprint(source, 0, 0)


@pytest.mark.parametrize("source", ["served:2026-13-05..2026-01-06", "served:yesterday..today"])
def test_a_time_that_is_none_is_named(platform: Platform, source: str) -> None:
    with pytest.raises(SourceError, match="is no time"):
        resolve(platform, source, NOW)


def test_nothing_collected_and_nothing_known_are_told(
    a_log: Callable[..., None], platform: Platform, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match="make collect"):
        resolve(platform, "served:2026-03-20..2026-03-21", NOW)
    a_log(platform, 10, labelled=0)
    with pytest.raises(SourceError, match="the outcome known"):
        ingested(platform, resolve(platform, "served:2026-03-20..2026-03-21", NOW), tmp_path)


def test_other_sources_stay_as_they_are(platform: Platform) -> None:
    for source in ("synthetic", "labelled:0:2", "served-trips.parquet", "served:2026-01-05..2026-01-06@1.2"):
        assert resolve(platform, source, NOW) == source
    assert ServedTrips.parse("served:2026-01-05..2026-01-06+3@1.2").name.endswith("T00:00:00+3@1.2")
    assert not is_served("served/trips.csv")
