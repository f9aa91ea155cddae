"""What is shown of a window, and what it is counted as."""

import math
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from components import contract
from monitoring.bench import worlds
from monitoring.checks import Fault, Kind
from monitoring.columns import PREDICTION
from monitoring.comparison import DriftResult
from monitoring.measures import measured, outcome
from monitoring.quality import LABELS_DUE, ErrorReference, QualityResult
from monitoring.reference import Reference
from monitoring.skew import FeatureSkew, SkewResult
from monitoring.state_tables import ALL, Outcome
from monitoring.window import WindowResult, measure_window

START = worlds.day(57)
NOTHING = DriftResult((), math.nan, "not enough data")
LONG = "distance_band up to 8 mi"
NO_LABELS = QualityResult(None, (), 0, 0, math.nan, "not enough data")


def a_window(
    rows: pl.DataFrame, reference: Reference | None, errors: ErrorReference | None, **more: object
) -> WindowResult:
    end = START + timedelta(days=1)
    given = {"now": end + LABELS_DUE, "reference": reference, "errors": errors} | more
    return measure_window(rows, start=START, end=end, **given)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def calm(calm_day: pl.DataFrame, reference: Reference, errors: ErrorReference) -> WindowResult:
    return a_window(calm_day, reference, errors, recomputed=calm_day)


@pytest.fixture
def slow(calm_day: pl.DataFrame, reference: Reference, errors: ErrorReference) -> WindowResult:
    """A day on which every trip takes twice as long."""
    return a_window(calm_day.with_columns(pl.col(contract.TARGET) * 2), reference, errors)


@pytest.fixture
def moved(calm_day: pl.DataFrame, reference: Reference, errors: ErrorReference) -> WindowResult:
    """A day on which trips are ten miles farther, and the labels are not there yet."""
    far = pl.col(contract.DISTANCE) + 10
    return a_window(calm_day.with_columns(far, pl.lit(None, pl.Float64).alias(contract.TARGET)), reference, errors)


def faulty(result: WindowResult, kind: Kind) -> WindowResult:
    return replace(result, faults=(*result.faults, Fault(kind, "hour", 7, "seven rows")))


def test_a_window_is_counted_as_the_gravest_that_it_is(
    calm: WindowResult, slow: WindowResult, moved: WindowResult
) -> None:
    assert outcome(calm) is Outcome.CALM
    assert outcome(replace(calm, drift=NOTHING, quality=NO_LABELS)) is Outcome.NOT_ENOUGH
    assert outcome(moved) is Outcome.DRIFT
    assert outcome(slow) is Outcome.DEGRADED
    assert outcome(replace(slow, drift=moved.drift)) is Outcome.DEGRADED
    # Few rows, and labels that are plain.
    assert outcome(replace(slow, drift=NOTHING)) is Outcome.DEGRADED
    for result in (calm, moved, slow):
        assert outcome(faulty(result, Kind.DUPLICATES)) is Outcome.FAULT
        assert outcome(faulty(faulty(result, Kind.DUPLICATES), Kind.WRONG_TYPE)) is Outcome.SCHEMA_SKEW


def test_all_that_was_measured_is_shown(calm: WindowResult) -> None:
    shown = measured(calm)
    overall = calm.quality.overall
    assert overall is not None
    assert shown.mae_seconds[ALL] == overall.error.value
    assert shown.mae_reference_seconds[ALL] == overall.expected
    assert 0.8 < shown.mae_seconds[ALL] / shown.mae_reference_seconds[ALL] < 1.2
    assert shown.mae_seconds.keys() >= {"airport no", "borough Manhattan", LONG}
    # The errors of long trips are large, as in the reference.
    assert shown.mae_reference_seconds[LONG] > 1.2 * shown.mae_reference_seconds[ALL]
    assert shown.label_coverage == calm.quality.coverage
    assert shown.labelled_rows == calm.quality.labels > 1000
    assert shown.drifted_share == calm.drift.share
    assert shown.prediction_drift is not None
    assert PREDICTION not in shown.feature_drift
    assert shown.feature_drift.keys() == shown.feature_drifted.keys()
    assert set(shown.feature_drifted.values()) == {0.0}
    assert shown.training_serving_skew == 0.0


def test_a_window_is_shown_by_itself_and_not_with_those_before(
    calm: WindowResult, calm_day: pl.DataFrame, reference: Reference, errors: ErrorReference
) -> None:
    far = calm_day.with_columns(pl.col(contract.DISTANCE) + 10)
    before = a_window(far, reference, errors).profile
    both = a_window(calm_day, reference, errors, earlier=[before])
    assert {one.horizon for one in both.drift.columns} == {1, 2}
    assert measured(both).feature_drift == measured(calm).feature_drift
    assert measured(both).feature_drifted == measured(calm).feature_drifted


def test_what_moved_is_marked(moved: WindowResult) -> None:
    shown = measured(moved)
    assert shown.feature_drifted[contract.DISTANCE] == 1.0
    assert shown.feature_drift[contract.DISTANCE] > 0.1
    assert (shown.mae_seconds, shown.mae_reference_seconds) == ({}, {})
    assert (shown.label_coverage, shown.labelled_rows) == (0.0, 0.0)


def test_the_largest_skew_is_shown(calm: WindowResult) -> None:
    skew = SkewResult((FeatureSkew("hour", 200, 3), FeatureSkew("distance", 200, 40)), "")
    assert measured(replace(calm, skew=skew)).training_serving_skew == 0.2
    assert measured(replace(calm, skew=SkewResult((), "not enough data"))).training_serving_skew is None
    assert measured(replace(calm, skew=None)).training_serving_skew is None


def test_of_an_hour_in_which_nobody_asked_nothing_is_shown(
    calm_day: pl.DataFrame, reference: Reference, errors: ErrorReference
) -> None:
    result = a_window(calm_day.clear(), reference, errors)
    assert outcome(result) is Outcome.NOT_ENOUGH
    known = measured(result).model_dump(exclude_none=True)
    assert {name: value for name, value in known.items() if value} == {}
    assert "label_coverage" not in known


def test_a_version_without_reference_is_shown_by_its_error_alone(calm_day: pl.DataFrame) -> None:
    shown = measured(a_window(calm_day, None, None))
    assert shown.mae_seconds[ALL] > 0
    assert shown.mae_reference_seconds == {}
    assert (shown.drifted_share, shown.feature_drift) == (None, {})
