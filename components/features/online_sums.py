"""Sums over ended trips by zone and hour, and by pair and day, in the online store's database.

They are exact whole numbers, loaded with each batch and added to by each push; a window over them is what the batch
would compute over all trips at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
from psycopg import sql

from components import contract
from components.features import aggregates
from components.features.aggregates import SUMS
from components.features.online_state import Transaction

# A late trip can be the newest of its pair; the window before it then reaches back so far.
KEPT = 2 * aggregates.FOUR_WEEKS


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One of the two tables of sums.

    Attributes:
        table: Its name.
        key: The join key that its column ``key`` holds.
        step: How long each of its sums goes back.
    """

    table: sql.Identifier
    key: str
    step: timedelta


ZONES = Kind(table=sql.Identifier(f"{contract.FEAST_PROJECT}_zone_sums"), key=contract.ZONE_KEY, step=aggregates.HOUR)
PAIRS = Kind(table=sql.Identifier(f"{contract.FEAST_PROJECT}_pair_sums"), key=contract.PAIR_KEY, step=aggregates.DAY)


def replace(cursor: Transaction, kind: Kind, rows: pl.DataFrame) -> None:
    """Make these rows the whole table.

    Args:
        rows: The kind's key, EVENT_TIME (the end of the hour or day), SUMS; distinct by key and time.
    """
    cursor.execute(_create(kind))
    cursor.execute(sql.SQL("TRUNCATE {}").format(kind.table))
    _copy(cursor, kind.table, kind, rows)


def add(cursor: Transaction, kind: Kind, trips: pl.DataFrame) -> None:
    """Add trips, with the contract's columns, to the sums of their key and time."""
    cursor.execute(_create(kind))
    incoming = sql.Identifier("incoming_sums")
    cursor.execute(sql.SQL("CREATE TEMP TABLE {} (LIKE {}) ON COMMIT DROP").format(incoming, kind.table))
    key = aggregates.zone_key() if kind is ZONES else aggregates.pair_key()
    _copy(cursor, incoming, kind, aggregates.step_sums(trips.lazy(), key, kind.step))
    added = sql.SQL(", ").join(sql.SQL("{0} = there.{0} + excluded.{0}").format(sql.Identifier(name)) for name in SUMS)
    cursor.execute(
        sql.SQL("INSERT INTO {} AS there SELECT * FROM {} ON CONFLICT (key, ended) DO UPDATE SET {}").format(
            kind.table, incoming, added
        )
    )
    cursor.execute(sql.SQL("DROP TABLE {}").format(incoming))


def zone_rows(cursor: Transaction, hour: datetime, zones: Sequence[int] | None) -> pl.DataFrame:
    """The features of zones at the end of an hour, as ``aggregates.zone_features`` makes them.

    Args:
        hour: Its end.
        zones: Which; None for all that had a trip by then.
    """
    last_hour = _sum_over(sql.SQL("ended = %(hour)s"))
    last_weeks = _sum_over(sql.SQL("ended > %(since)s AND ended <= %(hour)s"))
    query = sql.SQL(
        "SELECT key, {}, {} FROM {} WHERE ended <= %(hour)s AND (%(zones)s::bigint[] IS NULL OR key = ANY(%(zones)s)) "
        "GROUP BY key"
    )
    values = {"hour": hour, "since": hour - aggregates.FOUR_WEEKS, "zones": None if zones is None else list(zones)}
    found = cursor.execute(query.format(last_hour, last_weeks, ZONES.table), values).fetchall()
    names = [f"{name}_{span}" for span in ("1h", "4w") for name in SUMS]
    rows = pl.DataFrame(found, schema=dict.fromkeys([ZONES.key, *names], pl.Int64), orient="row")
    return rows.select(
        ZONES.key,
        pl.lit(hour, dtype=pl.Datetime("us", "UTC")).alias(contract.EVENT_TIME),
        *aggregates.described("zone", "1h", "_1h"),
        *aggregates.described("zone", "4w", "_4w"),
    )


def keys(cursor: Transaction, kind: Kind, after: datetime, until: datetime) -> list[int]:
    """The keys of trips that ended in the steps that ended in (after, until]."""
    query = sql.SQL("SELECT DISTINCT key FROM {} WHERE ended > %s AND ended <= %s").format(kind.table)
    return [int(str(key)) for (key,) in cursor.execute(query, (after, until)).fetchall()]


def pair_rows(cursor: Transaction, pairs: Sequence[int], since: datetime, until: datetime) -> pl.DataFrame:
    """The newest features of pairs, as ``aggregates.pair_features`` makes them.

    Args:
        pairs: Which.
        since: None that are older.
        until: None of days that end later.
    """
    query = sql.SQL(
        "WITH newest AS (SELECT key, max(ended) AS day FROM {sums} WHERE key = ANY(%(pairs)s) AND ended <= %(until)s "
        "GROUP BY key) "
        "SELECT key, day, {totals} FROM {sums} JOIN newest USING (key) "
        # Hours, because days follow the clock of a time zone.
        "WHERE day >= %(since)s AND ended > day - interval '672 hours' AND ended <= day GROUP BY key, day"
    ).format(sums=PAIRS.table, totals=_sum_over(sql.SQL("true")))
    found = cursor.execute(query, {"pairs": list(pairs), "since": since, "until": until}).fetchall()
    kinds = {PAIRS.key: pl.Int64, contract.EVENT_TIME: pl.Datetime("us", "UTC"), **dict.fromkeys(SUMS, pl.Int64)}
    rows = pl.DataFrame(found, schema=kinds, orient="row")
    return rows.select(PAIRS.key, contract.EVENT_TIME, *aggregates.described("pair", "4w"))


def _sum_over(condition: sql.SQL) -> sql.Composed:
    """SUMS of the rows that meet a condition; 0 where none does."""
    total = sql.SQL("coalesce(sum({}) FILTER (WHERE {}), 0)::bigint")
    return sql.SQL(", ").join(total.format(sql.Identifier(name), condition) for name in SUMS)


def _create(kind: Kind) -> sql.Composed:
    return sql.SQL(
        "CREATE TABLE IF NOT EXISTS {} (key bigint, ended timestamptz, trips bigint NOT NULL, "
        "duration bigint NOT NULL, distance bigint NOT NULL, PRIMARY KEY (key, ended))"
    ).format(kind.table)


def _copy(cursor: Transaction, target: sql.Identifier, kind: Kind, rows: pl.DataFrame) -> None:
    text = rows.select(kind.key, contract.EVENT_TIME, *SUMS).write_csv(
        include_header=False, datetime_format="%Y-%m-%d %H:%M:%S%.6f+00"
    )
    with cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT CSV)").format(target)) as copy:
        copy.write(text)
