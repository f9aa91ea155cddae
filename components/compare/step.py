"""Compare a candidate with the champion on the very same test trips, and decide."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from components import contract, thresholds
from components.compare.gate import Evidence, Rival, Slice, Verdict, decide
from components.compare.page import page_of
from components.evaluate import bootstrap
from components.evaluate.slices import slices
from components.evaluate.step import BOOTSTRAP_SEED, covered, errors, hours_of, read_test
from components.model import ContractMismatchError, Model, load_model
from components.platform import Platform
from components.recording import champion, download_model
from components.tracking import ModelVersion, Tracking

# Seconds: two models whose errors are smaller are equally good.
_EXACT = 1e-6


def compare(
    platform: Platform,
    model: Path,
    test_set: Path,
    metrics: Path,
    compatibility: Path,
    verdict: Path,
    page: Path,
    *,
    force_reason: str = "",
) -> Verdict:
    """Judge a candidate and write the verdict as JSON and as a page.

    Args:
        platform: Its MLflow registry names the champion.
        model: The candidate's model folder.
        test_set: Test part, Parquet.
        metrics: JSON of the evaluate step for the same candidate and test part.
        compatibility: JSON of the check_compatibility step for the same candidate.
        verdict: JSON file to write: accepted, forced, force_reason, reasons, checks, candidate, champion, baseline,
            and the change from the champion, overall and by slice.
        page: HTML file to write.
        force_reason: Accept in spite of failed checks, for this reason.

    Raises:
        components.model.ModelIntegrityError: The candidate or the champion was changed.
        components.tracking.TrackingError: MLflow does not answer.
    """
    measured = json.loads(metrics.read_text(encoding="utf-8"))
    facts = json.loads(compatibility.read_text(encoding="utf-8"))
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        current = champion(tracking)
        serving = _champion_model(tracking, current)
    candidate = load_model(model)
    rival, rival_errors = (serving, None) if isinstance(serving, str) else _rival(candidate, serving, test_set)
    decision = decide(_evidence(candidate, measured, facts, rival), force_reason)
    report = {
        "accepted": decision.accepted,
        "forced": decision.forced,
        "force_reason": force_reason.strip(),
        "reasons": decision.reasons,
        "checks": [asdict(check) for check in decision.checks],
        "candidate": {"sha256": candidate.sha256, "family": candidate.family, "test": measured["test"]},
        "champion": {"version": current.version, "run_id": current.run_id, "test": rival_errors} if current else None,
        "baseline": measured["baseline"],
        "change": asdict(rival.change) if isinstance(rival, Rival) else None,
        "slices": [asdict(part) | {"judged": part.judged} for part in rival.slices] if isinstance(rival, Rival) else [],
    }
    verdict.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    page.write_text(page_of(report), encoding="utf-8")
    return decision


def _champion_model(tracking: Tracking, current: ModelVersion | None) -> Model | str:
    """The champion, or why there is none to compare with."""
    if current is None:
        return "there is no champion to compare with"
    with tempfile.TemporaryDirectory() as folder:
        try:
            return load_model(download_model(tracking, current, Path(folder) / "model"))
        except ContractMismatchError:
            return f"champion version {current.version} was trained for another contract: nothing to compare with"


def _evidence(candidate: Model, measured: dict[str, Any], facts: dict[str, Any], rival: Rival | str) -> Evidence:
    """What the gate decides by."""
    return Evidence(
        sha256=candidate.sha256,
        mae=measured["test"]["mae"],
        baseline_mae=measured["baseline"]["mae"],
        coverage=bootstrap.Estimate(**measured["intervals"]["coverage"]),
        milliseconds=facts["median_milliseconds"],
        megabytes=facts["megabytes"],
        resident_megabytes=facts["resident_megabytes"],
        rival=rival,
    )


def _rival(candidate: Model, serving: Model, test_set: Path) -> tuple[Rival, dict[str, float]]:
    """The candidate beside the champion, and the champion's errors, both on the same test trips."""
    test = read_test(test_set)
    features, actual = test.select(contract.MODEL_FEATURES).to_numpy(), test[contract.TARGET].to_numpy()
    theirs = serving.predict(features)
    off = np.column_stack([np.abs(predicted - actual) for predicted in (candidate.predict(features), theirs)])
    coverage = float(covered(serving, features, actual).mean())
    rival = Rival(
        sha256=serving.sha256,
        change=_change(off, hours_of(test), thresholds.CONFIDENCE),
        coverage=coverage,
        slices=list(_slices(test, off)),
    )
    return rival, errors(actual, theirs) | {"coverage": coverage}


def _slices(test: pl.DataFrame, off: np.ndarray) -> Iterator[Slice]:
    """The change in every slice. Many slices are looked at, so each is asked for more confidence (Bonferroni)."""
    hours, masks = hours_of(test), list(slices(test))
    confidence = 1 - (1 - thresholds.CONFIDENCE) / len(masks)
    for group, name, mask in masks:
        yield Slice(
            name=f"{group.replace('_', ' ')} {name}",
            rows=int(mask.sum()),
            hours=bootstrap.count_blocks(hours[mask]),
            change=_change(off[mask], hours[mask], confidence),
        )


def _change(off: np.ndarray, hours: np.ndarray, confidence: float) -> bootstrap.Estimate:
    """The candidate's MAE relative to the champion's less 1; both are drawn together, trip by trip.

    Args:
        off: Absolute errors of candidate and champion on the same trips, float64 [n, 2].
        hours: int64 [n].
        confidence: Of the interval, 0 to 1.
    """

    def relative(means: np.ndarray) -> np.ndarray:
        mine, theirs = np.maximum(means, _EXACT).T
        return mine / theirs - 1

    return bootstrap.estimate(off, hours, relative, confidence=confidence, seed=BOOTSTRAP_SEED)
