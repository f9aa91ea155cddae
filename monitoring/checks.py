"""Faults of a window's rows: what no retraining would mend, because the data do not keep the contract.

Other than drift these need no reference but the contract, apart from missing values: the feature store knows nothing of
some pairs of zones, so the reference tells how many values are missing as a rule.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import polars as pl

from components import contract
from monitoring.columns import AT, EVENT_KEY, PREDICTION, REQUIRED, stratum
from monitoring.profile import Profile
from monitoring.reference import Reference

# Serving refuses what does not keep the contract, so already a few such rows mean that something is broken.
MAX_FAULTY_SHARE = 0.001
# Callers repeat a request that they had no answer to.
MAX_DUPLICATES = 0.01
# Machines whose clocks are kept differ by less than this.
CLOCK_TOLERANCE = timedelta(minutes=5)
# More values missing than in the reference, as a share of the rows.
MAX_MORE_MISSING = 0.1
# Standard deviations of a share, so that a handful of rows is no fault.
_CHANCE = 4.0
_RANGES: dict[str, tuple[float, float]] = {
    "hour": (0, 23),
    "weekday": (0, 6),
    "is_holiday": (0, 1),
    "is_airport": (0, 1),
    PREDICTION: (0, contract.MAX_DURATION_SECONDS),
}


class Kind(StrEnum):
    """What is wrong."""

    MISSING_COLUMN = "missing column"
    WRONG_TYPE = "wrong type"
    OUT_OF_RANGE = "out of range"
    NEW_CATEGORY = "new category"
    MISSING_VALUES = "missing values"
    DUPLICATES = "duplicated events"
    CLOCK_SKEW = "clock skew"


# After these, the other columns of the window are not worth reading.
SCHEMA_SKEW = frozenset({Kind.MISSING_COLUMN, Kind.WRONG_TYPE})


@dataclass(frozen=True)
class Fault:
    """One of them.

    Attributes:
        kind: What is wrong.
        column: Where; empty for the row as a whole.
        rows: How many rows.
        told: In words.
    """

    kind: Kind
    column: str
    rows: int
    told: str


def schema_faults(window: pl.DataFrame) -> list[Fault]:
    """Columns that are missing, or hold something else than ``monitoring.columns`` says."""
    found = []
    for name in REQUIRED:
        if name not in window.columns:
            found.append(Fault(Kind.MISSING_COLUMN, name, window.height, f"column {name} is missing"))
        elif name == AT and not isinstance(window.schema[name], pl.Datetime):
            found.append(Fault(Kind.WRONG_TYPE, name, window.height, f"{name} holds {window.schema[name]}, not a time"))
        elif name not in (AT, *EVENT_KEY) and not (window.schema[name].is_numeric() or window.schema[name] == pl.Null):
            told = f"column {name} holds {window.schema[name]}, not numbers"
            found.append(Fault(Kind.WRONG_TYPE, name, window.height, told))
    return found


def without_repeats(window: pl.DataFrame) -> tuple[pl.DataFrame, list[Fault]]:
    """The window with each event once, the first time that it was logged; and the fault if many were repeated."""
    once = window.unique(EVENT_KEY, keep="first", maintain_order=True)
    repeated = window.height - once.height
    if repeated <= MAX_DUPLICATES * window.height:
        return once, []
    told = f"{repeated} of {window.height} events are there more than once; they were counted once"
    return once, [Fault(Kind.DUPLICATES, "", repeated, told)]


def value_faults(
    window: pl.DataFrame,
    *,
    start: datetime,
    end: datetime,
    reference: Reference | None,
    tolerance: timedelta = CLOCK_TOLERANCE,
) -> list[Fault]:
    """Faults in the values of a window that has its columns.

    Args:
        window: [n] as ``monitoring.columns`` describes it, at least one row.
        start: Of the window, with time zone.
        end: Of the window, likewise; not part of it.
        reference: Tells how many values are missing as a rule; without one that is not judged.
        tolerance: How far the clocks of honest machines differ.
    """
    missing = _missing(window, reference) if window.height and reference is not None else ()
    return [*_outside(window), *_unknown(window), *missing, *_wrong_clock(window, start - tolerance, end + tolerance)]


def _outside(window: pl.DataFrame) -> Iterator[Fault]:
    declared = {
        column.name: (column.minimum, column.maximum)
        for column in contract.COLUMNS
        if column.minimum is not None and column.maximum is not None
    }
    for name, (low, high) in {**_RANGES, **declared}.items():
        if name in window.columns:
            rows = window.height - window.select(pl.col(name).is_between(low, high).fill_null(True).sum()).item()
            if rows > MAX_FAULTY_SHARE * window.height:
                yield Fault(Kind.OUT_OF_RANGE, name, rows, f"{name} is not from {low:g} to {high:g} in {rows} rows")


def _unknown(window: pl.DataFrame) -> Iterator[Fault]:
    for column in contract.COLUMNS:
        if column.allowed is not None and column.name in window.columns:
            here = window[column.name].drop_nulls()
            strange = here.filter(~here.is_in(list(column.allowed)))
            if len(strange) > MAX_FAULTY_SHARE * window.height:
                names = ", ".join(str(value) for value in strange.unique().sort()[:5])
                told = f"{column.name} has values that the contract does not know ({names}) in {len(strange)} rows"
                yield Fault(Kind.NEW_CATEGORY, column.name, len(strange), told)


def _missing(window: pl.DataFrame, reference: Reference) -> Iterator[Fault]:
    """Columns with more missing values than the reference has at these hours, and than chance explains."""
    rows = window.height
    hours = window.select(stratum()).to_series().drop_nulls().value_counts()
    known = [(reference.strata[hour], count) for hour, count in hours.iter_rows() if hour in reference.strata]
    for name in (*contract.MODEL_FEATURES, PREDICTION):
        usual = sum(count * _missing_of(part, name) / part.rows for part, count in known) / rows
        by_chance = _CHANCE * math.sqrt(usual * (1 - usual) / rows)
        missing = window[name].cast(pl.Float64).fill_nan(None).null_count()
        if missing / rows > usual + by_chance + MAX_MORE_MISSING:
            told = f"{name} is missing in {missing / rows:.0%} of the rows, in the reference in {usual:.0%}"
            yield Fault(Kind.MISSING_VALUES, name, missing, told)


def _missing_of(part: Profile, name: str) -> int:
    """The clock is not in profiles; it is never missing."""
    column = part.numbers.get(name) or part.categories.get(name)
    return column.missing if column else 0


def _wrong_clock(window: pl.DataFrame, start: datetime, end: datetime) -> Iterator[Fault]:
    inside = pl.col(AT).is_between(start, end)
    rows = window.height - window.select(inside.fill_null(False).sum()).item()
    if rows > MAX_FAULTY_SHARE * window.height:
        told = f"{rows} events say that they did not happen between {start:%Y-%m-%d %H:%M} and {end:%Y-%m-%d %H:%M}"
        yield Fault(Kind.CLOCK_SKEW, AT, rows, told)
