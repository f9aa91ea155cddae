"""Everything that is measured of a window, in one result."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from monitoring.checks import SCHEMA_SKEW, Fault, schema_faults, value_faults, without_repeats
from monitoring.comparison import DriftResult, compare
from monitoring.quality import ErrorReference, QualityResult, measure
from monitoring.reference import HORIZONS, Reference, WindowProfile
from monitoring.skew import SkewResult, compare_features

NOT_MEASURED = "not measured, because the columns are not those of the contract"


@dataclass(frozen=True, kw_only=True)
class WindowResult:
    """A window.

    Attributes:
        start: With time zone.
        end: Likewise; not part of the window.
        rows: Predictions, each once.
        faults: Of the data.
        drift: Of inputs and predictions.
        quality: By the labels that have arrived.
        skew: None where nothing was recomputed.
        profile: To be kept for the windows that follow; None where the columns are not those of the contract.
    """

    start: datetime
    end: datetime
    rows: int
    faults: tuple[Fault, ...]
    drift: DriftResult
    quality: QualityResult
    skew: SkewResult | None
    profile: WindowProfile | None


def measure_window(
    window: pl.DataFrame,
    *,
    start: datetime,
    end: datetime,
    now: datetime,
    reference: Reference,
    errors: ErrorReference,
    earlier: Sequence[WindowProfile] = (),
    recomputed: pl.DataFrame | None = None,
) -> WindowResult:
    """Measure a window.

    Args:
        window: [n] as ``monitoring.columns`` describes it.
        start: Of the window, with time zone.
        end: Of the window, likewise.
        now: Likewise; which labels are due follows from it.
        reference: Of the champion that answered.
        errors: Of the same.
        earlier: Profiles of the windows before since that champion began, the newest last.
        recomputed: EVENT_KEY and the features as the batch path makes them, of some or all rows.
    """
    faults = schema_faults(window)
    if any(fault.kind in SCHEMA_SKEW for fault in faults):
        return WindowResult(
            start=start,
            end=end,
            rows=window.height,
            faults=tuple(faults),
            drift=DriftResult((), math.nan, NOT_MEASURED),
            quality=QualityResult(None, (), 0, 0, math.nan, NOT_MEASURED),
            skew=None,
            profile=None,
        )
    once, repeats = without_repeats(window)
    profile = reference.summarise(once)
    return WindowResult(
        start=start,
        end=end,
        rows=once.height,
        faults=(*repeats, *value_faults(once, start=start, end=end, reference=reference)),
        drift=compare(reference, [*earlier[1 - HORIZONS[-1] :], profile]),
        quality=measure(errors, once, now),
        skew=None if recomputed is None else compare_features(once, recomputed),
        profile=profile,
    )
