"""The contract as rules that rows are counted by: each is one expression, true for a row that does not keep it.

What is declared for a column stands in ``components.contract``; what holds for a whole trip or table stands here.
"""

import sys
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import polars as pl

from components import contract, thresholds
from components.contract import Column, Kind

STORED_AS = {
    Kind.INTEGER: pl.Int64(),
    Kind.FLOAT: pl.Float64(),
    Kind.TEXT: pl.String(),
    Kind.TIMESTAMP: pl.Datetime("us"),
}

# Most trips are within these bounds in every year of the public files. Numbers in another unit are not: miles or
# dollars in hundredths, seconds read as milliseconds. A few odd trips do no harm.
USUAL_SPEED_MPH = (1.0, 70.0)
USUAL_FARE_DOLLARS = (1.0, 200.0)
FARE, SPEED = "fare_amount", "speed"
_ODD_SHARE = 0.5
# An optional column with fewer values than this share says nothing.
_NEARLY_EMPTY = 0.999
_MICROSECONDS = 1_000_000
_HOUR = 3600 * _MICROSECONDS


class Severity(StrEnum):
    """What comes of a rule that is not kept."""

    VIOLATION = "violation"
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Something that the trips of a version should keep.

    Attributes:
        column: The column that it is about, or the name of what is derived.
        says: What should hold, in words.
        needs: Columns without which it cannot be checked.
        fails: True for a row that does not keep it; a null counts as kept.
        tolerated: The share of rows that need not keep it.
        severity: What comes of more rows than that.
    """

    column: str
    says: str
    needs: tuple[str, ...]
    fails: pl.Expr
    tolerated: float = 0.0
    severity: Severity = Severity.VIOLATION

    def broken(self, failing: int, rows: int) -> bool:
        """Whether ``failing`` of ``rows`` rows are more than is tolerated."""
        return failing > self.tolerated * rows


def rules(written: datetime) -> list[Rule]:
    """All rules on rows, those of a column in the order of the contract.

    Args:
        written: When the version was written, New York wall clock; later trips cannot be in it.
    """
    single = [rule for column in contract.COLUMNS for rule in _of_column(column)]
    return [*single, *_of_trip(written), *_of_units()]


def _of_column(column: Column) -> list[Rule]:
    value, found = pl.col(column.name), []

    def add(says: str, fails: pl.Expr, tolerated: float = 0.0, severity: Severity = Severity.VIOLATION) -> None:
        found.append(
            Rule(
                column=column.name,
                says=says,
                needs=(column.name,),
                fails=fails,
                tolerated=tolerated,
                severity=severity,
            )
        )

    if not column.nullable:
        add("is never missing", value.is_null())
    elif column.required:
        share = thresholds.MAX_MISSING_SHARE
        add(f"is missing in at most {share:.0%} of the trips", value.is_null(), share)
    else:
        add("holds values", value.is_null(), _NEARLY_EMPTY, Severity.WARNING)
    if column.minimum is not None and column.maximum is not None:
        # NaN counts as greater than all numbers, so it is out of range too.
        outside = ~value.is_between(column.minimum, column.maximum)
        add(f"is from {column.minimum:g} to {column.maximum:g} ({column.unit})", outside)
    elif column.kind is Kind.FLOAT:
        add("is a finite number", value.abs() > sys.float_info.max)
    if column.allowed is not None:
        known = ", ".join(map(str, column.allowed))
        add(f"is one of {known}", ~value.is_in(list(column.allowed)))
    return found


def _of_trip(written: datetime) -> list[Rule]:
    pickup, dropoff = contract.PICKUP_TIME, contract.DROPOFF_TIME
    taken = (pl.col(dropoff) - pl.col(pickup)).dt.total_microseconds()
    shortest, longest = contract.MIN_DURATION_SECONDS, contract.MAX_DURATION_SECONDS
    return [
        Rule(
            column=dropoff,
            says=f"is {shortest:g} to {longest:g} seconds after the pick-up",
            needs=(pickup, dropoff),
            fails=~taken.is_between(int(shortest * _MICROSECONDS), int(longest * _MICROSECONDS)),
        ),
        Rule(
            column=pickup,
            says=f"is not after {written:%Y-%m-%d %H:%M}, when the version was written",
            needs=(pickup,),
            fails=pl.col(pickup) > written,
        ),
    ]


def _of_units() -> list[Rule]:
    pickup, dropoff, distance = contract.PICKUP_TIME, contract.DROPOFF_TIME, contract.DISTANCE
    taken = (pl.col(dropoff) - pl.col(pickup)).dt.total_microseconds()
    slow, fast = USUAL_SPEED_MPH
    cheap, dear = USUAL_FARE_DOLLARS
    return [
        Rule(
            column=SPEED,
            says=f"is {slow:g} to {fast:g} miles per hour for half of the trips",
            needs=(pickup, dropoff, distance),
            fails=~(pl.col(distance) * _HOUR / taken).is_between(slow, fast),
            tolerated=_ODD_SHARE,
        ),
        Rule(
            column=FARE,
            says=f"is {cheap:g} to {dear:g} US dollars for half of the trips",
            needs=(FARE,),
            fails=~pl.col(FARE).is_between(cheap, dear),
            tolerated=_ODD_SHARE,
        ),
    ]
