"""Take the durations that people corrected: a file is checked whole, and taken whole or not at all."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from components import contract, tables
from components.labels.key import TRIP_KEY, pickup_seconds, trip_keys
from components.labels.sample import COLUMNS, DATA_VERSION
from components.labels.table import CORRECTED, LABELLED_BY, add_labels
from components.platform import Platform

NEEDED = (TRIP_KEY, DATA_VERSION, CORRECTED, LABELLED_BY)
# A login or initials: names and addresses of people do not belong in a table that is kept.
_WHO = r"^[A-Za-z0-9._-]{1,64}$"
_MAX_PROBLEMS = 20
# Row of the file as a spreadsheet counts: the header is row 1.
_ROW, _SECONDS, _REASON = "row", "seconds", "reason"


class LabelsError(ValueError):
    """A file of labels cannot be taken; the message names each row and what is wrong with it.

    Attributes:
        problems: One sentence each.
    """

    def __init__(self, file: Path, problems: list[str]) -> None:
        shown = problems[:_MAX_PROBLEMS]
        if len(problems) > len(shown):
            shown.append(f"and {len(problems) - len(shown)} more problems")
        super().__init__(f"nothing of {file} was taken:\n" + "\n".join(f"  {problem}" for problem in shown))
        self.problems = problems


@dataclass(frozen=True)
class Taken:
    """What was taken.

    Attributes:
        version: Version of the table of labels that has them.
        labels: Rows of the file with a duration.
        left_blank: Rows without one.
    """

    version: int
    labels: int
    left_blank: int


def take(platform: Platform, file: Path, now: datetime) -> Taken:
    """Write a version of the table of labels that has the file's labels too.

    Args:
        file: CSV as ``components.labels.sample`` writes it, with CORRECTED and LABELLED_BY filled in; rows without a
            duration are left out.
        now: When it is taken, with a time zone.

    Raises:
        LabelsError: Something is wrong with the file.
    """
    given = _read(file)
    filled = given.filter(pl.col(CORRECTED).is_not_null() | pl.col(LABELLED_BY).is_not_null())
    checked = filled.with_columns(
        pl.col(CORRECTED).cast(pl.Float64, strict=False).alias(_SECONDS),
        pl.col(DATA_VERSION).cast(pl.Int64, strict=False),
    )
    faults = pl.concat([_faulty_rows(checked), _unknown_trips(platform, checked)]).sort(_ROW, maintain_order=True)
    problems = [f"row {row}: {reason}" for row, reason in faults.iter_rows()]
    if not problems and checked.is_empty():
        problems = [f"no row has a {CORRECTED}; fill it in for the trips that were looked at"]
    if problems:
        raise LabelsError(file, problems)
    labels = checked.select(TRIP_KEY, pl.col(_SECONDS).alias(CORRECTED), LABELLED_BY)
    return Taken(add_labels(platform, labels, now), len(labels), len(given) - len(filled))


def _read(file: Path) -> pl.DataFrame:
    """The needed columns as text without blanks around it, empty ones null, and the number of each row."""
    try:
        given = pl.read_csv(file, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise LabelsError(
            file, [f"it cannot be read as CSV in UTF-8 with commas: {str(error).splitlines()[0]}"]
        ) from error
    problems = [f"column {name!r} is missing" for name in NEEDED if name not in given.columns]
    problems += [
        f"column {name!r} is not known; give the columns of the sample" for name in given.columns if name not in COLUMNS
    ]
    if problems:
        raise LabelsError(file, problems)
    text = pl.col(NEEDED).str.strip_chars()
    return given.select(pl.when(text != "").then(text)).with_row_index(_ROW, offset=2)


def _faulty_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Row number and reason of what can be seen without the trips."""
    seconds, corrected, who = pl.col(_SECONDS), pl.col(CORRECTED), pl.col(LABELLED_BY)
    low, high = contract.MIN_DURATION_SECONDS, contract.MAX_DURATION_SECONDS
    key = pl.col(TRIP_KEY)
    reasons = [
        (key.is_null(), pl.lit(f"{TRIP_KEY} is empty")),
        (key.is_not_null() & key.is_duplicated(), pl.format("trip {} is in the file twice", key)),
        (pl.col(DATA_VERSION).is_null(), pl.lit(f"{DATA_VERSION} must be a whole number")),
        (corrected.is_null(), pl.lit(f"{LABELLED_BY} is given without a {CORRECTED}")),
        (corrected.is_not_null() & seconds.is_null(), pl.format(f"{CORRECTED} '{{}}' is no number", corrected)),
        (
            seconds.is_not_null() & ~seconds.is_between(low, high),
            pl.format(f"{CORRECTED} {{}} is impossible; a trip takes {low:g} to {high:g} seconds", corrected),
        ),
        (
            ~who.str.contains(_WHO).fill_null(False),
            pl.format(
                f"{LABELLED_BY} '{{}}' must be a login or initials, of letters, digits, dot, hyphen and underscore",
                who.fill_null(""),
            ),
        ),
    ]
    return pl.concat(rows.filter(wrong).select(_ROW, why.alias(_REASON)) for wrong, why in reasons)


def _unknown_trips(platform: Platform, rows: pl.DataFrame) -> pl.DataFrame:
    """Row number and reason of rows whose trip is not in the data version that they name."""
    named = rows.filter(pl.col(TRIP_KEY).is_not_null(), pl.col(DATA_VERSION).is_not_null())
    parts = named.partition_by(DATA_VERSION)
    return pl.concat([rows.head(0).select(_ROW, pl.lit("").alias(_REASON)), *_strangers(platform, parts)])


def _strangers(platform: Platform, parts: list[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    for part in parts:
        version = part[DATA_VERSION][0]
        try:
            trips = tables.scan(platform, tables.TRIPS, version)
        except tables.TableError as error:
            yield part.select(_ROW, pl.lit(str(error)).alias(_REASON))
            continue
        seconds = pickup_seconds(part[TRIP_KEY]).drop_nulls().unique()
        near = trips.filter(pl.col(contract.PICKUP_TIME).dt.truncate("1s").is_in(seconds.implode())).collect()
        unknown = part.filter(~pl.col(TRIP_KEY).is_in(trip_keys(near).implode()))
        yield unknown.select(
            _ROW, pl.format(f"version {version} of the trips has no trip '{{}}'", pl.col(TRIP_KEY)).alias(_REASON)
        )
