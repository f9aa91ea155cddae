"""Register an accepted candidate as the next model version, and make it the champion."""

import json
from dataclasses import dataclass

from components import contract
from components.platform import Platform
from components.recording import MODEL_FOLDER, Candidate, candidate_tags, champion, record_candidate
from components.tracking import ModelVersion, Run, Tracking

PROMOTION = "keelson.promotion"


@dataclass(frozen=True)
class Registration:
    """Where the candidate went.

    Attributes:
        run_id: MLflow run.
        version: Model version.
        promoted: Whether it is the champion now.
    """

    run_id: str
    version: int
    promoted: bool


def register(platform: Platform, candidate: Candidate, *, close: bool) -> Registration:
    """Record a candidate's run, register its model and point the aliases to it.

    Registering the same pipeline run again gives the same version, and no alias ever moves to an older version.
    The version becomes champion only while the champion is still the one that the verdict compared with.

    Args:
        platform: Its MLflow registry is written to.
        candidate: Accepted by the compare step.
        close: End the MLflow run here, because nothing else will.

    Raises:
        components.model.ModelIntegrityError: The model folder was changed.
        components.tracking.TrackingError: MLflow does not answer.
    """
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        run = record_candidate(platform, tracking, candidate)
        version = _version(platform, tracking, candidate, run)
        _point(tracking, contract.CHALLENGER, version.version)
        promoted = _promote(tracking, candidate, version)
        if close:
            tracking.close_run(run, "FINISHED")
    return Registration(run.run_id, version.version, promoted)


def may_promote(version: int, current: int | None, compared: int | None) -> bool:
    """Whether a version may become champion.

    Args:
        version: The candidate's version.
        current: The champion's version now, or None.
        compared: The champion's version at the verdict, or None.
    """
    return current in (compared, version)


def _version(platform: Platform, tracking: Tracking, candidate: Candidate, run: Run) -> ModelVersion:
    """The version that this run has registered, or a new one."""
    existing = tracking.versions_of_run(contract.MODEL_NAME, run)
    if existing:
        return existing[0]
    tags = candidate_tags(platform, candidate)
    return tracking.create_version(contract.MODEL_NAME, run, MODEL_FOLDER, tags)


def _promote(tracking: Tracking, candidate: Candidate, version: ModelVersion) -> bool:
    """Make a version the champion if the verdict still holds; the outcome stays on the version as a tag."""
    current = champion(tracking)
    now = current.version if current else None
    if PROMOTION in version.tags:
        return now == version.version
    compared = json.loads(candidate.verdict.read_text(encoding="utf-8"))["champion"]
    against = compared["version"] if compared else None
    allowed = may_promote(version.version, now, against)
    if allowed:
        tracking.set_alias(contract.MODEL_NAME, contract.CHAMPION, version.version)
        outcome = "promoted to champion on the offline verdict"
    else:
        outcome = f"not promoted: compared with champion version {against}, but the champion is now version {now}"
    tracking.set_version_tag(contract.MODEL_NAME, version.version, PROMOTION, outcome)
    return allowed


def _point(tracking: Tracking, alias: str, version: int) -> None:
    """Point an alias to a version unless it points to a newer one."""
    current = tracking.version_by_alias(contract.MODEL_NAME, alias)
    if current is None or current.version < version:
        tracking.set_alias(contract.MODEL_NAME, alias, version)
