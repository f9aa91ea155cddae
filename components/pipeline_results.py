"""What came of the pipeline runs of this stack, as rows of the pipelines' database.

Runs that Kubeflow Pipelines carries out are not among them: it counts its own.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Connection, DateTime, Engine, MetaData, String, Table, func, insert, select, text
from sqlalchemy.dialects.postgresql import distinct_on

from components.database import making_tables, open_engine
from components.platform import Platform

# The pipelines that there are, and how a run ends.
PIPELINES = ("training", "features", "scoring", "monitoring")
STATUSES = ("succeeded", "failed")

_SCHEMA = MetaData()
_RESULTS = Table(
    "pipeline_results",
    _SCHEMA,
    Column("cause", String(64), nullable=False, index=True),
    # Empty in rows of versions of this project that did not note it.
    Column("pipeline", String(64), nullable=False, server_default=""),
    Column("ended", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("result", JSON, nullable=False),
)
_ADD_PIPELINE = text("ALTER TABLE pipeline_results ADD COLUMN IF NOT EXISTS pipeline VARCHAR(64) NOT NULL DEFAULT ''")


def open_results(platform: Platform) -> Engine:
    """An engine on the results; their table is made once, whoever comes first, and an older one is brought up to date.

    Args:
        platform: Its pipelines' database is opened.
    """
    engine = open_engine(platform)
    with making_tables(engine, "pipeline results table") as connection:
        _SCHEMA.create_all(connection)
        connection.execute(_ADD_PIPELINE)
    return engine


def add_result(engine: Engine, *, pipeline: str, cause: str, result: dict[str, Any]) -> None:
    """Keep what came of a run.

    Args:
        engine: As from ``open_results``.
        pipeline: Its name.
        cause: What the run was about.
        result: What JSON can hold; of a run ``status``, one of STATUSES, and ``total_seconds``.
    """
    with engine.begin() as connection:
        connection.execute(insert(_RESULTS).values(pipeline=pipeline, cause=cause, result=result))


def newest_result(engine: Engine, cause: str, since: datetime) -> dict[str, Any] | None:
    """The newest result of a cause that came after a moment, by the database's clock."""
    newest = (
        select(_RESULTS.c.result)
        .where(_RESULTS.c.cause == cause, _RESULTS.c.ended >= since)
        .order_by(_RESULTS.c.ended.desc())
    )
    with engine.connect() as connection:
        return connection.execute(newest.limit(1)).scalar()


def counted(connection: Connection) -> dict[tuple[str, str], int]:
    """How many runs there were by pipeline and status; 0 where there was none."""
    status = _RESULTS.c.result["status"].as_string()
    found = select(_RESULTS.c.pipeline, status, func.count()).where(_RESULTS.c.pipeline != "", status.is_not(None))
    none = {(pipeline, ended): 0 for pipeline in PIPELINES for ended in STATUSES}
    rows = connection.execute(found.group_by(_RESULTS.c.pipeline, status))
    return none | {(pipeline, ended): count for pipeline, ended, count in rows}


def newest_seconds(connection: Connection) -> dict[str, float]:
    """How long the newest run took, by pipeline, in seconds."""
    seconds = _RESULTS.c.result["total_seconds"].as_float()
    newest = (
        select(_RESULTS.c.pipeline, seconds)
        .where(_RESULTS.c.pipeline != "", seconds.is_not(None))
        .order_by(_RESULTS.c.pipeline, _RESULTS.c.ended.desc())
        .ext(distinct_on(_RESULTS.c.pipeline))
    )
    return dict(connection.execute(newest).all())
