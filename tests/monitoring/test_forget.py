"""Forgetting on the real S3 server: no byte of it is left, and everybody else's rows are as they were."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import polars as pl
import pyarrow.parquet as pq
import pytest

from components import contract, tables
from components.journal import PREDICTIONS, Journal, segments
from components.labels.key import trip_keys
from components.platform import Platform
from components.served.tables import OUTCOME_LOG, PREDICTION_LOG, REQUEST
from components.trips.conform import conform
from components.trips.files import RawBatch
from monitoring import collect, log_tables
from monitoring.forget import Forgotten, forget
from monitoring.lines import KINDS, REJECTED_LOG, parse
from monitoring.retention import expire_journals
from monitoring.settings import MonitoringSettings

Writes = Callable[..., None]
SECRET, OTHER = "request-of-somebody", "request-of-another"


def stored(platform: Platform) -> bytes:
    """Everything in the data bucket, Parquet files as the text of their rows besides."""
    assert platform.secret_access_key is not None
    store: Any = boto3.client(
        "s3",
        endpoint_url=platform.s3_endpoint,
        region_name=platform.region,
        aws_access_key_id=platform.access_key_id,
        aws_secret_access_key=platform.secret_access_key.get_secret_value(),
    )
    found = b""
    for item in store.list_objects_v2(Bucket=platform.data_bucket).get("Contents", []):
        content = store.get_object(Bucket=platform.data_bucket, Key=item["Key"])["Body"].read()
        found += content
        if item["Key"].endswith(".parquet"):
            found += repr(pq.read_table(io.BytesIO(content)).to_pylist()).encode()
    return found


def on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def requests(platform: Platform, name: str = PREDICTION_LOG) -> list[str]:
    return sorted(tables.scan(platform, name).collect()[REQUEST])


def test_no_byte_of_a_forgotten_request_is_left(
    platform: Platform, journals: Path, predicted: Writes, told: Writes
) -> None:
    predicted(SECRET, OTHER, trips=2)
    told((SECRET, 900.0), (OTHER, 800.0))
    (segment,) = segments(journals, PREDICTIONS)
    cut = segment.read_bytes().split(b"\n")[0][:200]
    segment.write_bytes(segment.read_bytes() + cut + b"\n")
    collect.collect(platform, journals)
    assert SECRET.encode() in stored(platform)
    assert SECRET.encode() in on_disk(journals)
    done = forget(platform, journals, SECRET)
    assert (done.predictions, done.outcomes, done.rejected, done.journal_lines) == (2, 1, 1, 4)
    assert done.files >= 3
    assert SECRET.encode() not in stored(platform)
    assert SECRET.encode() not in on_disk(journals)
    assert (requests(platform), requests(platform, OUTCOME_LOG)) == ([OTHER, OTHER], [OTHER])
    assert collect.collect(platform, journals) == collect.Collected()
    again = forget(platform, journals, SECRET)
    assert (again.predictions, again.outcomes, again.rejected, again.journal_lines) == (0, 0, 0, 0)


def test_a_request_whose_id_begins_alike_stays(platform: Platform, journals: Path, predicted: Writes) -> None:
    predicted("abc", "abc.1", "0abc")
    (segment,) = segments(journals, PREDICTIONS)
    segment.write_bytes(segment.read_bytes() + b'{"request_id":"abc.1"\n{"request_id":"abc"\n')
    forget(platform, journals, "abc")
    assert requests(platform) == ["0abc", "abc.1"]
    assert tables.scan(platform, REJECTED_LOG).collect()["line"].to_list() == [b'{"request_id":"abc.1"']


def test_files_of_a_collector_that_was_killed_hold_nothing_either(
    platform: Platform, journals: Path, predicted: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    predicted(OTHER)
    collect.collect(platform, journals)
    predicted(SECRET)
    before = log_tables.existing(platform, PREDICTION_LOG)
    assert before is not None
    batch = collect.read_batch(journals, PREDICTIONS, lambda segment: log_tables.offset(before, segment))
    rows, _ = parse(KINDS[0], batch.lines)
    collect.collect(platform, journals)
    # Its rows are written, its commit is not.
    with pytest.raises(log_tables.Overtaken):
        log_tables.append(before, rows, batch.progress)
    forget(platform, journals, SECRET)
    assert SECRET.encode() not in stored(platform)


def test_a_collector_that_had_read_the_line_before_cannot_bring_it_back(
    platform: Platform, journals: Path, predicted: Writes
) -> None:
    predicted(SECRET, OTHER)
    collect.collect(platform, journals)
    table = log_tables.existing(platform, PREDICTION_LOG)
    assert table is not None
    predicted(SECRET)
    batch = collect.read_batch(journals, PREDICTIONS, lambda segment: log_tables.offset(table, segment))
    rows, _ = parse(KINDS[0], batch.lines)
    table_of_forgetting = log_tables.existing(platform, PREDICTION_LOG)
    assert table_of_forgetting is not None
    log_tables.delete(table_of_forgetting, '"offset" IN (0)')
    with pytest.raises(log_tables.Overtaken):
        log_tables.append(table, rows, batch.progress)


def test_a_line_of_a_service_that_runs_is_forgotten_and_it_goes_on(
    platform: Platform, journals: Path, predicted: Writes
) -> None:
    predicted(SECRET)
    (first,) = segments(journals, PREDICTIONS)
    line = first.read_bytes()
    with Journal(journals, PREDICTIONS) as journal:
        journal.append(line)
        forget(platform, journals, SECRET)
        journal.append(line.replace(SECRET.encode(), OTHER.encode()))
    collect.collect(platform, journals)
    assert requests(platform) == [OTHER]
    assert SECRET.encode() not in on_disk(journals)


def test_where_journals_are_taken_in_elsewhere_the_tables_are_forgotten_and_journals_are_blank_already(
    platform: Platform, journals: Path, predicted: Writes
) -> None:
    predicted(SECRET, OTHER)
    collect.collect(platform, journals)
    at_once = MonitoringSettings(journals=journals, journal_retention_days=0)
    expire_journals(platform, at_once, datetime.now(UTC) + timedelta(seconds=60))
    assert SECRET.encode() not in on_disk(journals)
    done = forget(platform, None, SECRET)
    assert (done.predictions, done.journal_lines) == (1, 0)
    assert SECRET.encode() not in stored(platform)
    assert requests(platform) == [OTHER]


def test_one_trip_of_a_request_is_forgotten_by_its_key(
    platform: Platform, journals: Path, predicted: Writes, told: Writes
) -> None:
    predicted("r1", trips=2)
    predicted("r2")
    told(("r1", 900.5), ("r2", 60.0))
    collect.collect(platform, journals)
    trip = pl.DataFrame(
        {
            contract.PICKUP_TIME: ["2026-01-15 08:30:00"],
            contract.DROPOFF_TIME: ["2026-01-15 08:45:00.5"],
            contract.PICKUP_ZONE: [132],
            contract.DROPOFF_ZONE: [230],
            # As the fixture has the model's input: row 0 counts from 0.
            contract.DISTANCE: [float(contract.MODEL_FEATURES.index(contract.DISTANCE))],
            contract.PASSENGERS: [contract.MODEL_FEATURES.index(contract.PASSENGERS)],
        }
    )
    (typed,) = conform(iter([RawBatch("a file", 0, tuple(trip.columns), trip)]))
    tables.write_version(platform, tables.TRIPS, typed.frame.drop("__not_castable").to_arrow(), "trips")
    done = forget(platform, journals, trip_keys(typed.frame)[0])
    assert isinstance(done, Forgotten)
    assert (done.predictions, done.outcomes, done.journal_lines, done.data_versions) == (1, 1, 2, [0])
    left = tables.scan(platform, PREDICTION_LOG).collect().select(REQUEST, "index").sort(REQUEST).rows()
    assert left == [("r1", 1), ("r2", 0)]
    assert requests(platform, OUTCOME_LOG) == ["r2"]
