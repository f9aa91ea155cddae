"""The table of labels: durations that people corrected. Each version holds all labels that were taken by then."""

import hashlib
from datetime import datetime

import polars as pl

from components import contract, tables
from components.database import alone, open_engine
from components.labels.key import TRIP_KEY, pickup_seconds, trip_keys
from components.platform import Platform

LABELS = "labels"
CORRECTED, LABELLED_BY, TAKEN_AT = "corrected_seconds", "labelled_by", "taken_at"
SCHEMA = {
    TRIP_KEY: pl.String(),
    CORRECTED: pl.Float64(),
    LABELLED_BY: pl.String(),
    TAKEN_AT: pl.Datetime("us", "UTC"),
}

_ROW = "__row"
_MICROSECONDS = 1_000_000


def read_labels(platform: Platform, version: int | None = None) -> pl.DataFrame:
    """The labels of a version, the newest by default: one row a trip, as ``SCHEMA``.

    Raises:
        components.tables.TableError: There is no such version.
    """
    return tables.scan(platform, LABELS, version).collect()


def add_labels(platform: Platform, labels: pl.DataFrame, now: datetime) -> int:
    """Write a version of the table that has these labels too; a trip's newer label replaces the older.

    Labels that are in the newest version already change nothing.

    Args:
        labels: TRIP_KEY, CORRECTED and LABELLED_BY, one row a trip.
        now: When they are taken, with a time zone.

    Returns:
        The version that holds them.
    """
    # Two who add at once would each write the older labels and their own; the second would undo the first.
    with alone(open_engine(platform), "labels"):
        newest = tables.latest_version(platform, LABELS)
        before = pl.DataFrame(schema=SCHEMA) if newest is None else read_labels(platform, newest)
        after = merged(before, labels.with_columns(pl.lit(now).alias(TAKEN_AT)))
        if newest is not None and after.equals(before):
            return newest
        fingerprint = hashlib.sha256(after.write_csv().encode()).hexdigest()
        return tables.write_version(platform, LABELS, after.to_arrow(), fingerprint)


def merged(before: pl.DataFrame, added: pl.DataFrame) -> pl.DataFrame:
    """All labels, sorted by key: of two for one trip the added one, unless both say the same."""
    known = before.select(TRIP_KEY, CORRECTED, LABELLED_BY)
    news = added.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items()).join(
        known, on=known.columns, how="anti"
    )
    kept = before.join(news, on=TRIP_KEY, how="anti")
    return pl.concat([kept.select(*SCHEMA), news]).sort(TRIP_KEY)


def apply_labels(trips: pl.LazyFrame, labels: pl.DataFrame) -> pl.LazyFrame:
    """Trips as people say that they were: a labelled trip's drop-off is its pick-up and the corrected duration.

    Target and features follow from the drop-off, so both are corrected. Labels of other trips change nothing.

    Args:
        trips: With all columns of the contract, which name a trip; in any order, which stays.
        labels: As from ``read_labels``.
    """
    return trips.map_batches(lambda part: _corrected(part, labels), schema=trips.collect_schema(), streamable=True)


def _corrected(trips: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """``apply_labels`` on rows in memory; only trips that begin in the same second as a labelled one are named."""
    started = pl.col(contract.PICKUP_TIME)
    seconds = pickup_seconds(labels[TRIP_KEY]).unique()
    near = trips.with_row_index(_ROW).filter(started.dt.truncate("1s").is_in(seconds.implode()))
    found = near.with_columns(trip_keys(near)).join(labels, on=TRIP_KEY)
    ended = found.select(started + pl.duration(microseconds=(pl.col(CORRECTED) * _MICROSECONDS).round())).to_series()
    return trips.with_columns(trips[contract.DROPOFF_TIME].scatter(found[_ROW], ended))
