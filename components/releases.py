"""What came of releases, as rows of the pipelines' database."""

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Engine,
    Identity,
    Integer,
    MetaData,
    Table,
    Text,
    func,
    insert,
    select,
)

from components.database import making_tables, open_engine
from components.platform import Platform

RELEASED, ROLLED_BACK = "released", "rolled back"

_SCHEMA = MetaData()
_RELEASES = Table(
    "releases",
    _SCHEMA,
    Column("id", Integer, Identity(), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    # The model version that was tried, and the one that answers now.
    Column("version", Integer, nullable=False),
    Column("serves", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
)


def open_releases(platform: Platform) -> Engine:
    """An engine on the releases; their table is made once, whoever comes first.

    Args:
        platform: Its pipelines' database is opened.
    """
    engine = open_engine(platform)
    with making_tables(engine, "releases table") as connection:
        _SCHEMA.create_all(connection)
    return engine


def add_release(engine: Engine, *, version: int, serves: int, outcome: str, reason: str, by: str) -> None:
    """Keep what came of a release.

    Args:
        engine: As from ``open_releases``.
        version: Model version that was tried.
        serves: That answers now.
        outcome: RELEASED or ROLLED_BACK.
        reason: Why.
        by: Who decided.
    """
    row = {"version": version, "serves": serves, "outcome": outcome, "reason": reason, "by": by}
    with engine.begin() as connection:
        connection.execute(insert(_RELEASES).values(row))


def counted(connection: Connection) -> dict[str, int]:
    """How many releases ended how; 0 where none did."""
    rows = connection.execute(select(_RELEASES.c.outcome, func.count()).group_by(_RELEASES.c.outcome))
    return {RELEASED: 0, ROLLED_BACK: 0} | dict(rows.all())
