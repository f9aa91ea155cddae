"""The tables of ``monitoring.state``, and what can be asked of them without knowing what a measurement is.

Times of windows are those of the monitor's clock (``monitoring.clock``); ``recorded``, ``began`` and ``ended`` are the
database's.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    func,
    select,
)
from sqlalchemy.schema import CreateSchema

from components.database import alone, open_engine
from components.platform import Platform

_SCHEMA = MetaData()
WINDOWS = Table(
    "monitor_windows",
    _SCHEMA,
    Column("start", DateTime(timezone=True), primary_key=True),
    Column("end", DateTime(timezone=True), nullable=False),
    # Of the champion that answered, and what it was measured against: empty where there was none yet.
    Column("model_version", String(64), nullable=False),
    Column("reference_version", String(128), nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("action", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("shift", String(160), nullable=False),
    Column("gain", Float, nullable=False),
    # A ``WindowResult``; as text, because JSON in Postgres has no NaN.
    Column("result", Text, nullable=False),
    Column("recorded", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
REFERENCES = Table(
    "monitor_references",
    _SCHEMA,
    Column("version", String(128), primary_key=True),
    Column("window_seconds", Float, primary_key=True),
    Column("made_from", Text, nullable=False),
    # Compressed JSON.
    Column("reference", LargeBinary, nullable=False),
    Column("errors", LargeBinary, nullable=False),
)
RETRAINS = Table(
    "monitor_retrains",
    _SCHEMA,
    # ``Decision.shift``: one shift and attempt is one row.
    Column("shift", String(160), primary_key=True),
    Column("reference_version", String(128), nullable=False),
    Column("model_version", String(64), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("source", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("stage", String(32), nullable=False),
    Column("run_id", String(64)),
    Column("tried", String(64)),
    # Of ``Result`` once the stage is ENDED, and what was said of it.
    Column("result", String(32)),
    Column("said", Text),
    Column("began", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("ended", DateTime(timezone=True)),
)


class Outcome(StrEnum):
    """What a window is counted as."""

    MEASURED = "measured"
    NOT_ENOUGH = "not enough data"
    FAULT = "fault"


class Stage(StrEnum):
    """How far a retraining is."""

    TRAINING = "training"
    RELEASING = "releasing"
    ENDED = "ended"


class Result(StrEnum):
    """What came of a retraining."""

    RELEASED = "released"
    ROLLED_BACK = "rolled back"
    HELD = "held"
    REFUSED = "refused"
    FAILED = "failed"


def open_state(platform: Platform, schema: str) -> Engine:
    """An engine on a monitor's rows; its tables are made once, whoever comes first.

    Args:
        platform: Its pipelines' database is opened.
        schema: Of the database; another name is another monitor, such as that of a demonstration.
    """
    engine = open_engine(platform).execution_options(schema_translate_map={None: schema})
    with alone(engine, "monitor tables"), engine.begin() as connection:
        connection.execute(CreateSchema(schema, if_not_exists=True))
        _SCHEMA.create_all(connection)
    return engine


def newest_end(engine: Engine) -> datetime | None:
    """The end of the newest window, or None before the first."""
    with engine.connect() as connection:
        return connection.execute(select(func.max(WINDOWS.c.end))).scalar()


def is_retraining(engine: Engine) -> bool:
    """Whether a retraining has not ended."""
    with engine.connect() as connection:
        unfinished = select(RETRAINS.c.shift).where(RETRAINS.c.stage != Stage.ENDED)
        return connection.execute(unfinished.limit(1)).first() is not None
