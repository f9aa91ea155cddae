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

# They follow the clock: two windows differ in them because time passes. The strata are made of them.
CLOCK = ("hour", "weekday", "is_holiday")
CATEGORIES = (contract.PICKUP_ZONE, contract.DROPOFF_ZONE, "is_airport")
NUMBERS = tuple(name for name in contract.MODEL_FEATURES if name not in (*CLOCK, *CATEGORIES))
# Whose drift is that of the data, and whose is that of the model's answers.
INPUTS = (*NUMBERS, *CATEGORIES)
REQUIRED = tuple(
    dict.fromkeys((*EVENT_KEY, AT, *contract.MODEL_FEATURES, *CATEGORIES, PREDICTION, contract.TARGET)).keys()
)

_HOURS = 24
STRATA = 2 * _HOURS


def stratum() -> pl.Expr:
    """The kind of hour of a row, Int64: its hour of the day, and 24 more on Saturdays, Sundays and holidays."""
    free = (pl.col("weekday") >= 5) | (pl.col("is_holiday") > 0)
    return (pl.col("hour") + _HOURS * free.cast(pl.Float64)).cast(pl.Int64).alias("stratum")
