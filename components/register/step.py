"""Register an accepted candidate as the next model version, and make it the champion."""

import json
from dataclasses import dataclass
from datetime import UTC

from components import contract, model_card
from components.database import alone, open_engine
from components.platform import Platform
from components.promotion import Promotion, promote
from components.recording import MODEL_FOLDER, Candidate, card_facts, record_card, recorded, version_tags
from components.tracking import ModelVersion, Run, Tracking

PROMOTION = "keelson.promotion"
_LONGEST_TAG = 5000


@dataclass(frozen=True)
class Registration:
    """Where the candidate went.

    Attributes:
        run_id: MLflow run.
        version: Model version.
        promoted: Whether it became the champion.
    """

    run_id: str
    version: int
    promoted: bool


def register(platform: Platform, candidate: Candidate, *, close: bool) -> Registration:
    """Record a candidate's run, register its model with its card, and point the aliases to it.

    Registering the same pipeline run again gives the same version, and the challenger's alias never moves to an older
    one. The version becomes champion only if the champion is still the one that the verdict compared with.

    Args:
        platform: Its MLflow registry is written to.
        candidate: Accepted by the compare step.
        close: End the MLflow run here, because nothing else will.

    Raises:
        components.model.ModelIntegrityError: The model folder was changed.
        components.tracking.TrackingError: MLflow does not answer.
    """
    with recorded(platform, candidate, close=close) as (tracking, run):
        # MLflow neither makes a version once nor moves an alias forward only: one registers at a time.
        with alone(open_engine(platform), f"registration of {contract.MODEL_NAME}"):
            version = _version(platform, tracking, candidate, run)
            _point(tracking, contract.CHALLENGER, version.version)
        done = _promote(platform, tracking, candidate, run, version)
        _describe(platform, tracking, candidate, run, done)
    return Registration(run.run_id, version.version, done.promoted)


def _version(platform: Platform, tracking: Tracking, candidate: Candidate, run: Run) -> ModelVersion:
    """The version that this run has registered, or a new one."""
    existing = tracking.versions_of_run(contract.MODEL_NAME, run)
    if existing:
        return existing[0]
    return tracking.create_version(contract.MODEL_NAME, run, MODEL_FOLDER, version_tags(platform, candidate, run))


def _promote(
    platform: Platform, tracking: Tracking, candidate: Candidate, run: Run, version: ModelVersion
) -> Promotion:
    """Make a version the champion if the verdict still holds."""
    verdict = json.loads(candidate.verdict.read_text(encoding="utf-8"))
    kept = f"all {len(verdict['checks'])} checks of the gate are kept"
    return promote(
        platform,
        tracking,
        version=version.version,
        expected=verdict["champion"]["version"] if verdict["champion"] else None,
        reason="; ".join(verdict["reasons"]) if verdict["forced"] else kept,
        by=f"pipeline run {candidate.run}",
        run=run.run_id,
    )


def _describe(platform: Platform, tracking: Tracking, candidate: Candidate, run: Run, done: Promotion) -> None:
    """Say on the version, and in its card, who promoted it and why, or why not."""
    said = f"{done.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, {done.by}: {done.says}"
    facts = card_facts(platform, candidate, run, said)
    record_card(tracking, run, facts)
    tracking.describe_version(contract.MODEL_NAME, done.version, model_card.as_description(facts))
    tracking.set_version_tag(contract.MODEL_NAME, done.version, PROMOTION, said[:_LONGEST_TAG])


def _point(tracking: Tracking, alias: str, version: int) -> None:
    """Point an alias to a version unless it points to a newer one."""
    current = tracking.version_by_alias(contract.MODEL_NAME, alias)
    if current is None or current.version < version:
        tracking.set_alias(contract.MODEL_NAME, alias, version)
