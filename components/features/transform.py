"""Features that follow from the request alone, for whole tables; ``components.features.request`` is for one trip."""

import polars as pl

from components import contract
from components.features.request import public_holidays


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
    days = sorted(day for year in years for day in public_holidays(year))
    columns = {
        "hour": started.dt.hour(),
        "weekday": started.dt.weekday() - 1,
        "is_holiday": started.dt.date().is_in(pl.Series(days, dtype=pl.Date).implode()),
        "is_airport": pl.col(contract.PICKUP_ZONE).is_in(airports) | pl.col(contract.DROPOFF_ZONE).is_in(airports),
    }
    return frame.with_columns(expression.cast(pl.Float64).alias(name) for name, expression in columns.items())
