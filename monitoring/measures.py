"""What is shown of a window, and what it is counted as. Pure functions."""

import math
from collections.abc import Iterable

from monitoring.checks import SCHEMA_SKEW
from monitoring.columns import PREDICTION
from monitoring.comparison import ColumnResult, DriftResult
from monitoring.quality import OVERALL, QualityResult, SliceQuality
from monitoring.skew import SkewResult
from monitoring.state_tables import ALL, Measures, Outcome
from monitoring.window import WindowResult


def outcome(result: WindowResult) -> Outcome:
    """What a window is counted as.

    Labels may show an error that is too large where there are too few rows to speak of drift, so that comes first.
    """
    if any(fault.kind in SCHEMA_SKEW for fault in result.faults):
        return Outcome.SCHEMA_SKEW
    if result.faults:
        return Outcome.FAULT
    if result.quality.degraded:
        return Outcome.DEGRADED
    if result.drift.unusual or result.drift.unusual_predictions:
        return Outcome.DRIFT
    return Outcome.CALM if result.drift.enough else Outcome.NOT_ENOUGH


def measured(result: WindowResult) -> Measures:
    """What is shown of a window."""
    columns = {one.column: one for one in _compared(result.drift)}
    prediction = columns.pop(PREDICTION, None)
    return Measures(
        drifted_share=_known(result.drift.share),
        prediction_drift=None if prediction is None else prediction.drift.statistic,
        feature_drift={name: one.drift.statistic for name, one in columns.items()},
        feature_drifted={name: float(one.unusual) for name, one in columns.items()},
        mae_seconds=_finite((_name(one), one.error.value) for one in _slices(result.quality)),
        mae_reference_seconds=_finite((_name(one), one.expected) for one in _slices(result.quality)),
        label_coverage=_known(result.quality.coverage),
        labelled_rows=result.quality.labels,
        training_serving_skew=_largest_skew(result.skew),
    )


def _compared(drift: DriftResult) -> Iterable[ColumnResult]:
    """Columns of the newest window by itself that had enough values."""
    return (one for one in drift.columns if one.horizon == 1 and math.isfinite(one.drift.statistic))


def _slices(quality: QualityResult) -> tuple[SliceQuality, ...]:
    return quality.slices if quality.overall is None else (quality.overall, *quality.slices)


def _name(one: SliceQuality) -> str:
    return ALL if (one.group, one.name) == OVERALL else f"{one.group} {one.name}"


def _largest_skew(skew: SkewResult | None) -> float | None:
    shares = [one.differing / one.rows for one in skew.features] if skew is not None else []
    return max(shares, default=None)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _finite(values: Iterable[tuple[str, float]]) -> dict[str, float]:
    return {name: value for name, value in values if math.isfinite(value)}
