"""Evidently's report on a window, for people: on a sample that is stated on the page, and of the same hours.

It decides nothing. Profiles of all rows do (``monitoring.comparison``), by the same statistics and thresholds.
"""

from pathlib import Path

import polars as pl

from monitoring.columns import CATEGORIES, NUMBERS, stratum

MAX_ROWS = 5_000
_SEED = 0
_BODY = "<body>"


def write_report(reference: pl.DataFrame, window: pl.DataFrame, file: Path, *, max_rows: int = MAX_ROWS) -> str:
    """Write Evidently's drift report as one HTML file.

    Args:
        reference: Rows of the reference, as ``monitoring.columns`` describes a window; a sample of them will do.
        window: Rows of the window, likewise; more than none.
        file: To write.
        max_rows: Rows that are drawn of each side; the same rows are drawn each time.

    Returns:
        What the page says of its rows.
    """
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    current = window.sample(min(max_rows, window.height), seed=_SEED)
    matched = at_the_same_hours(reference, current, max_rows)
    definition = DataDefinition(numerical_columns=list(NUMBERS), categorical_columns=list(CATEGORIES))
    after, before = (
        Dataset.from_pandas(side.select(*NUMBERS, *CATEGORIES).to_pandas(), data_definition=definition)
        for side in (current, matched)
    )
    snapshot = Report([DataDriftPreset()]).run(after, before)
    said = (
        f"A sample of {current.height:,} of the window's {window.height:,} rows beside {matched.height:,} of "
        f"{reference.height:,} rows of the reference, drawn at the same hours. What is decided is decided by all rows."
    )
    page = snapshot.get_html_str(as_iframe=False)
    file.write_text(page.replace(_BODY, f"{_BODY}<p>{said}</p>", 1), encoding="utf-8")
    return said


def at_the_same_hours(reference: pl.DataFrame, window: pl.DataFrame, rows: int) -> pl.DataFrame:
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
