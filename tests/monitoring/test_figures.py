"""What is drawn over time is what was measured, and nothing that was not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from components import contract
from monitoring.columns import PREDICTION
from monitoring.figures import Figure, figures
from monitoring.quality import ErrorReference
from monitoring.reference import Reference
from monitoring.window import WindowResult, measure_window

START = datetime(2026, 3, 3, tzinfo=UTC)
DAY = timedelta(days=1)


def measured(window: pl.DataFrame, reference: Reference | None, errors: ErrorReference | None) -> WindowResult:
    end = START + DAY
    return measure_window(window, start=START, end=end, now=end + DAY, reference=reference, errors=errors)


def test_a_window_has_its_drift_errors_and_labels(
    calm_day: pl.DataFrame, reference: Reference, errors: ErrorReference
) -> None:
    result = measured(calm_day, reference, errors)
    found = figures(result)
    assert result.quality.overall is not None
    prediction = next(one for one in result.drift.columns if one.column == PREDICTION and one.horizon == 1)
    assert found[Figure.ROWS] == found[Figure.DUE] == found[Figure.LABELS] == 1_729
    assert found[Figure.COVERAGE] == 1
    assert found[Figure.DRIFTED] == result.drift.share
    assert found[Figure.UNUSUAL] == found[Figure.LASTING] == found[Figure.FAULTS] == 0
    assert (found[Figure.PREDICTION_DRIFT], found[Figure.PREDICTION_LIMIT]) == (
        prediction.drift.statistic,
        prediction.limit,
    )
    assert found[Figure.ERROR] == result.quality.overall.error.value
    assert found[Figure.EXPECTED] == pytest.approx(result.quality.overall.expected, rel=0.2)
    assert Figure.SKEWED not in found


def test_without_a_reference_no_drift_and_no_expectation_is_drawn(calm_day: pl.DataFrame) -> None:
    found = figures(measured(calm_day, None, None))
    assert found[Figure.ERROR] > 0
    assert not found.keys() & {Figure.DRIFTED, Figure.PREDICTION_DRIFT, Figure.EXPECTED, Figure.RATIO}


def test_of_a_broken_window_rows_and_faults_are_drawn(
    calm_day: pl.DataFrame, reference: Reference, errors: ErrorReference
) -> None:
    found = figures(measured(calm_day.drop("trip_distance"), reference, errors))
    assert found == {Figure.ROWS: 1_729, Figure.FAULTS: 1, Figure.DUE: 0, Figure.LABELS: 0}


def test_columns_that_change_are_counted_once(
    calm_day: pl.DataFrame, reference: Reference, errors: ErrorReference
) -> None:
    slower = calm_day.with_columns(pl.col("trip_distance") * 3, pl.col(contract.TARGET) * 3)
    result = measured(slower, reference, errors)
    again = replace(result, drift=replace(result.drift, columns=result.drift.columns * 2))
    assert figures(result)[Figure.UNUSUAL] == figures(again)[Figure.UNUSUAL] == 1
    assert figures(result)[Figure.RATIO] > figures(result)[Figure.RATIO_LIMIT]
    assert figures(result)[Figure.DEGRADED] > 1
