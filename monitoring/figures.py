"""What was measured of a window and a decision rests on, as numbers with names that are drawn over time."""

import math
from collections.abc import Iterator
from enum import StrEnum

from monitoring.columns import PREDICTION
from monitoring.window import WindowResult


class Figure(StrEnum):
    """Names as people read them; seconds and shares are told, all others are counts."""

    ROWS = "rows"
    FAULTS = "faults of the data"
    DRIFTED = "share of columns drifted"
    UNUSUAL = "unusual columns"
    LASTING = "changes that last"
    PREDICTION_DRIFT = "drift of the prediction"
    PREDICTION_LIMIT = "limit of the prediction's drift"
    ERROR = "mean absolute error, seconds"
    EXPECTED = "expected error, seconds"
    RATIO = "error as a share of the expected"
    RATIO_LIMIT = "limit of that share"
    DEGRADED = "degraded slices"
    DUE = "labels due"
    LABELS = "labels arrived"
    COVERAGE = "share of due labels arrived"
    SKEWED = "features that training sees otherwise"


def figures(result: WindowResult) -> dict[str, float]:
    """The figures that a window has, each finite; what was not measured is left out."""
    return {name.value: float(value) for name, value in _all(result) if math.isfinite(value)}


def _all(result: WindowResult) -> Iterator[tuple[Figure, float]]:
    yield Figure.ROWS, result.rows
    yield Figure.FAULTS, len(result.faults)
    if result.skew is not None and result.skew.features:
        yield Figure.SKEWED, len(result.skew.skewed)
    yield from _drift(result)
    yield from _quality(result)


def _drift(result: WindowResult) -> Iterator[tuple[Figure, float]]:
    drift = result.drift
    if not drift.enough:
        return
    yield Figure.DRIFTED, drift.share
    unusual = (*drift.unusual, *drift.unusual_predictions)
    yield Figure.UNUSUAL, len({one.column for one in unusual})
    yield Figure.LASTING, len({one.column for one in drift.lasting})
    for one in drift.columns:
        if one.column == PREDICTION and one.horizon == 1:
            yield Figure.PREDICTION_DRIFT, one.drift.statistic
            yield Figure.PREDICTION_LIMIT, one.limit


def _quality(result: WindowResult) -> Iterator[tuple[Figure, float]]:
    quality = result.quality
    yield Figure.EXPECTED, quality.expected
    yield Figure.DUE, quality.due
    yield Figure.LABELS, quality.labels
    yield Figure.COVERAGE, quality.coverage
    if quality.overall is not None:
        yield Figure.DEGRADED, len(quality.degraded)
        yield Figure.ERROR, quality.overall.error.value
        yield Figure.RATIO, quality.overall.ratio
        yield Figure.RATIO_LIMIT, quality.overall.limit
