"""The sample of rows that Evidently looks at: of a window, and of the reference at the same hours.

It decides nothing. Profiles of all rows do (``monitoring.comparison``), by the same statistics and thresholds.
"""

import polars as pl

from monitoring.columns import stratum

MAX_ROWS = 5_000
_SEED = 0


def sample(window: pl.DataFrame, rows: int = MAX_ROWS) -> pl.DataFrame:
    """At most ``rows`` rows of a window; the same rows are drawn each time."""
    return window.sample(min(rows, window.height), seed=_SEED)


def at_the_same_hours(reference: pl.DataFrame, window: pl.DataFrame, rows: int = MAX_ROWS) -> pl.DataFrame:
    """At most ``rows`` rows of the reference, of each kind of hour as large a share as the window has.

    As many as there are without repeating one.
    """
    wanted = (
        window.select(stratum()).to_series().value_counts(name="wanted").with_columns(pl.col("wanted") / window.height)
    )
    shuffled = reference.sample(fraction=1, shuffle=True, seed=_SEED).with_columns(stratum())
    held = shuffled.group_by("stratum").len("held").join(wanted, on="stratum")
    # The scarcest kind of hour says how many rows there can be.
    total = min(float(rows), held.select((pl.col("held") / pl.col("wanted")).min()).item() or 0.0)
    numbered = shuffled.with_columns(pl.int_range(pl.len()).over("stratum").alias("number")).join(wanted, on="stratum")
    return numbered.filter(pl.col("number") + 1 <= pl.col("wanted") * total).select(reference.columns)
