"""Trips as a service meets them: within the contract when they are asked for, and ended by a time that counts."""

import polars as pl
import pyarrow as pa

from components import contract

SECONDS = "seconds"


def rides(batch: pa.RecordBatch) -> pl.DataFrame:
    """Those of a batch of trips that a service answers for and a model learns from.

    Args:
        batch: With the contract's columns.

    Returns:
        In the order of the batch, with SECONDS (Float64): how long each took.
    """
    taken = (pl.col(contract.DROPOFF_TIME) - pl.col(contract.PICKUP_TIME)).dt.total_microseconds() / 1_000_000
    trips = pl.DataFrame(batch).with_columns(taken.alias(SECONDS))
    ranges = {column.name: (column.minimum, column.maximum) for column in contract.COLUMNS}
    inside = [
        pl.col(name).is_between(low, high).fill_null(True)
        for name, (low, high) in ranges.items()
        if name in trips.columns and low is not None and high is not None
    ]
    sensible = pl.col(SECONDS).is_between(contract.MIN_DURATION_SECONDS, contract.MAX_DURATION_SECONDS)
    return trips.filter(*inside, sensible)
