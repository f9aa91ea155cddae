"""Split trips by time: the model is tested on trips that start after all it has learned from."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from components import contract
from components.learned import learned

TEST_SHARE = 0.2
VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class SplitResult:
    """Rows of each part and where the parts begin."""

    train_rows: int
    validation_rows: int
    test_rows: int
    validation_start: datetime
    test_start: datetime


def boundaries(first: datetime, last: datetime) -> tuple[datetime, datetime]:
    """The start of the validation part and of the test part for trips between two pick-up times."""
    span = last - first
    return first + span * (1 - TEST_SHARE - VALIDATION_SHARE), first + span * (1 - TEST_SHARE)


def split(features: Path, train: Path, validation: Path, test: Path, *, learn_from: str = "") -> SplitResult:
    """Write the three parts of a feature table as Parquet files, in the table's order.

    A trip that is still under way when the next part begins is left out: its duration is not known at that moment.
    So is one that is not learned from, and the time that is split begins with the first that is.

    Args:
        features: Parquet file with contract.PICKUP_TIME and contract.TARGET.
        train: Written; trips that ended before the validation part begins.
        validation: Written; the 10 % of the time span before the test part.
        test: Written; the last 20 % of the time span.
        learn_from: As for ``components.learned.learned``.

    Raises:
        ValueError: A part would be empty, or ``learn_from`` is no time.
    """
    trips = pl.scan_parquet(features).filter(learned(learn_from))
    started = pl.col(contract.PICKUP_TIME)
    ended = started + pl.duration(microseconds=pl.col(contract.TARGET) * 1_000_000)
    first, last = trips.select(started.min().alias("first"), started.max().alias("last")).collect().row(0)
    if first is None:
        rows = f"rows from {learn_from} on" if learn_from else "rows"
        raise ValueError(f"cannot split {features}: it has no {rows}; look at the report of the ingest step")
    validation_start, test_start = boundaries(first, last)
    parts = {
        train: trips.filter(ended < validation_start),
        validation: trips.filter(started >= validation_start, ended < test_start),
        test: trips.filter(started >= test_start),
    }
    rows = [_write(part, file) for file, part in parts.items()]
    if not all(rows):
        raise ValueError(
            f"cannot split {features}: trips from {first} to {last} give {rows[0]} rows to train, {rows[1]} to "
            f"validate and {rows[2]} to test, and each part needs some; give a source with more trips"
        )
    return SplitResult(rows[0], rows[1], rows[2], validation_start, test_start)


def _write(part: pl.LazyFrame, file: Path) -> int:
    """Stream one part to a file; returns its rows."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part.sink_parquet(file)
    return pl.scan_parquet(file).select(pl.len()).collect().item()
