"""Which trips of a data version a model learns from, where it has others only for what they tell of the new ones."""

from datetime import datetime

import polars as pl

from components import contract


def learned(learn_from: str) -> pl.Expr:
    """Whether a trip is learned from.

    Args:
        learn_from: When the first such trip began, ISO 8601, New York wall clock; empty where all are.

    Raises:
        ValueError: It is no such time.
    """
    if not learn_from:
        return pl.lit(True)
    try:
        first = datetime.fromisoformat(learn_from)
    except ValueError:
        first = None
    if first is None or first.tzinfo is not None:
        raise ValueError(
            f"learn_from={learn_from!r} was given: give the pick-up time of the first trip to learn from without a "
            "time zone, such as 2026-03-02T08:00:00, or nothing for all trips"
        )
    return pl.col(contract.PICKUP_TIME) >= first
