"""One run for one cause: who asks for a run that is under way waits for it and gets its result."""

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Connection, DateTime, Engine, MetaData, String, Table, func, insert, select

from components.database import alone, open_engine
from components.platform import Platform

_SCHEMA = MetaData()
_RESULTS = Table(
    "pipeline_results",
    _SCHEMA,
    Column("cause", String(64), nullable=False, index=True),
    Column("ended", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("result", JSON, nullable=False),
)


def cause(pipeline: str, version: str, arguments: Mapping[str, Any]) -> str:
    """SHA-256 of what a run is about: pipeline, its version, and the arguments that decide what it does."""
    return hashlib.sha256(json.dumps([pipeline, version, dict(arguments)], sort_keys=True).encode()).hexdigest()


def run_once(platform: Platform, about: str, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run, unless another process is at it already for the same cause; then wait for its result.

    Where the other process dies without a result, this one runs in its place.

    Args:
        platform: Its pipelines' database holds locks and results.
        about: As from ``cause``.
        run: Returns a result that JSON can hold.

    Returns:
        The result, with ``joined`` that says whether another process made it.
    """
    engine = open_engine(platform)
    name, began = f"pipeline run {about}", _now(engine)
    with alone(engine, name, wait=False) as lock:
        if lock is not None:
            return _run(engine, about, run)
    sys.stderr.write("joined: a run for the same input is under way; waiting for it\n")
    with alone(engine, name):
        found = _result_since(engine, about, began)
        return found | {"joined": True} if found else _run(engine, about, run)


def _run(engine: Engine, about: str, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    _create_table(engine)
    result = run()
    with engine.begin() as connection:
        connection.execute(insert(_RESULTS).values(cause=about, result=result))
    return result | {"joined": False}


def _create_table(engine: Engine) -> None:
    """Make the table once, whoever comes first."""
    with alone(engine, "pipeline results table"):
        _SCHEMA.create_all(engine)


def _now(engine: Engine) -> datetime:
    with engine.connect() as connection:
        return _scalar(connection, select(func.now()))


def _result_since(engine: Engine, about: str, moment: datetime) -> dict[str, Any] | None:
    """The newest result of a cause that came after a moment, by the database's clock."""
    newest = (
        select(_RESULTS.c.result)
        .where(_RESULTS.c.cause == about, _RESULTS.c.ended >= moment)
        .order_by(_RESULTS.c.ended.desc())
    )
    _create_table(engine)
    with engine.connect() as connection:
        return _scalar(connection, newest.limit(1))


def _scalar(connection: Connection, query: Any) -> Any:
    return connection.execute(query).scalar()
