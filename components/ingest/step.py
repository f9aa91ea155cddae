"""Bring trips from their source into the versioned trips table; what cannot be a trip is counted and left out."""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from components import contract, tables
from components.platform import Platform
from components.trips import source as trip_source
from components.trips.source import UNCASTABLE, RawBatches

EXAMPLES_PER_REASON = 10


class IngestError(ValueError):
    """Nothing could be ingested; the message says why."""


@dataclass(frozen=True, kw_only=True)
class IngestResult:
    """What came of an ingestion.

    Attributes:
        data_version: Version of the trips table that holds exactly the accepted rows.
        rows_read: Rows in the source.
        rows_written: Rows accepted.
        rejected: Rows left out, by reason; a row counts under its first reason only.
        fingerprint: SHA-256 of the accepted rows.
    """

    data_version: int
    rows_read: int
    rows_written: int
    rejected: dict[str, int]
    fingerprint: str


@dataclass
class _Tally:
    """Counts and examples as the batches pass."""

    rows_read: int = 0
    rows_written: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def rejections(now: datetime) -> dict[str, pl.Expr]:
    """Why a row cannot be a trip: an expression by reason, in the order in which they are tried.

    Args:
        now: New York wall clock; a trip that starts later is a recording fault.
    """
    duration = (pl.col(contract.DROPOFF_TIME) - pl.col(contract.PICKUP_TIME)).dt.total_microseconds() / 1e6
    never_null = [column.name for column in contract.COLUMNS if not column.nullable]
    reasons = {
        "a value cannot be read as its column's type": pl.col(UNCASTABLE),
        "a required value is missing": pl.any_horizontal(pl.col(never_null).is_null()),
        "pick-up lies in the future": pl.col(contract.PICKUP_TIME) > now,
        "drop-off is not after pick-up": duration < contract.MIN_DURATION_SECONDS,
        "trip takes longer than four hours": duration > contract.MAX_DURATION_SECONDS,
    }
    for column in contract.COLUMNS:
        if not column.nullable and column.minimum is not None and column.maximum is not None:
            outside = ~pl.col(column.name).is_between(column.minimum, column.maximum)
            reasons[f"{column.name} is outside {column.minimum} to {column.maximum}"] = outside
    return reasons


def ingest(
    platform: Platform, *, source: str, rows: int, seed: int, report: Path, now: datetime, downloads: Path
) -> IngestResult:
    """Read a source to its end, then write one version of the trips table.

    Memory is bounded by a batch: accepted rows wait in a temporary file. A source that fails half way leaves
    no table version and no object.

    Args:
        platform: Where the trips table lies.
        source: ``synthetic[:regime]``, ``tlc:YYYY-MM``, or a path of Parquet or CSV files.
        rows: Trips to generate; of no meaning for other sources.
        seed: Seed of the generator.
        report: JSON file to write: counts, unknown columns, reasons with examples.
        now: New York wall clock.
        downloads: Folder that keeps downloaded files.

    Raises:
        SourceError: The source cannot be read or lacks a required column.
        IngestError: Not one row of it is a trip.
    """
    raw = trip_source.batches(source, rows, seed, downloads)
    tally = _Tally()
    with tempfile.TemporaryDirectory(prefix="keelson-ingest-") as folder:
        spool = Path(folder) / "trips.arrow"
        _write_spool(spool, _accepted(raw, rejections(now), tally))
        if tally.rows_written == 0:
            raise IngestError(f"none of the {tally.rows_read} rows of '{source}' is a trip: {tally.rejected}")
        with spool.open("rb") as stream:
            fingerprint = hashlib.file_digest(stream, "sha256").hexdigest()
        with pa.memory_map(str(spool)) as mapped:
            table = pa.ipc.open_file(mapped).read_all()
            version = tables.write_version(platform, tables.TRIPS, table, fingerprint)
    result = IngestResult(
        data_version=version,
        rows_read=tally.rows_read,
        rows_written=tally.rows_written,
        rejected=tally.rejected,
        fingerprint=fingerprint,
    )
    _write_report(report, source, raw, tally, result)
    return result


def _accepted(raw: RawBatches, reasons: dict[str, pl.Expr], tally: _Tally) -> Iterator[pa.RecordBatch]:
    names = [column.name for column in contract.COLUMNS]
    cases = pl.lit(None, dtype=pl.String)
    for reason, holds in reversed(reasons.items()):
        cases = pl.when(holds).then(pl.lit(reason)).otherwise(cases)
    for batch in raw.batches:
        frame = pl.DataFrame(batch).with_columns(reason=cases)
        good = frame.filter(pl.col("reason").is_null()).select(names)
        tally.rows_read += frame.height
        tally.rows_written += good.height
        if good.height < frame.height:
            _count(frame.filter(pl.col("reason").is_not_null()), names, tally)
        yield from good.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(trip_source.SCHEMA).to_batches()


def _count(bad: pl.DataFrame, names: list[str], tally: _Tally) -> None:
    for (reason,), rows in bad.group_by("reason", maintain_order=True):
        key = str(reason)
        tally.rejected[key] = tally.rejected.get(key, 0) + rows.height
        examples = tally.examples.setdefault(key, [])
        examples += rows.select(names).head(EXAMPLES_PER_REASON - len(examples)).to_dicts()


def _write_spool(spool: Path, batches: Iterator[pa.RecordBatch]) -> None:
    with pa.OSFile(str(spool), "wb") as sink, pa.ipc.new_file(sink, trip_source.SCHEMA) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_report(report: Path, source: str, raw: RawBatches, tally: _Tally, result: IngestResult) -> None:
    content = {
        "source": source,
        "data_version": result.data_version,
        "fingerprint": result.fingerprint,
        "rows_read": result.rows_read,
        "rows_written": result.rows_written,
        "unknown_columns": raw.unknown_columns,
        "missing_columns": raw.missing_columns,
        "rejected": {
            reason: {"rows": rows, "examples": tally.examples[reason]} for reason, rows in result.rejected.items()
        },
    }
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(content, indent=2, default=str), encoding="utf-8")
