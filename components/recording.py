"""What a pipeline run leaves in MLflow: one run with its parameters, metrics and artifacts, found by its key."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components import contract
from components.model import MANIFEST_FILE, MODEL_FILE, verified_hash
from components.platform import Platform
from components.tracking import ModelVersion, Run, Tracking

MODEL_FOLDER = "model"
# Tags of a run and of a model version.
RUN_KEY = "keelson.pipeline_run"
STACK = "keelson.stack"
COMMIT = "keelson.commit"
DATA_VERSION = "keelson.data_version"
MODEL_SHA256 = "keelson.model_sha256"
PREVIOUS_MODEL = "keelson.previous_model"
VERDICT, VERDICT_REASON = "keelson.verdict", "keelson.verdict_reason"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """All that a pipeline run knows about the model that it made.

    Attributes:
        run: Key of the pipeline run; one MLflow run per key.
        source: Where the trips came from.
        rows: Trips asked for.
        seed: Seed of every random choice.
        data_version: Version of the trips table.
        commit: Commit of the code, or empty.
        model: Model folder.
        metrics: JSON of the evaluate step.
        verdict: JSON of the compare step.
        compatibility: JSON of the check_compatibility step.
    """

    run: str
    source: str
    rows: int
    seed: int
    data_version: int
    commit: str
    model: Path
    metrics: Path
    verdict: Path
    compatibility: Path


def open_run(tracking: Tracking, key: str, *, parameters: dict[str, Any], tags: dict[str, str]) -> Run:
    """The MLflow run of a pipeline run, created if missing; parameters and tags are added either way."""
    experiment = tracking.experiment(contract.EXPERIMENT)
    run = tracking.find_run(experiment, RUN_KEY, key) or tracking.create_run(experiment, key, {RUN_KEY: key})
    tracking.log(run, params=parameters, tags=tags)
    return run


def champion(tracking: Tracking) -> ModelVersion | None:
    """The model version that serves now, or None."""
    return tracking.version_by_alias(contract.MODEL_NAME, contract.CHAMPION)


def download_model(tracking: Tracking, version: ModelVersion, folder: Path) -> Path:
    """Fetch a registered model to a folder that ``components.model.load_model`` reads; returns the folder."""
    for name in (MODEL_FILE, MANIFEST_FILE):
        tracking.download(version.source, name, folder)
    return folder


def record_candidate(platform: Platform, tracking: Tracking, candidate: Candidate) -> Run:
    """Log a candidate to the MLflow run of its pipeline run: parameters, metrics, tags, reports and the model."""
    parameters = {"source": candidate.source, "rows": candidate.rows, "seed": candidate.seed}
    run = open_run(tracking, candidate.run, parameters=parameters, tags=candidate_tags(platform, candidate))
    tracking.log(run, metrics=flat_metrics(json.loads(candidate.metrics.read_text(encoding="utf-8"))))
    for name in (MODEL_FILE, MANIFEST_FILE):
        tracking.upload(run, candidate.model / name, f"{MODEL_FOLDER}/{name}")
    for report in ("metrics", "verdict", "compatibility"):
        tracking.upload(run, getattr(candidate, report), f"reports/{report}.json")
    return run


def candidate_tags(platform: Platform, candidate: Candidate) -> dict[str, str]:
    """The tags that a candidate's run and its model version share."""
    verdict = json.loads(candidate.verdict.read_text(encoding="utf-8"))
    previous = verdict["champion"]
    return {
        STACK: platform.stack,
        COMMIT: candidate.commit,
        DATA_VERSION: str(candidate.data_version),
        MODEL_SHA256: verified_hash(candidate.model),
        VERDICT: "accepted" if verdict["accepted"] else "rejected",
        VERDICT_REASON: "; ".join(verdict["reasons"]),
        PREVIOUS_MODEL: f"models:/{contract.MODEL_NAME}/{previous['version']}" if previous else "",
    }


def flat_metrics(metrics: dict[str, Any]) -> dict[str, float]:
    """Metrics of the evaluate step under flat names, e.g. ``test.mae`` and ``slice.airport.yes.mae``."""
    flat = {
        f"{part}.{name}": float(value)
        for part in ("train", "test", "baseline")
        for name, value in metrics[part].items()
    }
    for group, members in metrics["slices"].items():
        for member, values in members.items():
            flat |= {f"slice.{group}.{member}.{name}": float(value) for name, value in values.items()}
    return flat
