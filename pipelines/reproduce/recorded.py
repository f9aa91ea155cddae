"""What a run left in MLflow that it can be rebuilt from, and compared with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.recording import COMMIT, DATA_VERSION, LEARN_FROM, MODEL_SHA256, VERDICT
from pipelines.lineage.records import RunRecord

DIRTY = "-dirty"
_PIPELINE, _LOCK, _STEP = "keelson.pipeline", "keelson.lock_sha256", "keelson.step."


class CannotReproduceError(RuntimeError):
    """The run cannot be rebuilt exactly, or not here; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class RecordedStep:
    """One step of the run.

    Attributes:
        parameters: Its output parameters.
        digests: SHA-256 of its output artifacts; empty where they were not recorded.
    """

    parameters: Mapping[str, Any]
    digests: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """A run that ended well.

    Attributes:
        run_id: MLflow's id.
        commit: Commit of the code, 40 digits; empty where it was run outside a clone.
        dirty: Whether files differed from the commit.
        data_version: Version of the trips table.
        learn_from: When the first of its trips began that was learned from; empty where all were.
        lock_sha256: Of ``uv.lock``; empty where it was not recorded.
        arguments: The pipeline's arguments as text.
        steps: By name, e.g. ``train.lightgbm``.
        metrics: As logged.
        model_sha256: Of the model that it chose; empty where it was not recorded.
        verdict: ``accepted`` or ``rejected``.
    """

    run_id: str
    commit: str
    dirty: bool
    data_version: int
    learn_from: str
    lock_sha256: str
    arguments: Mapping[str, str]
    steps: Mapping[str, RecordedStep]
    metrics: Mapping[str, float]
    model_sha256: str
    verdict: str


def recorded_run(record: RunRecord) -> RecordedRun:
    """The run as it can be rebuilt.

    Raises:
        CannotReproduceError: It is no training run, did not end well, or does not say which data it read.
    """
    tags, run = record.tags, f"run {record.run_id}"
    if tags.get(_PIPELINE, "training") != "training":
        raise CannotReproduceError(f"{run} is a run of the pipeline {tags[_PIPELINE]}; only training runs are rebuilt")
    if record.status != "FINISHED":
        raise CannotReproduceError(f"{run} is {record.status}, not FINISHED: it has no result to compare with")
    if not tags.get(DATA_VERSION, "").isdecimal():
        raise CannotReproduceError(f"{run} does not say which data version it read ({DATA_VERSION})")
    commit = tags.get(COMMIT, "")
    return RecordedRun(
        run_id=record.run_id,
        commit=commit.removesuffix(DIRTY),
        dirty=commit.endswith(DIRTY),
        data_version=int(tags[DATA_VERSION]),
        learn_from=tags.get(LEARN_FROM, ""),
        lock_sha256=tags.get(_LOCK, ""),
        arguments=record.parameters,
        steps={tag.removeprefix(_STEP): _step(text) for tag, text in tags.items() if tag.startswith(_STEP)},
        metrics=record.metrics,
        model_sha256=tags.get(MODEL_SHA256, ""),
        verdict=tags.get(VERDICT, ""),
    )


def _step(text: str) -> RecordedStep:
    told = json.loads(text)
    return RecordedStep(parameters=told.get("parameters", {}), digests=told.get("digests", {}))
