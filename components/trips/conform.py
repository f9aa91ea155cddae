"""Columns as they were found → columns of the contract, with every loss noted."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import polars as pl

from components import contract
from components.contract import Column, Kind
from components.trips.files import RawBatch
from components.trips.source_error import Breach, SchemaSkewError

# Name of the column that says which value of a row could not be cast; null where all could.
NOT_CASTABLE = "__not_castable"

_TYPES = {
    Kind.INTEGER: pl.Int64(),
    Kind.FLOAT: pl.Float64(),
    Kind.TEXT: pl.String(),
    Kind.TIMESTAMP: pl.Datetime("us"),
}
# ISO with a blank or a T, and the form of New York's open data portal.
_TIME_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%m/%d/%Y %I:%M:%S %p")
_NEW_YORK = "America/New_York"


@dataclass(frozen=True)
class TypedBatch:
    """Rows in the contract's columns and types.

    Attributes:
        origin: The file, or the name of another source.
        first_row: Number of the first row in its origin, from 0.
        ignored: Columns of the origin that the contract leaves out.
        absent: Columns of the contract that the origin lacks; they are null.
        frame: The contract's columns and NOT_CASTABLE.
    """

    origin: str
    first_row: int
    ignored: tuple[str, ...]
    absent: tuple[str, ...]
    frame: pl.DataFrame


def match(origin: str, names: tuple[str, ...]) -> dict[str, str]:
    """The origin's name of each column of the contract that it has, under the contract's name.

    Raises:
        SchemaSkewError: A required column is missing, or there is one that the contract does not know.
    """
    spellings = {column.name: [column.name] for column in contract.COLUMNS}
    for alias, name in contract.ALIASES.items():
        spellings[name].append(alias)
    found = {name: next((s for s in known if s in names), None) for name, known in spellings.items()}
    known = {spelling for all_of_them in spellings.values() for spelling in all_of_them} | contract.IGNORED_COLUMNS
    breaches = [
        Breach(origin=origin, column=column.name, rule="is there")
        for column in contract.COLUMNS
        if column.required and found[column.name] is None
    ]
    breaches += [
        Breach(origin=origin, column=name, rule="is not there: the contract does not know it")
        for name in names
        if name not in known
    ]
    if breaches:
        raise SchemaSkewError(breaches)
    return {name: spelling for name, spelling in found.items() if spelling is not None}


def conform(batches: Iterator[RawBatch]) -> Iterator[TypedBatch]:
    """Cast batches to the contract where nothing is lost by it: "2.0" is the integer 2, "2.5" is none.

    NaN and empty text count as missing. A row with a value that cannot be cast is named in NOT_CASTABLE.

    Raises:
        SchemaSkewError: A required column is missing, one is not known, or no value of a column could be cast in a
            whole origin.
    """
    for origin, group in groupby(batches, key=lambda batch: batch.origin):
        present: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        types: dict[str, str] = {}
        for batch in group:
            found = match(origin, batch.names)
            types |= {name: str(batch.frame.schema[spelling]) for name, spelling in found.items()}
            typed, counted = _cast(batch.frame, found)
            present.update({name: counted[f"present {name}"] for name in found})
            failed.update({name: counted[f"failed {name}"] for name in found})
            ignored = tuple(name for name in batch.names if name not in found.values())
            absent = tuple(column.name for column in contract.COLUMNS if column.name not in found)
            yield TypedBatch(origin, batch.first_row, ignored, absent, typed)
        breaches = [
            Breach(origin=origin, column=name, rule=f"can be read as {_kind(name)}, not {types[name]}", rows=count)
            for name, count in failed.items()
            if count and count == present[name]
        ]
        if breaches:
            raise SchemaSkewError(breaches)


def _kind(name: str) -> Kind:
    return next(column.kind for column in contract.COLUMNS if column.name == name)


def _cast(frame: pl.DataFrame, found: dict[str, str]) -> tuple[pl.DataFrame, dict[str, int]]:
    """The typed frame, and by column how many values there were and how many could not be cast."""
    casts = {name: _Cast.of(column, frame.schema, found) for column in contract.COLUMNS if (name := column.name)}
    both = frame.select(
        *(cast.value.alias(name) for name, cast in casts.items()),
        *(cast.present.alias(f"present {name}") for name, cast in casts.items() if name in found),
    )
    fails = {name: pl.col(f"present {name}") & pl.col(name).is_null() for name in found}
    counted = both.select(
        *(pl.col(f"present {name}").sum() for name in found),
        *(failure.sum().alias(f"failed {name}") for name, failure in fails.items()),
    ).row(0, named=True)
    faulty = [pl.when(fails[name]).then(pl.lit(name)) for name in found if counted[f"failed {name}"]]
    reason = pl.coalesce(faulty) if faulty else pl.lit(None, dtype=pl.String)
    return both.select(*casts, reason.alias(NOT_CASTABLE)), counted


@dataclass(frozen=True)
class _Cast:
    """``value`` is null where a value is missing or cannot be cast, ``present`` is true where one is there."""

    value: pl.Expr
    present: pl.Expr

    @classmethod
    def of(cls, column: Column, schema: pl.Schema, found: dict[str, str]) -> "_Cast":
        target = _TYPES[column.kind]
        if column.name not in found:
            return cls(pl.lit(None, dtype=target), pl.lit(False))
        source = pl.col(found[column.name])
        dtype = schema[found[column.name]]
        if dtype.is_decimal():
            source, dtype = source.cast(pl.Float64), pl.Float64()
        elif isinstance(dtype, pl.Categorical | pl.Enum):
            source, dtype = source.cast(pl.String), pl.String()
        if dtype.is_float():
            source = source.fill_nan(None)
        elif dtype == pl.String:
            trimmed = source.str.strip_chars()
            source = pl.when(trimmed != "").then(trimmed)
        rule = {Kind.INTEGER: _integer, Kind.FLOAT: _float, Kind.TEXT: _text, Kind.TIMESTAMP: _timestamp}
        value = rule[column.kind](source, dtype)
        return cls(pl.lit(None, dtype=target) if value is None else value.cast(target), source.is_not_null())


def _integer(source: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    if dtype.is_integer():
        return source.cast(pl.Int64, strict=False)
    if dtype == pl.String:
        source = source.cast(pl.Float64, strict=False)
    elif not dtype.is_float():
        return None
    whole = source.cast(pl.Int64, strict=False)
    return pl.when(whole.cast(pl.Float64) == source).then(whole)


def _float(source: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    if not (dtype.is_numeric() or dtype == pl.String):
        return None
    number = source.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def _text(source: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    return source.cast(pl.String) if dtype == pl.String or dtype.is_numeric() else None


def _timestamp(source: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    if dtype == pl.String:
        return pl.coalesce(source.str.to_datetime(form, time_unit="us", strict=False) for form in _TIME_FORMATS)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return source.dt.convert_time_zone(_NEW_YORK).dt.replace_time_zone(None)
    return source if dtype.is_temporal() and dtype in (pl.Date, pl.Datetime) else None
