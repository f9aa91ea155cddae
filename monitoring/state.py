"""What the monitor knows and did, as rows of ``monitoring.state_tables``: windows, references, retrainings."""

import io
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json
from sqlalchemy import ColumnElement, Engine, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from monitoring import measures
from monitoring.columns import EVENT_KEY
from monitoring.decision import Action, Decision
from monitoring.quality import ErrorReference
from monitoring.reference import Reference
from monitoring.state_tables import REFERENCES, RETRAINS, WINDOWS, Outcome, Result, Stage
from monitoring.window import WindowResult


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
        return measures.outcome(self.result)


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
        "measures": measures.measured(result).model_dump(),
        "result": to_json(result, inf_nan_mode="constants").decode(),
    }
    with engine.begin() as connection:
        kept = upsert(WINDOWS).values(row).on_conflict_do_nothing().returning(WINDOWS.c.start)
        return connection.execute(kept).first() is not None


def windows(engine: Engine, *, last: int) -> list[Window]:
    """The newest windows, the newest last."""
    query = select(WINDOWS).order_by(WINDOWS.c.start.desc()).limit(last)
    with engine.connect() as connection:
        return [_window(row) for row in reversed(connection.execute(query).mappings().all())]


def keep_reference(
    engine: Engine,
    *,
    window_seconds: float,
    made_from: str,
    reference: Reference,
    errors: ErrorReference,
    sample: pl.DataFrame,
) -> None:
    """Keep what a champion is measured against; of one version the first that was kept stays.

    Args:
        window_seconds: Length of the windows that it was cut into.
        made_from: What it was made from, in words.
        reference: Of its inputs and predictions.
        errors: Of its errors.
        sample: [n] some of the rows that both were made from, as ``monitoring.columns`` describes a window.
    """
    rows = io.BytesIO()
    sample.drop(EVENT_KEY).write_parquet(rows)
    row = {
        "version": reference.version,
        "window_seconds": window_seconds,
        "made_from": made_from,
        "reference": _packed(reference),
        "errors": _packed(errors),
        "sample": rows.getvalue(),
    }
    with engine.begin() as connection:
        connection.execute(upsert(REFERENCES).values(row).on_conflict_do_nothing())


def reference(engine: Engine, version: str, window_seconds: float) -> tuple[Reference, ErrorReference] | None:
    """What a champion is measured against, or None where nothing was kept."""
    wanted = select(REFERENCES.c.reference, REFERENCES.c.errors).where(_of_version(version, window_seconds))
    with engine.connect() as connection:
        row = connection.execute(wanted).mappings().first()
    if row is None:
        return None
    kept = (zlib.decompress(row[name]) for name in ("reference", "errors"))
    return Reference.model_validate_json(next(kept)), ErrorReference.model_validate_json(next(kept))


def reference_sample(engine: Engine, version: str, window_seconds: float) -> pl.DataFrame | None:
    """Some of the rows of what a champion is measured against, without what they are known by; None without one."""
    wanted = select(REFERENCES.c.sample).where(_of_version(version, window_seconds))
    with engine.connect() as connection:
        kept = connection.execute(wanted).scalar()
    return None if kept is None else pl.read_parquet(io.BytesIO(kept))


def _of_version(version: str, window_seconds: float) -> ColumnElement[bool]:
    return (REFERENCES.c.version == version) & (REFERENCES.c.window_seconds == window_seconds)


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
