"""What follows from results, history and policy: nothing, one run, or a stop."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from components.evaluate.bootstrap import Estimate
from monitoring.checks import Fault, Kind
from monitoring.comparison import ColumnResult, DriftResult
from monitoring.decision import Action, Decision, History, Policy, Retrain, decide, expected_gain
from monitoring.drift import WASSERSTEIN, ColumnDrift, Verdict
from monitoring.quality import OVERALL, QualityResult, SliceQuality
from monitoring.skew import FeatureSkew, SkewResult
from monitoring.window import WindowResult

DAY = timedelta(days=1)
START = datetime(2026, 3, 2, tzinfo=UTC)
POLICY = Policy()


def a_column(
    statistic: float = 0.05, column: str = "trip_distance", limit: float = 0.2, horizon: int = 2
) -> ColumnResult:
    verdict = Verdict.DRIFT if statistic >= 0.1 else Verdict.NO_DRIFT
    return ColumnResult(ColumnDrift(column, WASSERSTEIN, statistic, 0.1, verdict, 2_000), horizon, limit, None)


def a_slice(ratio: float = 1.0, labels: int = 1_900, place: tuple[str, str] = OVERALL) -> SliceQuality:
    error = Estimate(200 * ratio, 190 * ratio, 210 * ratio)
    return SliceQuality(*place, 2_000, labels, error, 0.2, 200.0, 1.5)


def a_quality(ratio: float = 1.0, labels: int = 1_900, slices: tuple[SliceQuality, ...] = ()) -> QualityResult:
    if labels < 1_000:
        return QualityResult(None, (), 2_000, labels, 200.0, f"not enough data: {labels} of 2000 labels")
    return QualityResult(a_slice(ratio, labels), slices, 2_000, labels, 200.0, "")


def a_window(day: int = 0, **changes: object) -> WindowResult:
    """A calm window with 2,000 predictions."""
    calm = WindowResult(
        start=START + day * DAY,
        end=START + (day + 1) * DAY,
        rows=2_000,
        faults=(),
        drift=DriftResult((a_column(),), 0.0, ""),
        quality=a_quality(),
        skew=None,
        profile=None,
    )
    return replace(calm, **changes)


SHIFTED = DriftResult((a_column(0.4),), 1.0, "")


def after(*results: WindowResult, policy: Policy = POLICY, **history: object) -> Decision:
    return decide(results, replace(History("v3", 10_000), **history), policy)


def a_run(days_before: float, *, finished: bool = True, version: str = "v3") -> Retrain:
    return Retrain(START + DAY - days_before * DAY, version, finished)


def test_a_calm_window_asks_for_nothing() -> None:
    found = after(a_window())
    assert found == Decision(
        Action.NOTHING, "Inputs and predictions: no lasting drift. Errors: no lasting degradation."
    )


def test_a_window_without_enough_data_is_never_called_free_of_drift() -> None:
    told = "not enough data: 12 rows, 1000 are wanted"
    found = after(a_window(drift=DriftResult((), float("nan"), told), quality=a_quality(labels=3)))
    assert found.action is Action.NOTHING
    assert told in found.reason
    assert "no lasting drift" not in found.reason
    assert "not enough data: 3 of 2000 labels" in found.reason


def test_a_shift_of_the_inputs_retrains_and_says_why() -> None:
    found = after(a_window(drift=SHIFTED))
    assert found.action is Action.RETRAIN
    assert found.reason.startswith(
        "Retrain, because trip_distance over the last 2 windows: Wasserstein distance (normed) 0.400 (limit 0.200)."
    )
    assert found.shift == "v3/1"


def test_drift_within_what_calm_windows_do_asks_for_nothing() -> None:
    assert after(a_window(drift=DriftResult((a_column(0.15),), 1.0, ""))).action is Action.NOTHING


def test_one_unusual_window_asks_for_nothing() -> None:
    once = DriftResult((a_column(0.4, horizon=1), a_column(0.15)), 1.0, "")
    assert after(a_window(drift=once)).action is Action.NOTHING


def test_a_shift_of_the_predictions_alone_retrains() -> None:
    moved = DriftResult((a_column(), a_column(0.4, "prediction_seconds")), 0.5, "")
    assert after(a_window(drift=moved)).action is Action.RETRAIN


def test_one_bad_day_is_not_learned_and_two_are() -> None:
    calm, bad = a_window(0), a_window(1, quality=a_quality(3.0))
    assert after(calm, bad).action is Action.NOTHING
    found = after(bad, a_window(2, quality=a_quality(3.0)))
    assert found.action is Action.RETRAIN
    assert found.evidence[0].startswith("the mean absolute error is 600 s")


def test_two_bad_days_in_different_slices_are_no_lasting_degradation() -> None:
    days = [
        a_window(day, quality=a_quality(slices=(a_slice(3.0, place=("borough", name)),)))
        for day, name in enumerate(("Queens", "Bronx"))
    ]
    assert after(*days).action is Action.NOTHING
    assert after(days[0], days[0]).action is Action.RETRAIN


@pytest.mark.parametrize("kind", Kind)
def test_a_fault_of_the_data_stops_even_where_inputs_moved(kind: Kind) -> None:
    found = after(a_window(drift=SHIFTED, faults=(Fault(kind, "hour", 10, "column hour is missing"),)))
    assert found.action is Action.STOP
    assert found.reason == "The data are at fault, so nothing is learned from them: column hour is missing."


def test_training_serving_skew_stops() -> None:
    skew = SkewResult((FeatureSkew("zone_trips_1h", 1_000, 700),), "")
    found = after(a_window(drift=SHIFTED, skew=skew))
    assert (found.action, found.evidence) == (
        Action.STOP,
        ("the feature store is stale: zone_trips_1h in 700 of 1000 rows",),
    )
    assert after(a_window(skew=SkewResult((), "not enough data"))).action is Action.NOTHING


def test_labels_that_are_late_once_ask_for_nothing_and_labels_that_stay_away_stop() -> None:
    calm, silent = a_window(0), a_window(1, quality=a_quality(labels=10))
    assert after(calm, silent).action is Action.NOTHING
    found = after(silent, a_window(2, quality=a_quality(labels=0)))
    assert found.action is Action.STOP
    assert "labels do not arrive: 10 of 4000" in found.reason


def test_two_detections_of_one_shift_begin_one_run() -> None:
    first = after(a_window(0, drift=SHIFTED))
    running = (Retrain(START + DAY, "v3", False),)
    second = after(a_window(0, drift=SHIFTED), a_window(9, drift=SHIFTED), retrains=running)
    assert (first.action, second.action) == (Action.RETRAIN, Action.NOTHING)
    assert second.reason == "There is a shift, but a run for it is under way since 2026-03-03 00:00."


def test_a_window_of_a_model_that_was_replaced_begins_no_run_and_still_stops_for_a_fault() -> None:
    released = {"retrains": (a_run(3),), "replaced_by": "7"}
    found = after(a_window(drift=SHIFTED), **released)
    assert found.action is Action.NOTHING
    assert found.reason == "There is a shift, but version 7 has taken the place of the model that it was seen with."
    faulty = a_window(drift=SHIFTED, faults=(Fault(Kind.MISSING_COLUMN, "hour", 10, "column hour is missing"),))
    assert after(faulty, **released).action is Action.STOP


def test_a_shift_has_one_name_until_its_run_is_known_and_another_attempt_has_another() -> None:
    shifted = a_window(drift=SHIFTED)
    assert after(shifted).shift == after(shifted).shift == "v3/1"
    assert after(shifted, retrains=(a_run(3),)).shift == "v3/2"
    assert after(shifted, retrains=(a_run(3, version="v2"),)).shift == "v3/1"


def test_after_a_run_the_next_waits_for_the_cool_down() -> None:
    shifted = a_window(drift=SHIFTED)
    early, late = (after(shifted, retrains=(a_run(days),)) for days in (0.9, 1.0))
    assert (early.action, late.action) == (Action.NOTHING, Action.RETRAIN)
    assert "less than 1 day, 0:00:00 ago" in early.reason


def test_a_spent_budget_of_the_week_stops_and_tells_people() -> None:
    shifted = a_window(drift=SHIFTED)
    spent = after(shifted, retrains=(a_run(2), a_run(6.9)))
    free = after(shifted, retrains=(a_run(2), a_run(7.0)))
    assert (spent.action, free.action) == (Action.STOP, Action.RETRAIN)
    assert "2 runs in a week did not end it" in spent.reason


def test_a_run_waits_for_new_labels() -> None:
    found = after(a_window(drift=SHIFTED), new_labels=999)
    assert (found.action, after(a_window(drift=SHIFTED), new_labels=1_000).action) == (Action.NOTHING, Action.RETRAIN)
    assert "there are 999 new labels, 1000 are wanted" in found.reason


def test_a_run_that_costs_more_than_it_brings_is_not_begun() -> None:
    found = after(a_window(drift=SHIFTED), policy=Policy(run_cost=1_000))
    assert found.action is Action.NOTHING
    assert found.reason == "There is a shift, but a run costs 1000.00 and should bring 112.00."


def test_the_gain_is_the_saved_error_times_predictions_times_their_value() -> None:
    policy = Policy(value_of_a_second=0.001, gain_weeks=2, assumed_gain=0.1, recovered_share=0.5)
    assert expected_gain([a_window()], policy) == pytest.approx(0.1 * 200 * 14_000 * 0.001 * 2)
    assert expected_gain([a_window(quality=a_quality(2.0))], policy) == pytest.approx(0.5 * 200 * 14_000 * 0.001 * 2)
    assert expected_gain([a_window(quality=a_quality(labels=0))], policy) == expected_gain([a_window()], policy)
