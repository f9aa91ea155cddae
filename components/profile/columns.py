"""Which columns of trips are described and compared, and what is derived for it.

The times of a trip are never compared themselves: another month has other ones. What they tell is compared: how long
a trip takes (what the model predicts), how fast it is (which tells traffic from distance), and the hour and weekday at
which people travel.
"""

import polars as pl

from components import contract
from components.contract import Kind

SPEED = "speed_mph"
HOUR, WEEKDAY = "pickup_hour", "pickup_weekday"
DAY = "pickup_day"

# Columns by their unit. Whole numbers are codes, apart from the passengers.
NUMBERS: dict[str, str] = {
    column.name: column.unit
    for column in contract.COLUMNS
    if column.kind is Kind.FLOAT or column.name == contract.PASSENGERS
} | {contract.TARGET: "seconds", SPEED: "miles per hour"}
CATEGORIES: dict[str, str] = {
    column.name: column.unit
    for column in contract.COLUMNS
    if column.kind in (Kind.INTEGER, Kind.TEXT) and column.name != contract.PASSENGERS
} | {HOUR: "hour of the day", WEEKDAY: "1 is Monday"}


def derived(trips: pl.DataFrame) -> pl.DataFrame:
    """Trips as they are described: NUMBERS as Float64, CATEGORIES, and the DAY of the pick-up.

    Args:
        trips: [n] with the contract's columns.
    """
    pickup = pl.col(contract.PICKUP_TIME)
    duration = (pl.col(contract.DROPOFF_TIME) - pickup).dt.total_microseconds() / 1_000_000
    return trips.with_columns(
        duration.alias(contract.TARGET),
        (pl.col(contract.DISTANCE) / duration * 3600).alias(SPEED),
        pickup.dt.hour().alias(HOUR),
        pickup.dt.weekday().alias(WEEKDAY),
        pickup.dt.date().alias(DAY),
        pl.col(contract.PASSENGERS).cast(pl.Float64),
    ).select(*NUMBERS, *CATEGORIES, DAY)
