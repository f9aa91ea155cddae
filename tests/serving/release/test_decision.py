"""What a release does next follows from the evidence alone, and nothing bad ever advances."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import thresholds
from serving.release.decision import Action, Evidence, decide
from serving.release.sequential import Bounds

GOOD = Bounds(count=2000, mean=-3.0, low=-5.0, high=-1.0)


def evidence(**changed: Any) -> Evidence:
    return Evidence(
        **{
            "predictions": 500,
            "failures": 0,
            "champion_milliseconds": 0.2,
            "challenger_milliseconds": 0.25,
            "champion_error": 100.0,
            "requests": 500,
            "labels": 2000,
            "difference": GOOD,
            **changed,
        }
    )


@pytest.mark.parametrize("last", [False, True])
def test_a_better_challenger_advances(last: bool) -> None:
    decision = decide(evidence(), last=last)
    assert decision.action is Action.ADVANCE
    assert any("2000 labels" in reason for reason in decision.reasons)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"failures": 5}, "failed on 5 of 505"),
        ({"challenger_milliseconds": 30.0}, "30.00 ms"),
        ({"difference": Bounds(2000, 8.0, 4.0, 12.0)}, "it is worse"),
        ({"labels": 200, "difference": Bounds(3, 101.0, -math.inf, math.inf)}, "it is worse: on 200 labels of 3 hours"),
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_a_challenger_that_does_harm_is_rolled_back_at_any_stage(
    changed: dict[str, Any], reason: str, last: bool
) -> None:
    decision = decide(evidence(**changed), last=last)
    assert decision.action is Action.ROLL_BACK
    assert reason in decision.reasons[0]


@pytest.mark.parametrize(("labels", "difference"), [(199, 500.0), (200, 99.0)])
def test_a_difference_on_few_labels_or_hours_is_no_reason_unless_it_is_as_large_as_the_champions_error(
    labels: int, difference: float
) -> None:
    found = evidence(labels=labels, difference=Bounds(3, difference, -math.inf, math.inf))
    assert decide(found, last=False).action is Action.ADVANCE


def test_one_slow_request_of_a_few_is_no_reason() -> None:
    slow = {"challenger_milliseconds": 30.0}
    assert decide(evidence(requests=99, **slow), last=False).action is Action.ADVANCE
    assert decide(evidence(requests=100, **slow), last=False).action is Action.ROLL_BACK


def test_without_requests_nothing_is_decided() -> None:
    decision = decide(evidence(predictions=0, challenger_milliseconds=math.nan), last=False)
    assert decision.action is Action.HOLD
    assert "asked 0 times" in decision.reasons[0]


def test_labels_are_waited_for_before_it_becomes_champion_and_not_before_it_is_tried_on_more() -> None:
    unsure = evidence(labels=0, difference=Bounds(0, math.nan, -math.inf, math.inf), champion_error=math.nan)
    assert decide(unsure, last=False).action is Action.ADVANCE
    held = decide(unsure, last=True)
    assert (held.action, "no label has arrived" in held.reasons[0]) == (Action.HOLD, True)


NUMBERS = st.floats(0, 1e4) | st.just(math.nan)


@given(
    predictions=st.integers(0, 10_000),
    failures=st.integers(0, 100),
    champion=NUMBERS,
    challenger=NUMBERS,
    error=NUMBERS,
    low=st.floats(-100, 100) | st.just(-math.inf),
    width=st.floats(0, 100) | st.just(math.inf),
)
def test_who_becomes_champion_was_asked_failed_seldom_and_is_no_worse(
    predictions: int, failures: int, champion: float, challenger: float, error: float, low: float, width: float
) -> None:
    found = evidence(
        predictions=predictions,
        failures=failures,
        champion_milliseconds=champion,
        challenger_milliseconds=challenger,
        champion_error=error,
        requests=predictions,
        labels=predictions,
        difference=Bounds(predictions, 0.0, low, low + width),
    )
    if decide(found, last=True).action is Action.ADVANCE:
        assert predictions >= thresholds.MIN_RELEASE_PREDICTIONS
        assert failures <= thresholds.MAX_RELEASE_FAILURE_SHARE * (predictions + failures)
        assert low + width < thresholds.MAX_RELATIVE_REGRESSION * error
    if low > thresholds.MAX_RELATIVE_REGRESSION * error:
        assert decide(found, last=False).action is Action.ROLL_BACK
