"""Read trips from a source, leave out recording faults, and write the rest as a version of the trips table."""

import hashlib
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from components import contract, tables
from components.ingest.checks import REASON, STRAY, judge, stray_days
from components.ingest.report import Findings
from components.platform import Platform
from components.trips import source as trip_source
from components.trips.conform import conform
from components.trips.source_error import SourceError

SCHEMA = pa.schema([(column.name, pa.type_for_alias(column.kind)) for column in contract.COLUMNS])
_NAMES = SCHEMA.names
_WALL_CLOCK = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class IngestResult:
    """What became of a source's rows.

    Attributes:
        data_version: Version of the trips table that holds them.
        rows_read: Rows in the source.
        rows_written: Rows in the version.
        rejected: Rows left out, by reason.
        fingerprint: SHA-256 of the rows written.
    """

    data_version: int
    rows_read: int
    rows_written: int
    rejected: dict[str, int]
    fingerprint: str


def ingest(platform: Platform, source: str, rows: int, seed: int, report: Path, now: datetime) -> IngestResult:
    """Write the usable trips of a source as a new version of the trips table, or find the version that holds them.

    The table is not touched before the whole source is read, so a failure leaves nothing in it. Memory is bounded:
    batches pass through a temporary file.

    Args:
        platform: Where the table lies.
        source: As for ``components.trips.source.batches``.
        rows: Trips to generate; files are read whole.
        seed: Of generated trips.
        report: Written: JSON with counts, unknown columns, and rejected rows by reason with up to 10 examples.
        now: Trips that begin later are rejected. Without a zone it is New York wall clock.

    Raises:
        SourceError: The source cannot be used, or none of its rows can.
        components.tables.WriteConflict: Other writers were faster time and again.
    """
    findings = Findings()
    wall_clock = now.astimezone(_WALL_CLOCK).replace(tzinfo=None) if now.tzinfo else now
    with tempfile.TemporaryDirectory(prefix="ingest-") as folder:
        spool = Path(folder) / "trips.parquet"
        trips_per_day = _spool(source, rows, seed, wall_clock, spool, findings)
        stray = stray_days(trips_per_day)
        if stray:
            spool = _without(stray, spool, findings)
        written = pq.read_metadata(spool).num_rows
        if not written:
            findings.write(report, source=source, rows_written=0)
            reasons = ", ".join(f"{reason} {count}" for reason, count in findings.rejected.most_common())
            raise SourceError(f"none of the {findings.rows_read} rows of DATA={source} can be used: {reasons}")
        with spool.open("rb") as content:
            fingerprint = hashlib.file_digest(content, "sha256").hexdigest()
        version = tables.write_version(platform, tables.TRIPS, spool, fingerprint)
    findings.write(report, source=source, rows_written=written, data_version=version, fingerprint=fingerprint)
    return IngestResult(version, findings.rows_read, written, dict(findings.rejected), fingerprint)


def _spool(source: str, rows: int, seed: int, now: datetime, spool: Path, findings: Findings) -> Counter[date]:
    """Write the faultless rows to a file; returns how many begin on each day."""
    days: Counter[date] = Counter()
    with pq.ParquetWriter(spool, SCHEMA) as writer:
        for batch in conform(trip_source.batches(source, rows, seed)):
            findings.see(batch)
            judged = judge(batch.frame, now)
            faulty = pl.col(REASON).is_not_null()
            findings.reject(judged.with_row_index("row", batch.first_row).filter(faulty), batch.origin)
            good = judged.filter(~faulty).select(_NAMES)
            days.update(dict(good[contract.PICKUP_TIME].dt.date().value_counts().iter_rows()))
            writer.write_table(good.to_arrow().cast(SCHEMA))
    return days


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
