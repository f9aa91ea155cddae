"""What the monitor knows and did, as rows of the pipelines' database: windows, references, retrainings.

Times of windows are those of the monitor's clock (``monitoring.clock``); ``recorded``, ``began`` and ``ended`` are the
database's.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json
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
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.schema import CreateSchema

from components.database import alone, open_engine
from components.platform import Platform
from monitoring.decision import Action, Decision
from monitoring.quality import ErrorReference
from monitoring.reference import Reference
from monitoring.window import WindowResult

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


@dataclass(frozen=True)
class Window:
    """A row of WINDOWS.

    Attributes:
        model_version: Of the champion that answered.
        reference_version: What it was measured against; empty where there was nothing yet.
        result: What was measured.
        decision: What followed.
    """

    model_version: str
    reference_version: str
    result: WindowResult
    decision: Decision

    @property
    def outcome(self) -> Outcome:
        """What it is counted as."""
        if self.result.faults:
            return Outcome.FAULT
        return Outcome.MEASURED if self.result.drift.enough else Outcome.NOT_ENOUGH


@dataclass(frozen=True, kw_only=True)
class Retraining:
    """A row of RETRAINS.

    Attributes:
        shift: Names shift and attempt.
        reference_version: What the shift was seen against.
        model_version: Of the champion.
        at: When it was decided, by the monitor's clock.
        source: What it learns from, as ``DATA=`` takes it.
        reason: Why.
        stage: How far it is.
        run_id: Of MLflow, once it is known.
        tried: The model version that it made, once the gate let one through.
        result: Once it has ended.
        said: What was said of the result.
    """

    shift: str
    reference_version: str
    model_version: str
    at: datetime
    source: str
    reason: str
    stage: Stage = Stage.TRAINING
    run_id: str | None = None
    tried: str | None = None
    result: Result | None = None
    said: str | None = None


_RESULT: TypeAdapter[WindowResult] = TypeAdapter(WindowResult)


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


def add_window(engine: Engine, window: Window) -> bool:
    """Keep a window; returns False where it is there already, and leaves that one as it is."""
    result, decision = window.result, window.decision
    row = {
        "start": result.start,
        "end": result.end,
        "model_version": window.model_version,
        "reference_version": window.reference_version,
        "outcome": window.outcome,
        "rows": result.rows,
        "action": decision.action,
        "reason": decision.reason,
        "evidence": list(decision.evidence),
        "shift": decision.shift,
        "gain": decision.gain,
        "result": to_json(result, inf_nan_mode="constants").decode(),
    }
    with engine.begin() as connection:
        kept = upsert(WINDOWS).values(row).on_conflict_do_nothing().returning(WINDOWS.c.start)
        return connection.execute(kept).first() is not None


def newest_end(engine: Engine) -> datetime | None:
    """The end of the newest window, or None before the first."""
    with engine.connect() as connection:
        return connection.execute(select(func.max(WINDOWS.c.end))).scalar()


def windows(engine: Engine, *, last: int) -> list[Window]:
    """The newest windows, the newest last."""
    query = select(WINDOWS).order_by(WINDOWS.c.start.desc()).limit(last)
    with engine.connect() as connection:
        return [_window(row) for row in reversed(connection.execute(query).mappings().all())]


def keep_reference(
    engine: Engine, *, window_seconds: float, made_from: str, reference: Reference, errors: ErrorReference
) -> None:
    """Keep what a champion is measured against; of one version the first that was kept stays."""
    row = {
        "version": reference.version,
        "window_seconds": window_seconds,
        "made_from": made_from,
        "reference": _packed(reference),
        "errors": _packed(errors),
    }
    with engine.begin() as connection:
        connection.execute(upsert(REFERENCES).values(row).on_conflict_do_nothing())


def reference(engine: Engine, version: str, window_seconds: float) -> tuple[Reference, ErrorReference] | None:
    """What a champion is measured against, or None where nothing was kept."""
    wanted = (REFERENCES.c.version == version) & (REFERENCES.c.window_seconds == window_seconds)
    with engine.connect() as connection:
        row = connection.execute(select(REFERENCES).where(wanted)).mappings().first()
    if row is None:
        return None
    kept = (zlib.decompress(row[name]) for name in ("reference", "errors"))
    return Reference.model_validate_json(next(kept)), ErrorReference.model_validate_json(next(kept))


def begin_retraining(engine: Engine, retraining: Retraining) -> bool:
    """Note that a retraining begins; returns False where its shift has one already."""
    row = {name: value for name, value in vars(retraining).items() if value is not None}
    with engine.begin() as connection:
        begun = upsert(RETRAINS).values(row).on_conflict_do_nothing().returning(RETRAINS.c.shift)
        return connection.execute(begun).first() is not None


def advance(engine: Engine, shift: str, changes: Mapping[str, Any]) -> None:
    """Note how far a retraining is; one that ends is given the time."""
    ended = {"ended": func.now()} if changes.get("stage") is Stage.ENDED else {}
    with engine.begin() as connection:
        connection.execute(update(RETRAINS).where(RETRAINS.c.shift == shift).values(**changes, **ended))


def retrainings(engine: Engine) -> list[Retraining]:
    """All of them, the newest last."""
    with engine.connect() as connection:
        rows = connection.execute(select(RETRAINS).order_by(RETRAINS.c.at)).mappings().all()
    names = Retraining.__dataclass_fields__
    found = [{name: row[name] for name in names} for row in rows]
    return [
        Retraining(**one | {"stage": Stage(one["stage"]), "result": Result(one["result"]) if one["result"] else None})
        for one in found
    ]


def _window(row: Mapping[Any, Any]) -> Window:
    action = Action(row["action"])
    decision = Decision(action, row["reason"], tuple(row["evidence"]), row["shift"], row["gain"])
    return Window(row["model_version"], row["reference_version"], _RESULT.validate_json(row["result"]), decision)


def _packed(document: BaseModel) -> bytes:
    return zlib.compress(document.model_dump_json().encode())
