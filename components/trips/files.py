"""Trips from Parquet and CSV files of the TLC schema, read in batches."""

import csv
import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from components import contract
from components.trips.source_error import Breach, SchemaSkewError, SourceError

BATCH_ROWS = 200_000
_CSV_BLOCK_BYTES = 8 * 1024 * 1024
_SUFFIXES = (".parquet", ".csv")
_KNOWN = {column.name for column in contract.COLUMNS} | set(contract.ALIASES)
_NULL_TEXTS = ["", "NULL", "null", "NaN", "nan", "NA"]
_UNREADABLE = (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error, pl.exceptions.PolarsError)


@dataclass(frozen=True)
class RawBatch:
    """Some neighbouring rows of one origin, as they were found.

    Attributes:
        origin: The file, or the name of another source.
        first_row: Number of the first row in its origin, from 0.
        names: All columns of the origin.
        frame: The columns of the contract that are there, under the origin's names and types.
    """

    origin: str
    first_row: int
    names: tuple[str, ...]
    frame: pl.DataFrame


def find_files(location: str) -> list[Path]:
    """The Parquet and CSV files at a path, in a folder and below, or that match a glob; sorted by path.

    Raises:
        SourceError: There are none, or the path is a file of another kind.
    """
    path = Path(location).expanduser()
    if path.is_file():
        if path.suffix.lower() not in _SUFFIXES:
            raise SourceError(f"{path} is not a trip file: give one that ends in {' or '.join(_SUFFIXES)}")
        return [path]
    if path.is_dir():
        files = [file for file in path.rglob("*") if _is_trip_file(file)]
    else:
        # Path.glob takes no absolute pattern.
        matches = glob.glob(str(path), recursive=True)  # noqa: PTH207
        files = [Path(match) for match in matches if _is_trip_file(Path(match))]
    if not files:
        raise SourceError(
            f"DATA={location} leads to no {' or '.join(_SUFFIXES)} file: give a file, a folder, a glob like "
            "'trips/*.parquet', tlc:YYYY-MM or synthetic"
        )
    return sorted(files)


def _is_trip_file(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in _SUFFIXES


def columns(file: Path) -> tuple[str, ...]:
    """The names of a file's columns, from its header or footer alone.

    Raises:
        SourceError: The file is empty or cannot be read.
        SchemaSkewError: It has a column twice.
    """
    try:
        if not file.stat().st_size:
            raise SourceError(f"{file} cannot be read, it is empty; fetch it again or leave it out")
        names = _csv_names(file) if _is_csv(file) else pq.read_schema(file).names
    except _UNREADABLE as error:
        raise _unreadable(file, 0, error) from error
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SchemaSkewError([Breach(origin=str(file), column=name, rule="is there once") for name in twice])
    return tuple(names)


def read(files: list[Path]) -> Iterator[RawBatch]:
    """Yield the rows of all files, one file after the other.

    A file without any column of the contract yields one batch without rows, so that its columns can be reported.

    Raises:
        SourceError: A file cannot be read to its end, or has no rows.
    """
    for file in files:
        names = columns(file)
        known = [name for name in names if name in _KNOWN]
        rows = 0
        try:
            if not known:
                yield RawBatch(str(file), 0, names, pl.DataFrame())
            for batch in _csv_batches(file, names, known) if _is_csv(file) else _parquet_batches(file, known):
                frame = pl.DataFrame(pa.Table.from_batches([batch]))
                if len(frame):
                    yield RawBatch(str(file), rows, names, frame)
                rows += len(frame)
        except _UNREADABLE as error:
            raise _unreadable(file, rows, error) from error
        if not rows:
            raise SourceError(f"{file} has no rows; leave it out")


def _is_csv(file: Path) -> bool:
    return file.suffix.lower() == ".csv"


def _unreadable(file: Path, rows: int, error: Exception) -> SourceError:
    return SourceError(
        f"{file} cannot be read after {rows} rows, it may be truncated or of another format: "
        f"{str(error).strip()[:300]}; fetch it again or leave it out"
    )


def _parquet_batches(file: Path, known: list[str]) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(file) as source:
        yield from source.iter_batches(BATCH_ROWS, columns=known)


def _csv_names(file: Path) -> list[str]:
    with file.open(newline="", encoding="utf-8-sig") as text:
        return [name.strip() for name in next(csv.reader(text), [])]


def _csv_batches(file: Path, names: tuple[str, ...], known: list[str]) -> Iterator[pa.RecordBatch]:
    """All values as text: one rule for casting serves every kind of file."""
    yield from pyarrow.csv.open_csv(
        file,
        read_options=pyarrow.csv.ReadOptions(column_names=list(names), skip_rows=1, block_size=_CSV_BLOCK_BYTES),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(known, pa.string()),
            include_columns=known,
            strings_can_be_null=True,
            null_values=_NULL_TEXTS,
        ),
    )
