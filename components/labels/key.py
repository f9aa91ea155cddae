"""A name for each trip: the TLC's records have none."""

import hashlib
import json
from datetime import datetime

import polars as pl

from components import contract

TRIP_KEY = "trip_key"

_NAMES = tuple(column.name for column in contract.COLUMNS)
_TIME = "%Y%m%d%H%M%S"


def trip_keys(trips: pl.DataFrame) -> pl.Series:
    """The key of each trip, e.g. ``20260105083000-0a1b2c3d4e5f6071``: its pick-up time, then a digest of its record.

    The digest is over the values of the contract's columns that are not null, so a column that the contract gains later
    changes no key of the trips that lack it. A record that its source corrects gets another key: a label is for the
    record that a person looked at. Records that are equal in all columns share a key.

    It takes some microseconds a trip: filter by ``pickup_seconds`` first.

    Args:
        trips: With the contract's columns; others are ignored.
    """
    records = trips.select(_NAMES).iter_rows(named=True)
    return pl.Series(TRIP_KEY, [_key(record) for record in records], dtype=pl.String)


def pickup_seconds(keys: pl.Series) -> pl.Series:
    """The pick-up times of keys, cut to the second; null for a text that is no key."""
    is_key = keys.str.contains(r"^\d{14}-[0-9a-f]{16}$")
    times = keys.str.slice(0, 14).str.to_datetime(_TIME, time_unit="us", strict=False)
    return pl.select(pl.when(is_key).then(times)).to_series()


def _key(record: dict[str, object]) -> str:
    values = {name: value for name, value in record.items() if value is not None}
    content = json.dumps(values, sort_keys=True, default=_text)
    started = record[contract.PICKUP_TIME]
    assert isinstance(started, datetime)
    return f"{started:{_TIME}}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def _text(value: object) -> str:
    """A time as text; the contract has no other kind that JSON lacks."""
    assert isinstance(value, datetime)
    return value.isoformat()
