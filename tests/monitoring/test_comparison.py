"""A live window beside the reference: what is told, and when nothing can be told."""

import math

import polars as pl
import pytest

from components import contract
from monitoring.columns import PREDICTION, SLOW
from monitoring.comparison import ColumnResult, DriftResult, compare
from monitoring.drift import MIN_ROWS, Verdict
from monitoring.reference import HORIZONS, Reference

MILES_TO_KILOMETRES = 1.609


def drift_of(reference: Reference, days: list[pl.DataFrame]) -> DriftResult:
    return compare(reference, [reference.summarise(day) for day in days])


def of_column(result: DriftResult, column: str, horizon: int) -> ColumnResult:
    [found] = [one for one in result.columns if (one.column, one.horizon) == (column, horizon)]
    return found


@pytest.mark.parametrize("rows", [0, 1, MIN_ROWS - 1])
def test_few_rows_are_not_enough_data_and_never_no_drift(
    reference: Reference, calm_day: pl.DataFrame, rows: int
) -> None:
    result = drift_of(reference, [calm_day[:rows]])
    assert result.reason == f"not enough data: {rows} rows, {MIN_ROWS} are wanted"
    assert not result.enough
    assert Verdict.NO_DRIFT not in {one.drift.verdict for one in result.columns}


def test_a_column_with_few_values_is_not_enough_data(reference: Reference, calm_day: pl.DataFrame) -> None:
    place = pl.int_range(pl.len())
    emptied = calm_day.with_columns(pl.when(place < 900).then(pl.col(contract.DISTANCE)).alias(contract.DISTANCE))
    drift = of_column(drift_of(reference, [emptied]), contract.DISTANCE, 1).drift
    assert (drift.verdict, drift.rows) == (Verdict.NOT_ENOUGH_DATA, 900)
    assert math.isnan(drift.statistic)


def test_hours_that_the_reference_does_not_know_are_not_enough_data(
    reference: Reference, calm_day: pl.DataFrame
) -> None:
    evenings = {number: part for number, part in reference.strata.items() if number % 24 >= 18}
    result = drift_of(reference.model_copy(update={"strata": evenings}), [calm_day])
    assert "hours that the reference does not know" in result.reason


def test_calm_days_drift_by_evidently_but_none_is_unusual(reference: Reference, calm_days: list[pl.DataFrame]) -> None:
    result = drift_of(reference, calm_days)
    assert result.share > 0.1
    assert (result.unusual, result.unusual_predictions) == ((), ())


def test_another_unit_is_unusual_at_once(reference: Reference, calm_day: pl.DataFrame) -> None:
    result = drift_of(reference, [calm_day.with_columns(pl.col(contract.DISTANCE) * MILES_TO_KILOMETRES)])
    assert [one.column for one in result.unusual] == [contract.DISTANCE]
    assert result.unusual[0].told().startswith("trip_distance: Wasserstein distance (normed) 0.")


def test_predictions_that_moved_are_told_apart_from_inputs(reference: Reference, calm_day: pl.DataFrame) -> None:
    result = drift_of(reference, [calm_day.with_columns(pl.col(PREDICTION) * 1.5)])
    assert [one.column for one in result.unusual_predictions] == [PREDICTION]
    assert result.unusual == ()


def test_a_drift_too_slow_for_any_window_adds_up_over_several(
    reference: Reference, calm_days: list[pl.DataFrame]
) -> None:
    fewer = [day.with_columns(pl.col("zone_trips_1h") * (1 - 0.028 * number)) for number, day in enumerate(calm_days)]
    assert [drift_of(reference, [day]).unusual for day in fewer] == [()] * len(fewer)
    [together] = drift_of(reference, fewer).lasting
    assert (together.column, together.horizon) == ("zone_trips_1h", HORIZONS[-1])
    assert together.told().startswith("zone_trips_1h over the last 7 windows: Wasserstein distance (normed) 0.1")


def test_a_category_that_is_gone_is_named(reference: Reference, calm_days: list[pl.DataFrame]) -> None:
    without = [
        day.with_columns(
            pl.col(contract.PICKUP_ZONE).replace(138, 132), pl.col(contract.DROPOFF_ZONE).replace(138, 132)
        )
        for day in calm_days[-2:]
    ]
    told = [one.told() for one in drift_of(reference, without).unusual]
    assert any("138 is" in one and "standard deviations" in one for one in told)


def test_means_of_four_weeks_are_told_but_do_not_decide(reference: Reference, calm_day: pl.DataFrame) -> None:
    result = drift_of(reference, [calm_day.with_columns(pl.col(name) * 2 for name in SLOW)])
    assert {of_column(result, name, 1).drift.verdict for name in SLOW} == {Verdict.DRIFT}
    assert result.unusual == ()
