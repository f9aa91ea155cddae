"""Compare a candidate with the champion on the same test trips, and decide."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from components import contract
from components.evaluate.step import errors
from components.model import ContractMismatchError, load_model, verified_hash
from components.platform import Platform
from components.recording import champion, download_model
from components.tracking import ModelVersion, Tracking

# A candidate may be this much worse than the champion: newer data is worth a little noise.
TOLERANCE = 1.01


@dataclass(frozen=True)
class Verdict:
    """Whether a candidate may serve, and why."""

    accepted: bool
    reasons: tuple[str, ...]


def decide(candidate_mae: float, champion_mae: float | None, baseline_mae: float) -> Verdict:
    """The gate: better than the baseline, and not worse than the champion (seconds; None where there is none)."""
    beats_baseline = candidate_mae < baseline_mae
    relation = "below" if beats_baseline else "not below"
    reasons = [f"test MAE {candidate_mae:.2f} s is {relation} the baseline's {baseline_mae:.2f} s"]
    if champion_mae is None:
        return Verdict(beats_baseline, (*reasons, "there is no champion to compare with"))
    holds = candidate_mae <= champion_mae * TOLERANCE
    relation = "within" if holds else "above"
    reasons.append(
        f"test MAE {candidate_mae:.2f} s is {relation} {TOLERANCE} times the champion's {champion_mae:.2f} s"
    )
    return Verdict(beats_baseline and holds, tuple(reasons))


def compare(platform: Platform, model: Path, test_set: Path, metrics: Path, verdict: Path) -> Verdict:
    """Judge a candidate and write the verdict as JSON: accepted, reasons, candidate, champion, baseline.

    Args:
        platform: Its MLflow registry names the champion.
        model: The candidate's model folder.
        test_set: Test part, Parquet.
        metrics: JSON of the evaluate step for the same candidate and test part.
        verdict: JSON file to write.

    Raises:
        components.model.ModelIntegrityError: The candidate or the champion was changed.
        components.tracking.TrackingError: MLflow does not answer.
    """
    measured = json.loads(metrics.read_text(encoding="utf-8"))
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        current = champion(tracking)
        rival, note = _champion_errors(tracking, current, test_set) if current else (None, None)
    decision = decide(measured["test"]["mae"], rival["mae"] if rival else None, measured["baseline"]["mae"])
    if note:
        decision = Verdict(decision.accepted, (*decision.reasons, note))
    report = {
        "accepted": decision.accepted,
        "reasons": decision.reasons,
        "candidate": {"sha256": verified_hash(model), "test": measured["test"]},
        "champion": {"version": current.version, "run_id": current.run_id, "test": rival} if current else None,
        "baseline": measured["baseline"],
    }
    verdict.parent.mkdir(parents=True, exist_ok=True)
    verdict.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return decision


def _champion_errors(
    tracking: Tracking, current: ModelVersion, test_set: Path
) -> tuple[dict[str, Any] | None, str | None]:
    """The champion's errors on the test trips, or None and a note where it takes other features."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            model = load_model(download_model(tracking, current, Path(folder)))
        except ContractMismatchError:
            return None, f"champion version {current.version} was trained for another contract"
        test = pl.read_parquet(test_set, columns=[*contract.MODEL_FEATURES, contract.TARGET])
        predicted = model.predict(test.select(contract.MODEL_FEATURES).to_numpy())
        return errors(test[contract.TARGET].to_numpy(), predicted), None
