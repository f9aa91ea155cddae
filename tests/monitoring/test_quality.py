"""Errors by the labels that have arrived: late ones do not flatter the model, and few say nothing."""

from datetime import datetime
from itertools import pairwise

import polars as pl
import pytest

from components import contract
from monitoring.bench import worlds
from monitoring.columns import AT, PREDICTION
from monitoring.quality import LABELS_DUE, MIN_LABELS, ErrorReference, QualityResult, SliceQuality, fit_errors, measure
from monitoring.reference import MIN_WINDOWS, ReferenceRowsError

LABEL = contract.TARGET


def in_time(day: pl.DataFrame) -> datetime:
    """When the labels of all its rows are due."""
    last = day[AT].max()
    assert isinstance(last, datetime)
    return last + LABELS_DUE


def arrived_by(day: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The day with the labels of trips that have ended."""
    return day.with_columns(pl.when(pl.col(contract.DROPOFF_TIME) <= now).then(pl.col(LABEL)).alias(LABEL))


def overall(result: QualityResult) -> SliceQuality:
    assert result.overall is not None
    return result.overall


def true_error(day: pl.DataFrame) -> float:
    return day.select((pl.col(PREDICTION) - pl.col(LABEL)).abs().mean()).item()


def test_the_error_is_the_mean_over_labels_with_its_interval(errors: ErrorReference, calm_day: pl.DataFrame) -> None:
    found = overall(measure(errors, calm_day, in_time(calm_day)))
    relative = calm_day.select(((pl.col(PREDICTION) - pl.col(LABEL)).abs() / pl.col(LABEL)).mean()).item()
    assert found.error.value == pytest.approx(true_error(calm_day), rel=0.01)
    assert found.relative_error == pytest.approx(relative, rel=0.01)
    assert found.error.low < found.error.value < found.error.high
    assert found.coverage == 1


def test_labels_of_trips_that_still_run_do_not_flatter_the_error(
    errors: ErrorReference, calm_day: pl.DataFrame
) -> None:
    now = worlds.day(57).replace(hour=18)
    seen = arrived_by(calm_day.filter(pl.col(AT) <= now), now)
    there = seen.filter(pl.col(LABEL).is_not_null(), pl.col(AT) > now.replace(hour=17, minute=40))
    assert true_error(there) < 0.7 * true_error(calm_day.filter(pl.col(AT).is_in(seen[AT].implode())))
    due = calm_day.filter(pl.col(AT) <= now - LABELS_DUE)
    found = measure(errors, seen, now)
    assert (found.due, found.labels) == (due.height, due.height)
    assert overall(found).error.value == pytest.approx(true_error(due), rel=0.01)


def test_labels_that_are_lost_more_often_for_long_trips_do_not_flatter_the_error(
    errors: ErrorReference, calm_day: pl.DataFrame
) -> None:
    place, long = pl.int_range(pl.len()), pl.col(PREDICTION) > errors.bands[-1]
    lost = calm_day.with_columns(pl.when(~long | (place % 4 == 0)).then(pl.col(LABEL)).alias(LABEL))
    found = overall(measure(errors, lost, in_time(lost)))
    plain, whole = true_error(lost), true_error(calm_day)
    assert plain < 0.85 * whole
    assert found.error.value == pytest.approx(whole, rel=0.08)
    assert found.coverage == pytest.approx(lost[LABEL].count() / lost.height)


def test_few_labels_are_not_enough_data(errors: ErrorReference, calm_day: pl.DataFrame) -> None:
    few = calm_day.with_columns(pl.when(pl.int_range(pl.len()) < MIN_LABELS - 1).then(pl.col(LABEL)).alias(LABEL))
    found = measure(errors, few, in_time(few))
    assert found.overall is None
    assert found.degraded == ()
    assert found.reason.startswith(f"not enough data: {MIN_LABELS - 1} of ")
    assert found.expected == pytest.approx(measure(errors, calm_day, in_time(calm_day)).expected)


def test_no_rows_are_not_enough_data(errors: ErrorReference, calm_day: pl.DataFrame) -> None:
    assert measure(errors, calm_day[:0], in_time(calm_day)).reason.startswith("not enough data: 0 of 0")


def test_no_slice_of_calm_days_is_degraded_twice_in_a_row(
    errors: ErrorReference, calm_days: list[pl.DataFrame]
) -> None:
    found = [measure(errors, day, in_time(day)) for day in calm_days]
    names = [{(one.group, one.name) for one in result.degraded} for result in found]
    assert not any(overall(result).degraded for result in found)
    assert [one & other for one, other in pairwise(names)] == [set()] * 7


def test_a_model_that_errs_twice_as_much_is_degraded(errors: ErrorReference, calm_day: pl.DataFrame) -> None:
    error = pl.col(PREDICTION) - pl.col(LABEL)
    worse = calm_day.with_columns((pl.col(LABEL) + 2 * error).alias(PREDICTION))
    found = measure(errors, worse, in_time(worse))
    assert overall(found).degraded
    assert "times the expected" in overall(found).told()


def test_an_error_in_one_slice_is_found_there(errors: ErrorReference, calm_day: pl.DataFrame) -> None:
    morning = pl.col("hour").is_between(6, 9)
    worse = calm_day.with_columns(
        pl.when(morning).then(pl.col(PREDICTION) * 2).otherwise(pl.col(PREDICTION)).alias(PREDICTION)
    )
    names = {(one.group, one.name) for one in measure(errors, worse, in_time(worse)).degraded}
    assert ("hour_band", "morning") in names
    assert ("hour_band", "midday") not in names


def test_a_slice_has_its_own_expectation(errors: ErrorReference, calm_day: pl.DataFrame) -> None:
    found = {one.name: one for one in measure(errors, calm_day, in_time(calm_day)).slices}
    assert found["up to 5 mi"].expected > 2 * found["up to 1 mi"].expected


def test_too_few_windows_do_not_tell_how_the_error_varies(calm_days: list[pl.DataFrame]) -> None:
    with pytest.raises(ReferenceRowsError, match="do not tell how the error varies"):
        fit_errors(pl.concat(calm_days[: MIN_WINDOWS - 1]), version="1", window=worlds.WINDOW)


def test_expectations_survive_json(errors: ErrorReference) -> None:
    assert ErrorReference.model_validate_json(errors.model_dump_json()) == errors
