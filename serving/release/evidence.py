"""What the logs show about a challenger beside the champion (``serving.prediction_log``, ``serving.outcomes``)."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from components import contract, thresholds
from components.journal import OUTCOMES, PREDICTIONS, read_lines
from serving.release.decision import Evidence
from serving.release.sequential import mean_bounds

Key = tuple[str, int]


@dataclass(frozen=True)
class Period:
    """What of the logs counts.

    Attributes:
        release: Since when labels count: the two have predicted side by side from then on.
        stage: Since when predictions, failures and times count.
    """

    release: datetime
    stage: datetime


def read_evidence(folder: Path, *, champion: str, challenger: str, period: Period) -> Evidence:
    """Read the logs of a folder.

    Args:
        folder: Of the service's logs.
        champion: Model version.
        challenger: Model version.
        period: What counts.
    """
    since = period.release.timestamp()
    lines = _parsed(read_lines(folder, PREDICTIONS, since), period.release)
    told = {(line["request_id"], line["index"]): line for line in _parsed(read_lines(folder, OUTCOMES, since), None)}
    by_version: dict[str, list[dict[str, Any]]] = {champion: [], challenger: []}
    for line in lines:
        if line["model_version"] in by_version:
            by_version[line["model_version"]].append(line)
    return evidence(by_version[champion], by_version[challenger], told, period.stage)


def evidence(
    champion: list[dict[str, Any]], challenger: list[dict[str, Any]], told: dict[Key, dict[str, Any]], stage: datetime
) -> Evidence:
    """What lines of the logs show.

    Args:
        champion: The champion's lines since the release began.
        challenger: The challenger's.
        told: Outcomes by request and place in it; where a trip was told twice, the later one.
        stage: When the stage began.
    """
    recent = [line for line in challenger if datetime.fromisoformat(line["at"]) >= stage]
    failures = {line["request_id"] for line in recent if line[contract.TARGET] is None}
    theirs, ours = _predictions(champion), _predictions(challenger)
    labelled = sorted(theirs.keys() & ours.keys() & told.keys())
    actual = np.array([told[key][contract.TARGET] for key in labelled])
    off = np.abs(np.array([[ours[key][0], theirs[key][0]] for key in labelled]).reshape(-1, 2) - actual[:, None])
    hours = np.array([theirs[key][1] for key in labelled], dtype="U13")
    return Evidence(
        predictions=sum(line[contract.TARGET] is not None for line in recent),
        failures=len(failures),
        requests=len(_times(recent)),
        champion_milliseconds=_p99([line for line in champion if datetime.fromisoformat(line["at"]) >= stage]),
        challenger_milliseconds=_p99(recent),
        champion_error=float(off[:, 1].mean()) if len(off) else math.nan,
        labels=len(labelled),
        difference=mean_bounds(by_hour(off[:, 0] - off[:, 1], hours), thresholds.RELEASE_ALPHA),
    )


def by_hour(values: np.ndarray, hours: np.ndarray) -> np.ndarray:
    """One value for each hour, so that their mean is that of all values, and their spread that of hours.

    Trips of an hour share its traffic: a version that is better by day may be worse in any one night, and a hundred
    labels of that night are one observation and not a hundred. What is returned are the linearised values of the ratio
    of the hours' sums to their numbers (Cochran, "Sampling Techniques", 1977, section 6.3).

    Args:
        values: float64 [n].
        hours: [n] which hour each belongs to.

    Returns:
        float64 [hours].
    """
    _, places = np.unique(hours, return_inverse=True)
    counts, sums = np.bincount(places).astype(float), np.bincount(places, weights=values)
    if not len(counts):
        return values
    mean = sums.sum() / counts.sum()
    return mean + (sums - mean * counts) / counts.mean()


def _parsed(lines: Iterable[bytes], since: datetime | None) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in lines]
    return found if since is None else [line for line in found if datetime.fromisoformat(line["at"]) >= since]


def _predictions(lines: list[dict[str, Any]]) -> dict[Key, tuple[float, str]]:
    """Seconds, and the hour in which the trip begins, such as ``2026-01-05T08``."""
    return {
        (line["request_id"], line["index"]): (line[contract.TARGET], line["trip"][contract.PICKUP_TIME][:13])
        for line in lines
        if line[contract.TARGET] is not None and not line["degraded"]
    }


def _p99(lines: list[dict[str, Any]]) -> float:
    """99th percentile of the milliseconds of single requests."""
    times = _times(lines)
    return float(np.percentile(list(times.values()), 99)) if times else math.nan


def _times(lines: list[dict[str, Any]]) -> dict[str, float]:
    """Milliseconds of each request that was predicted for."""
    return {line["request_id"]: line["milliseconds"] for line in lines if line[contract.TARGET] is not None}
