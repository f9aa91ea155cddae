"""Read trips from a source, leave out recording faults, and write the rest as a version of the trips table."""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from components import contract, tables
from components.ingest.checks import REASON, STRAY, judge, stray_days
from components.ingest.report import Findings
from components.labels.source import LabelledVersion, is_labelled
from components.platform import Platform
from components.served.source import OpenedTrips, ServedTrips, is_served
from components.trips import source as trip_source
from components.trips.conform import conform
from components.trips.files import RawBatch
from components.trips.source_error import Breach, SchemaSkewError, SourceError

INGESTED, SCHEMA_SKEW = "ingested", "schema_skew"
SCHEMA = pa.schema([(column.name, pa.type_for_alias(column.kind)) for column in contract.COLUMNS])
_NAMES = SCHEMA.names
_WALL_CLOCK = ZoneInfo("America/New_York")


@dataclass(frozen=True, kw_only=True)
class IngestResult:
    """What became of a source's rows.

    Attributes:
        decision: INGESTED, or SCHEMA_SKEW where the source has other columns than the contract or no usable row.
        data_version: Version of the trips table that holds them; -1 at schema skew.
        rows_read: Rows in the source.
        rows_written: Rows in the version.
        rejected: Rows left out, by reason.
        fingerprint: SHA-256 of the rows written.
        learn_from: When the first trip began that is learned from (ISO 8601, New York wall clock), empty where all are.
    """

    decision: str
    data_version: int = -1
    rows_read: int
    rows_written: int = 0
    rejected: dict[str, int]
    fingerprint: str = ""
    learn_from: str = ""


class SourceChangedError(SourceError):
    """A source is not what it was when the run was asked for; nothing was written."""


def ingest(
    platform: Platform,
    source: str,
    rows: int,
    seed: int,
    *,
    report: Path,
    page: Path,
    now: datetime,
    expected: str = "",
) -> IngestResult:
    """Write the usable trips of a source as a new version of the trips table, or find the version that holds them.

    The table is not touched before the whole source is read, so a failure leaves nothing in it. Memory is bounded:
    batches pass through a temporary file.

    Args:
        platform: Where the table lies.
        source: As for ``components.trips.source.batches``, a labelled version as of ``components.labels.source``, or
            trips of the service's log as of ``components.served.source``.
        rows: Trips to generate; files are read whole.
        seed: Of generated trips.
        report: Written: JSON with counts, left-out columns, rejected rows by reason with up to 10 examples, and at
            schema skew the violations.
        page: Written: the same as HTML.
        now: Trips that begin later are rejected. Without a zone it is New York wall clock.
        expected: The source's fingerprint when the run was asked for; empty for whatever it is now.

    Raises:
        SourceError: The source cannot be read.
        SourceChangedError: It was changed since.
        components.tables.TableError: The source names a version that there is not.
        components.tables.WriteConflict: Other writers were faster time and again.
    """
    findings, breaches, written = Findings(), (), {}
    wall_clock = now.astimezone(_WALL_CLOCK).replace(tzinfo=None) if now.tzinfo else now

    asked = _Asked(source=source, rows=rows, seed=seed, fingerprint=expected)
    try:
        written = _write(platform, asked, wall_clock, findings)
    except SchemaSkewError as skew:
        breaches = skew.breaches
        asked.hold()
    decision = SCHEMA_SKEW if breaches else INGESTED
    violations = [{**vars(breach), "examples": []} for breach in breaches]
    content = findings.as_json(source=source, decision=decision, violations=violations, **written)
    report.write_text(content, encoding="utf-8")
    page.write_text(findings.as_page(source, breaches), encoding="utf-8")
    return IngestResult(decision=decision, rows_read=findings.rows_read, rejected=dict(findings.rejected), **written)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A source as it was asked for: ``source``, ``rows`` and ``seed`` as for ``ingest``."""

    source: str
    rows: int
    seed: int
    fingerprint: str

    def opened(self, platform: Platform) -> OpenedTrips:
        """The trips, as they are found, and which of them are learned from."""
        if is_served(self.source):
            return ServedTrips.parse(self.source).opened(platform)
        if is_labelled(self.source):
            return OpenedTrips(LabelledVersion.parse(self.source).batches(platform))
        return OpenedTrips(trip_source.batches(self.source, self.rows, self.seed))

    def hold(self) -> None:
        """Raise SourceChangedError where the source is not what was asked for; called when all of it was read.

        Else the version would be kept as the answer for a content that it does not have.
        """
        if not self.fingerprint:
            return
        actual = trip_source.fingerprint(self.source, self.rows, self.seed)
        if actual != self.fingerprint:
            raise SourceChangedError(
                f"{self.source} changed after the run was asked for: its fingerprint is {actual}, expected "
                f"{self.fingerprint}; nothing was written; ask for the run again once nobody writes to it"
            )


def _write(platform: Platform, asked: _Asked, now: datetime, findings: Findings) -> dict[str, Any]:
    """Write the version; returns what an IngestResult says of it."""
    with tempfile.TemporaryDirectory(prefix="ingest-") as folder:
        spool = Path(folder) / "trips.parquet"
        trips = asked.opened(platform)
        stray = _stray(_spool(trips.batches, now, spool, findings), trips)
        asked.hold()
        if stray:
            spool = _without(stray, spool, findings)
        count = pq.read_metadata(spool).num_rows
        if not count:
            raise SchemaSkewError(
                [
                    Breach(origin=asked.source, column="(trip)", rule=f"some trip is not {reason}", rows=rejected)
                    for reason, rejected in findings.rejected.most_common()
                ]
            )
        with spool.open("rb") as content:
            fingerprint = hashlib.file_digest(content, "sha256").hexdigest()
        version = tables.write_version(platform, tables.TRIPS, spool, fingerprint)
    learn_from = trips.learn_from.isoformat() if trips.learn_from else ""
    return {"data_version": version, "rows_written": count, "fingerprint": fingerprint, "learn_from": learn_from}


def _spool(batches: Iterator[RawBatch], now: datetime, spool: Path, findings: Findings) -> Counter[date]:
    """Write the faultless rows to a file; returns how many begin on each day."""
    days: Counter[date] = Counter()
    with pq.ParquetWriter(spool, SCHEMA) as writer:
        for batch in conform(batches):
            findings.see(batch)
            judged = judge(batch.frame, now)
            faulty = pl.col(REASON).is_not_null()
            findings.reject(judged.with_row_index("row", batch.first_row).filter(faulty), batch.origin)
            good = judged.filter(~faulty).select(_NAMES)
            days.update(dict(good[contract.PICKUP_TIME].dt.date().value_counts().iter_rows()))
            writer.write_table(good.to_arrow().cast(SCHEMA))
    return days


def _stray(days: Counter[date], trips: OpenedTrips) -> set[date]:
    """Days that only faulty clocks put trips on.

    Of the time of the trips that are only known there is none, and the others are judged by themselves: beside weeks of
    known trips they may be few, and far away.
    """
    if trips.learn_from is None or trips.known_since is None:
        return stray_days(days)
    first, end = trips.known_since.date(), trips.learn_from.date()
    return stray_days(Counter({day: count for day, count in days.items() if not first <= day < end}))


def _without(stray: set[date], spool: Path, findings: Findings) -> Path:
    """Copy the file without the trips of some days."""
    kept = spool.with_name("kept.parquet")
    is_stray = pl.col(contract.PICKUP_TIME).dt.date().is_in(sorted(stray))
    first_row = 0
    with pq.ParquetFile(spool) as source, pq.ParquetWriter(kept, SCHEMA) as writer:
        for batch in source.iter_batches():
            frame = pl.DataFrame(pa.Table.from_batches([batch])).with_row_index("row", first_row)
            first_row += len(frame)
            outside = frame.filter(is_stray).with_columns(pl.lit(STRAY).alias(REASON))
            findings.reject(outside, "rows without another fault")
            writer.write_table(frame.filter(~is_stray).select(_NAMES).to_arrow().cast(SCHEMA))
    return kept
