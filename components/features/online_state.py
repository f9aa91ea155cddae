"""What the online store holds besides features: what was brought online, and what was pushed since.

It lies in the online store's own database, so that features and what is known of them change in one transaction: after
a kill both are as before or both as after. Whoever writes features holds a lock, so writers come one after another.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from datetime import datetime

import polars as pl
import psycopg
from psycopg import Cursor, sql

from components import contract
from components.features import aggregates
from components.platform import Platform

Transaction = Cursor[tuple[object, ...]]

STATE = sql.Identifier(f"{contract.FEAST_PROJECT}_online_state")
PUSHED = sql.Identifier(f"{contract.FEAST_PROJECT}_pushed_trips")
# What tells one trip from another: of trips that are equal in these, one counts.
IDENTITY = (contract.PICKUP_TIME, contract.DROPOFF_TIME, contract.PICKUP_ZONE, contract.DROPOFF_ZONE, "distance")

_LOCK = "online features"
_CREATE = (
    sql.SQL(
        "CREATE TABLE IF NOT EXISTS {} (zone_features_version bigint NOT NULL, pair_features_version bigint NOT NULL, "
        "materialized timestamptz NOT NULL, newest timestamptz NOT NULL, data_version bigint, last_ended timestamptz)"
    ).format(STATE),
    # They follow from the others; databases of before have them.
    sql.SQL("ALTER TABLE {} DROP COLUMN IF EXISTS materialized_hour, DROP COLUMN IF EXISTS hour").format(STATE),
    sql.SQL(
        "CREATE TABLE IF NOT EXISTS {} (pickup timestamp, dropoff timestamp, pickup_zone int, dropoff_zone int, "
        "distance bigint, PRIMARY KEY (dropoff, pickup, pickup_zone, dropoff_zone, distance))"
    ).format(PUSHED),
)
_PUSHED_TYPES = {
    contract.PICKUP_TIME: pl.Datetime("us"),
    contract.DROPOFF_TIME: pl.Datetime("us"),
    contract.PICKUP_ZONE: pl.Int64,
    contract.DROPOFF_ZONE: pl.Int64,
    "distance": pl.Int64,
}


@dataclass(frozen=True, kw_only=True)
class State:
    """What is online.

    Attributes:
        zone_features_version: Version of the table of zone features that was materialised.
        pair_features_version: Likewise of pair features.
        materialized: The time that was materialised to.
        newest: The newest time that counts, pushed trips included; nothing online is older than the time to live
            before it.
        data_version: Version of the trips that these tables were built from; None where that is not known.
        last_ended: When the last of these trips ended; None where that is not known.
    """

    zone_features_version: int
    pair_features_version: int
    materialized: datetime
    newest: datetime
    data_version: int | None
    last_ended: datetime | None

    @property
    def hour(self) -> datetime:
        """The time of the snapshots of zones that are online: the last hour that is over."""
        return aggregates.step_begin(self.newest, aggregates.HOUR)

    @property
    def day(self) -> datetime:
        """The time of the newest snapshots of pairs that are online: the last day that is over."""
        return aggregates.step_begin(self.newest, aggregates.DAY)


@contextmanager
def transaction(platform: Platform) -> Iterator[Transaction]:
    """A transaction on the online store that no other writer shares; it is undone where the block raises."""
    with (
        psycopg.connect(
            host=platform.feast_online_host,
            port=platform.feast_online_port,
            dbname=platform.feast_online_database,
            user=platform.feast_online_user,
            password=platform.feast_online_password.get_secret_value(),
            sslmode=platform.feast_online_sslmode,
            connect_timeout=10,
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (_LOCK,))
        # An answer in another zone would be the same instant, but not the same day.
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
        for statement in _CREATE:
            cursor.execute(statement)
        yield cursor


def read(cursor: Transaction) -> State | None:
    """The state, or None where nothing was materialised yet."""
    names = sql.SQL(", ").join(sql.Identifier(field.name) for field in fields(State))
    row = cursor.execute(sql.SQL("SELECT {} FROM {}").format(names, STATE)).fetchone()
    return None if row is None else State(**dict(zip((f.name for f in fields(State)), row, strict=True)))  # pyright: ignore[reportArgumentType]


def save(cursor: Transaction, state: State) -> None:
    """Replace the state."""
    cursor.execute(sql.SQL("DELETE FROM {}").format(STATE))
    names = sql.SQL(", ").join(sql.Identifier(field.name) for field in fields(State))
    places = sql.SQL(", ").join(sql.Placeholder() for _ in fields(State))
    cursor.execute(sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(STATE, names, places), astuple(state))


def identified(trips: pl.LazyFrame) -> pl.LazyFrame:
    """IDENTITY of trips: wall clock, zones, ten-thousandths of a mile."""
    distance = aggregates.distance_units().alias("distance")
    return trips.select(*IDENTITY[:4], distance).cast(_PUSHED_TYPES)  # pyright: ignore[reportArgumentType]


def pushed(cursor: Transaction) -> pl.DataFrame:
    """All pushed trips that no batch has: IDENTITY, and DISTANCE in miles."""
    query = sql.SQL("SELECT pickup, dropoff, pickup_zone, dropoff_zone, distance FROM {}").format(PUSHED)
    found = pl.DataFrame(cursor.execute(query).fetchall(), schema=_PUSHED_TYPES, orient="row")
    return found.with_columns(aggregates.miles(pl.col("distance")).alias(contract.DISTANCE))


def add_pushed(cursor: Transaction, trips: pl.DataFrame) -> pl.DataFrame:
    """Keep pushed trips.

    Args:
        trips: With IDENTITY, distinct.

    Returns:
        Those that were not there before.
    """
    statement = sql.SQL("INSERT INTO {} VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING 1").format(PUSHED)
    cursor.executemany(statement, trips.select(IDENTITY).rows(), returning=True)
    # One result for each trip: a row where it is new.
    new = [result.fetchone() is not None for result in cursor.results()]
    return trips.filter(pl.Series(new, dtype=pl.Boolean))


def forget(cursor: Transaction, trips: pl.DataFrame) -> None:
    """Forget pushed trips."""
    statement = sql.SQL(
        "DELETE FROM {} WHERE (pickup, dropoff, pickup_zone, dropoff_zone, distance) = (%s, %s, %s, %s, %s)"
    ).format(PUSHED)
    cursor.executemany(statement, trips.select(IDENTITY).rows())
