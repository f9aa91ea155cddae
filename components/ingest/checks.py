"""Which trips are recording faults, and why."""

from collections import Counter
from datetime import date, datetime, timedelta

import polars as pl

from components import contract
from components.contract import Kind
from components.trips.conform import NOT_CASTABLE

REASON = "__reason"

FUTURE = "begins_in_the_future"
TOO_SHORT = "ends_before_it_begins"
TOO_LONG = "longer_than_4_hours"
STRAY = "far_from_all_other_days"

# A group of days apart from all others that holds less than this share of the trips is a fault of some clocks.
_STRAY_GAP = timedelta(days=7)
_STRAY_SHARE = 0.001


def judge(frame: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Add REASON: the first fault of a trip, null where it has none.

    Faults, in this order: ``<column>_not_castable``, ``<column>_missing`` where the contract allows no null,
    ``<column>_out_of_range``, FUTURE, TOO_SHORT, TOO_LONG. Values outside a closed set of the contract are not the
    fault of a single row; the validate step judges them.

    Args:
        frame: [n] with the contract's columns and NOT_CASTABLE.
        now: New York wall clock, without a zone.
    """
    pickup, duration = pl.col(contract.PICKUP_TIME), duration_seconds()
    faults = [
        pl.col(NOT_CASTABLE) + "_not_castable",
        *(
            pl.when(pl.col(column.name).is_null()).then(pl.lit(f"{column.name}_missing"))
            for column in contract.COLUMNS
            if not column.nullable
        ),
        *(
            pl.when(~pl.col(column.name).is_between(*_range(column))).then(pl.lit(f"{column.name}_out_of_range"))
            for column in contract.COLUMNS
            if column.kind in (Kind.INTEGER, Kind.FLOAT) and (column.minimum, column.maximum) != (None, None)
        ),
        pl.when(pickup > now).then(pl.lit(FUTURE)),
        pl.when(duration < contract.MIN_DURATION_SECONDS).then(pl.lit(TOO_SHORT)),
        pl.when(duration > contract.MAX_DURATION_SECONDS).then(pl.lit(TOO_LONG)),
    ]
    return frame.with_columns(pl.coalesce(faults).alias(REASON))


def duration_seconds() -> pl.Expr:
    """From pick-up to drop-off, Float64 seconds."""
    taken = pl.col(contract.DROPOFF_TIME) - pl.col(contract.PICKUP_TIME)
    return taken.dt.total_microseconds() / 1_000_000


def _range(column: contract.Column) -> tuple[float, float]:
    low, high = column.minimum, column.maximum
    return (float("-inf") if low is None else low, float("inf") if high is None else high)


def stray_days(trips_per_day: Counter[date]) -> set[date]:
    """Days on which only faulty clocks put trips.

    The public files hold a few trips dated years away from their month. One of them would stretch the period from
    which windows and splits are cut.
    """
    groups: list[list[date]] = []
    for day in sorted(trips_per_day):
        if groups and day - groups[-1][-1] <= _STRAY_GAP:
            groups[-1].append(day)
        else:
            groups.append([day])
    few = _STRAY_SHARE * trips_per_day.total()
    return {day for group in groups if sum(trips_per_day[day] for day in group) < few for day in group}
