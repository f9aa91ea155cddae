"""What the monitor looks at: the columns of a window of logged predictions, and how each is treated.

A window is a polars frame with one row a prediction: ``EVENT`` (what the log adds), ``contract.MODEL_FEATURES``
(Float64, null is missing), the two zones, ``PREDICTION`` and ``contract.TARGET`` (Float64 seconds; null until the label
arrives). A fork changes the lists here.
"""

import polars as pl

from components import contract

# When the prediction was made (Datetime, UTC), and what a prediction is known by.
AT = "at"
EVENT_KEY = ("request_id", "index")
PREDICTION = "prediction_seconds"

# They are the clock: two windows differ in them because time passes. The strata are made of them.
CLOCK = ("hour", "weekday", "is_holiday")
CATEGORIES = (contract.PICKUP_ZONE, contract.DROPOFF_ZONE, "is_airport")
NUMBERS = (*(name for name in contract.MODEL_FEATURES if name not in (*CLOCK, *CATEGORIES)), PREDICTION)
# Means over four weeks: those of neighbouring windows hold nearly the same trips, so a few weeks of reference do not
# tell how such a column varies. They are measured and told; what moves them moves other columns at once, which decide.
SLOW = tuple(name for name in contract.MODEL_FEATURES if name.endswith("_4w"))
# Filled by the feature store; the others come with the request.
STORED = (*contract.ZONE_FEATURES, *contract.PAIR_FEATURES)
REQUIRED = tuple(dict.fromkeys((*EVENT_KEY, AT, *contract.MODEL_FEATURES, *CATEGORIES, PREDICTION, contract.TARGET)))

_HOURS = 24
STRATA = 2 * _HOURS
_SATURDAY = 5


def stratum() -> pl.Expr:
    """The kind of hour of a row, Int64: its hour of the day, and 24 more at weekends."""
    weekend = (pl.col("weekday") >= _SATURDAY).cast(pl.Float64)
    return (pl.col("hour") + _HOURS * weekend).cast(pl.Int64).alias("stratum")
