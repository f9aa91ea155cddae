"""The tables of ``monitoring.state``, and what can be asked of them without knowing what a measurement is.

Times of windows are those of the monitor's clock (``monitoring.clock``); ``recorded``, ``began`` and ``ended`` are the
database's.
"""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict
from sqlalchemy import (
    JSON,
    Column,
    Connection,
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

from components.database import making_tables, open_engine
from components.platform import Platform

# Name of the slice that all rows are in.
ALL = "all"
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
    # ``Measures``.
    Column("measures", JSON, nullable=False),
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
    # Some of the rows, for people to compare with; Parquet.
    Column("sample", LargeBinary, nullable=False),
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
    """What a window is counted as: the first that holds."""

    # Columns are not those of the contract, so nothing was measured.
    SCHEMA_SKEW = "schema_skew"
    FAULT = "fault"
    DEGRADED = "degraded"
    DRIFT = "drift"
    NOT_ENOUGH = "not_enough_data"
    CALM = "calm"


class Measures(BaseModel):
    """What is shown of a window; what is not known is None, or not there.

    Attributes:
        drifted_share: Of the compared columns, those that drifted by Evidently's verdict.
        prediction_drift: Evidently's statistic of the predictions.
        feature_drift: The same by feature.
        feature_drifted: By feature 1 where it is more than calm windows do, else 0.
        mae_seconds: Mean absolute error by slice; that of all rows is under ``ALL``.
        mae_reference_seconds: What the champion's reference lets expect of it.
        label_coverage: Of the labels that are due, the share that has arrived.
        labelled_rows: Labels that have arrived.
        training_serving_skew: The largest share of rows in which a feature is not what training makes of the trip.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    drifted_share: float | None
    prediction_drift: float | None
    feature_drift: dict[str, float]
    feature_drifted: dict[str, float]
    mae_seconds: dict[str, float]
    mae_reference_seconds: dict[str, float]
    label_coverage: float | None
    labelled_rows: float
    training_serving_skew: float | None


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
    with making_tables(engine, "monitor tables") as connection:
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


def counted_windows(connection: Connection) -> dict[tuple[str, str], int]:
    """How many windows there were by ``Outcome`` and action."""
    kinds = (WINDOWS.c.outcome, WINDOWS.c.action)
    rows = connection.execute(select(*kinds, func.count()).group_by(*kinds))
    return {(outcome, action): count for outcome, action, count in rows}


def counted_retrains(connection: Connection) -> dict[str, int]:
    """How many retrainings ended by ``Result``."""
    ended = select(RETRAINS.c.result, func.count()).where(RETRAINS.c.result.is_not(None))
    return dict(connection.execute(ended.group_by(RETRAINS.c.result)).all())


def newest_measures(connection: Connection) -> tuple[datetime, Measures] | None:
    """When the newest window was kept and what is shown of it, or None before the first."""
    newest = select(WINDOWS.c.recorded, WINDOWS.c.measures).order_by(WINDOWS.c.start.desc()).limit(1)
    row = connection.execute(newest).first()
    return None if row is None else (row.recorded, Measures.model_validate(row.measures))
