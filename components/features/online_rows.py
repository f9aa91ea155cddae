"""Rows of Feast's online tables in Postgres, written in bulk.

The tables and their content are those of Feast's own Postgres store: a row for each feature of each key, its value as a
protocol buffer. Feast makes these one by one in Python; here whole columns become one COPY, and only rows that differ
from what is there are written.
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain

import numpy as np
import polars as pl
from psycopg import Cursor, sql

from components import contract

COLUMNS = ("entity_key", "feature_name", "value", "value_text", "event_ts", "created_ts")

# https://www.postgresql.org/docs/16/sql-copy.html, "Binary Format".
_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_TRAILER = struct.pack(">h", -1)
_NULL = struct.pack(">i", -1)
_EPOCH_MICROSECONDS = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
# Feast's numbers of the types of join keys (feast.value_type), and the tag of a double in its Value.
_STRING, _INT64 = 2, 4
_DOUBLE_TAG = b"\x29"
_CHUNK_KEYS = 50_000


def _named(alias: str) -> sql.Composed:
    """The columns that a row can change in, of the table with this alias."""
    return sql.SQL(", ").join(sql.Identifier(alias, name) for name in COLUMNS[2:])


_CHANGING = {
    "changing": sql.SQL(", ").join(map(sql.Identifier, COLUMNS[2:])),
    "there": _named("there"),
    "new": _named("new"),
}
_UPDATE = sql.SQL(
    "UPDATE {target} AS there SET ({changing}) = ({new}) FROM incoming AS new WHERE there.entity_key = new.entity_key "
    "AND there.feature_name = new.feature_name AND ({there}) IS DISTINCT FROM ({new})"
)
_INSERT = sql.SQL(
    "INSERT INTO {target} ({columns}) SELECT {columns} FROM incoming AS new WHERE NOT EXISTS (SELECT FROM {target} "
    "AS there WHERE there.entity_key = new.entity_key AND there.feature_name = new.feature_name)"
)


def table(view: str) -> sql.Identifier:
    """The online table of a view."""
    return sql.Identifier(f"{contract.FEAST_PROJECT}_{view}")


def write(cursor: "Cursor[tuple[object, ...]]", view: str, key: str, rows: pl.DataFrame) -> None:
    """Insert or replace features in the cursor's transaction; what is online already is not written again.

    Args:
        view: The features' view.
        key: Name of its join key.
        rows: [n] with distinct keys (Int64, not null), EVENT_TIME (Datetime, UTC) and features (Float64; null is none).
    """
    cursor.execute(sql.SQL("CREATE TEMP TABLE incoming (LIKE {}) ON COMMIT DROP").format(table(view)))
    columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    with cursor.copy(sql.SQL("COPY incoming ({}) FROM STDIN (FORMAT BINARY)").format(columns)) as copy:
        for part in encoded(key, rows):
            copy.write(part)
    # Nobody else writes in this transaction, and ON CONFLICT would take twice the time.
    for statement in (_UPDATE, _INSERT):
        cursor.execute(statement.format(target=table(view), columns=columns, **_CHANGING))
    cursor.execute("DROP TABLE incoming")


def retain_keys(cursor: "Cursor[tuple[object, ...]]", view: str, key: str, kept: pl.Series) -> None:
    """Delete the features of all keys but these."""
    others = sql.SQL("DELETE FROM {} WHERE NOT (entity_key = ANY(%s))").format(table(view))
    cursor.execute(others, (_keys(key, kept),))


def retain_times(cursor: "Cursor[tuple[object, ...]]", view: str, first: datetime, last: datetime) -> None:
    """Delete features whose time is outside [first, last].

    Feast's online reads do not honour the time to live, so what is too old for a point-in-time join must go.
    """
    outside = sql.SQL("DELETE FROM {} WHERE event_ts NOT BETWEEN %s AND %s").format(table(view))
    cursor.execute(outside, (first, last))


def keys(cursor: "Cursor[tuple[object, ...]]", view: str) -> int:
    """How many keys are online."""
    row = cursor.execute(sql.SQL("SELECT count(DISTINCT entity_key) FROM {}").format(table(view))).fetchone()
    assert row is not None
    return int(str(row[0]))


def upsert(target: sql.Identifier) -> sql.Composed:
    """Move the rows of ``incoming`` to a table that others may write as well; rows that are there stay untouched."""
    columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    return sql.SQL(
        "INSERT INTO {target} AS there ({columns}) SELECT {columns} FROM incoming AS new "
        "ON CONFLICT (entity_key, feature_name) DO UPDATE SET ({changing}) = ({excluded}) "
        "WHERE ({there}) IS DISTINCT FROM ({excluded})"
    ).format(target=target, columns=columns, excluded=_named("excluded"), **_CHANGING)


def encoded(key: str, rows: pl.DataFrame) -> Iterator[bytes]:
    """Rows of an online table in Postgres' binary COPY format, in the order of the table's primary key.

    In another order every row would touch another page of the index.
    """
    numbers = rows[key].to_numpy().astype("<i8")
    ordered = rows[np.argsort(numbers.view(">u8"))]
    features = sorted(name for name in rows.columns if name not in (key, contract.EVENT_TIME))
    entities = [struct.pack(">i", len(text)) + text for text in _keys(key, ordered[key])]
    microseconds = ordered[contract.EVENT_TIME].dt.timestamp("us").to_numpy() - _EPOCH_MICROSECONDS
    times = _pieces(struct.pack(">i", 8), microseconds.astype(">i8"))
    columns = [_feature(name, entities, ordered[name], times) for name in features]
    yield _HEADER
    for first in range(0, len(rows), _CHUNK_KEYS):
        yield b"".join(
            chain.from_iterable(zip(*(column[first : first + _CHUNK_KEYS] for column in columns), strict=True))
        )
    yield _TRAILER


def _feature(name: str, keys: list[bytes], values: pl.Series, times: list[bytes]) -> list[bytes]:
    """The row of each key."""
    feature = struct.pack(">i", len(name)) + name.encode()
    return [
        b"\0\x06" + key + feature + value + time + _NULL
        for key, value, time in zip(keys, _values(values), times, strict=True)
    ]


def _keys(name: str, keys: pl.Series) -> list[bytes]:
    """Keys as Feast's ``serialize_entity_key`` writes them, version 3, for one join key of whole numbers."""
    head = struct.pack("<III", 1, _STRING, len(name)) + name.encode() + struct.pack("<II", _INT64, 8)
    return _pieces(head, keys.to_numpy().astype("<i8"))


def _values(values: pl.Series) -> list[bytes]:
    """The columns ``value`` and ``value_text`` of a feature."""
    head = struct.pack(">i", len(_DOUBLE_TAG) + 8) + _DOUBLE_TAG
    numbers = _pieces(head, values.fill_null(0.0).to_numpy().astype("<f8"))
    nothing = struct.pack(">i", 0) + _NULL
    texts = [None if value is None else str(value).encode() for value in values.to_list()]
    return [
        nothing if text is None else number + struct.pack(">i", len(text)) + text
        for number, text in zip(numbers, texts, strict=True)
    ]


def _pieces(head: bytes, numbers: np.ndarray) -> list[bytes]:
    """The bytes of each number, with the same bytes before each."""
    raw, width = numbers.tobytes(), numbers.itemsize
    return [head + raw[place : place + width] for place in range(0, len(raw), width)]
