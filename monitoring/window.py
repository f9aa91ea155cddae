"""Everything that is measured of a window, in one result."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from monitoring.checks import CLOCK_TOLERANCE, SCHEMA_SKEW, Fault, schema_faults, value_faults, without_repeats
from monitoring.comparison import DriftResult, compare
from monitoring.quality import NO_ERRORS, ErrorReference, QualityResult, measure
from monitoring.reference import HORIZONS, Reference, WindowProfile
from monitoring.skew import SkewResult, compare_features

NOT_MEASURED = "not measured, because the columns are not those of the contract"
NO_REFERENCE = "not enough data: nothing is known yet that the champion could be compared with"


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
        profile: To be kept for the windows that follow; None where the columns are not those of the contract, or there
            is no reference.
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
    reference: Reference | None,
    errors: ErrorReference | None,
    earlier: Sequence[WindowProfile] = (),
    recomputed: pl.DataFrame | None = None,
    tolerance: timedelta = CLOCK_TOLERANCE,
) -> WindowResult:
    """Measure a window.

    Args:
        window: [n] as ``monitoring.columns`` describes it.
        start: Of the window, with time zone.
        end: Of the window, likewise.
        now: Likewise; which labels are due follows from it.
        reference: Of the champion that answered; without one no drift is told.
        errors: Of the same; without them errors are told, and not held against anything.
        earlier: Profiles of the windows before since that champion began, the newest last.
        recomputed: EVENT_KEY and the features as the batch path makes them, of some or all rows.
        tolerance: How far clocks may differ.
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
    profile, drift = None, DriftResult((), math.nan, NO_REFERENCE)
    if reference is not None:
        profile = reference.summarise(once)
        drift = compare(reference, [*earlier[1 - HORIZONS[-1] :], profile])
    return WindowResult(
        start=start,
        end=end,
        rows=once.height,
        faults=(*repeats, *value_faults(once, start=start, end=end, reference=reference, tolerance=tolerance)),
        drift=drift,
        quality=measure(errors or NO_ERRORS, once, now),
        skew=None if recomputed is None else compare_features(once, recomputed),
        profile=profile,
    )
