"""A data version as people say that its trips were is a source like any other."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from components import contract, tables
from components.ingest.step import IngestResult, ingest
from components.labels.key import TRIP_KEY, trip_keys
from components.labels.source import LabelledVersion
from components.labels.table import CORRECTED, LABELLED_BY, add_labels
from components.platform import Platform
from components.tables import TableError
from components.trips.source import fingerprint
from components.trips.source_error import SourceError

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def ingested(platform: Platform, source: str, folder: Path) -> IngestResult:
    files = {"report": folder / "report.json", "page": folder / "page.html"}
    return ingest(platform, source, 0, 0, **files, now=NOW, expected=fingerprint(source, 0, 0))


def test_it_becomes_a_data_version_in_which_labelled_trips_end_when_people_say(
    platform: Platform, trips: pl.DataFrame, tmp_path: Path
) -> None:
    assert tables.write_version(platform, tables.TRIPS, trips.to_arrow(), "trips") == 0
    label = pl.DataFrame({TRIP_KEY: [trip_keys(trips)[7]], CORRECTED: [601.5], LABELLED_BY: ["ab"]})
    assert add_labels(platform, label, NOW) == 0
    result = ingested(platform, "labelled:0:0", tmp_path)
    assert (result.decision, result.data_version, result.rows_written) == ("ingested", 1, len(trips))
    before, after = (tables.scan(platform, tables.TRIPS, version).collect() for version in (0, 1))
    seconds = (after[contract.DROPOFF_TIME] - after[contract.PICKUP_TIME]).dt.total_microseconds() / 1_000_000
    assert seconds[7] == 601.5
    others = pl.int_range(pl.len()) != 7
    assert after.filter(others).equals(before.filter(others))
    assert ingested(platform, "labelled:0:0", tmp_path) == result


def test_a_version_that_there_is_not_is_named(platform: Platform, trips: pl.DataFrame, tmp_path: Path) -> None:
    tables.write_version(platform, tables.TRIPS, trips.to_arrow(), "trips")
    with pytest.raises(TableError, match="table 'labels' does not exist"):
        ingested(platform, "labelled:0:0", tmp_path)
    assert tables.latest_version(platform, tables.TRIPS) == 0


@pytest.mark.parametrize("source", ["labelled", "labelled:", "labelled:0", "labelled:0:", "labelled:-1:0"])
def test_a_name_without_two_versions_is_refused_with_an_example(source: str) -> None:
    with pytest.raises(SourceError, match="such as labelled:0:0"):
        fingerprint(source, 0, 0)


def test_other_versions_are_another_content_and_no_other_argument_is() -> None:
    prints = {fingerprint(source, 9, 9) for source in ("labelled:0:1", "labelled:1:0", "labelled:1:1")}
    assert len(prints) == 3
    assert LabelledVersion(0, 1).fingerprint() == fingerprint("labelled:0:1", 1, 2)
