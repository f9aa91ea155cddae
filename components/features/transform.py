"""Features that follow from the request alone: the same code for training and for serving.

Only polars and holidays are imported, so that a serving worker pays nothing else for it.
"""

from datetime import date
from functools import lru_cache

import holidays
import polars as pl

from components import contract


def request_features(frame: pl.DataFrame) -> pl.DataFrame:
    """Add what the model knows from the clock and the two zones.

    Args:
        frame: [n] rows with PICKUP_TIME (Datetime, New York wall clock), PICKUP_ZONE and DROPOFF_ZONE (TLC zones).

    Returns:
        The frame with four more columns, all Float64: ``hour`` (0 to 23), ``weekday`` (0 = Monday),
        ``is_holiday`` (1 on a public holiday in New York, observed days included) and ``is_airport``
        (1 if either zone is an airport). Null where the input is null.

    Raises:
        polars.exceptions.ColumnNotFoundError: One of the three columns is absent.
    """
    started = pl.col(contract.PICKUP_TIME)
    airports = list(contract.AIRPORT_ZONES)
    years = frame[contract.PICKUP_TIME].dt.year().unique().drop_nulls()
    days = [day for year in years for day in _holidays(year)]
    columns = {
        "hour": started.dt.hour(),
        "weekday": started.dt.weekday() - 1,
        "is_holiday": started.dt.date().is_in(pl.Series(days, dtype=pl.Date).implode()),
        "is_airport": pl.col(contract.PICKUP_ZONE).is_in(airports) | pl.col(contract.DROPOFF_ZONE).is_in(airports),
    }
    return frame.with_columns(expression.cast(pl.Float64).alias(name) for name, expression in columns.items())


@lru_cache(maxsize=128)
def _holidays(year: int) -> tuple[date, ...]:
    """The public holidays of New York in a year."""
    return tuple(sorted(holidays.country_holidays("US", subdiv="NY", years=year)))
