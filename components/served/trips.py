"""Predictions with their outcomes as records of trips, in the columns of the contract."""

from typing import TypeVar

import polars as pl

from components import contract
from components.served.labelled import LABEL
from components.served.tables import ANSWER, INDEX, REQUEST, ROLE

_MICROSECONDS = 1_000_000
# What a request says of a trip, and when it ended. All else (fares, payment, vendor) is nobody's to know when a trip
# begins: those columns are missing, as those that some years of the public files lack.
RECORDED = (
    contract.PICKUP_TIME,
    contract.DROPOFF_TIME,
    contract.PICKUP_ZONE,
    contract.DROPOFF_ZONE,
    contract.DISTANCE,
    contract.PASSENGERS,
)

# Read or still to be read.
_Frame = TypeVar("_Frame", pl.DataFrame, pl.LazyFrame)


def recorded(predictions: _Frame) -> _Frame:
    """The trips whose outcome is known, as ``RECORDED``, in the order in which they began.

    A trip that was asked for more than once and took as long each time is one trip.

    Args:
        predictions: As from ``components.served.labelled``, read or not.
    """
    return named(predictions).select(RECORDED).unique().sort(RECORDED)


def named(predictions: _Frame) -> _Frame:
    """As ``recorded``, with REQUEST and INDEX: one row for each answer."""
    known = predictions.filter(pl.col(ROLE) == ANSWER, pl.col(LABEL).is_not_null())
    taken = pl.duration(microseconds=(pl.col(LABEL) * _MICROSECONDS).round().cast(pl.Int64))
    return known.with_columns(
        (pl.col(contract.PICKUP_TIME) + taken).alias(contract.DROPOFF_TIME),
        pl.col(contract.PASSENGERS).cast(pl.Int64),
    ).select(REQUEST, INDEX, *RECORDED)
