"""Summing up and judging a load test, for any requests that vegeta could have seen."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.loadtest.report import Budgets, judge, lateness, percentile, report
from serving.loadtest.vegeta import Hit

RATE, SECONDS = 50, 2
INTERVAL = 1 / RATE


def hits(*, late: list[float], latency: list[float], status: list[int]) -> list[Hit]:
    """Requests that were sent ``late`` seconds after they were due."""
    return [
        Hit(sequence=place, sent=1e9 + place * INTERVAL + waited, latency=took, status=code)
        for place, (waited, took, code) in enumerate(zip(late, latency, status, strict=True))
    ]


@st.composite
def any_requests(draw: st.DrawFn) -> list[Hit]:
    count = draw(st.integers(1, 60))

    def many(values: st.SearchStrategy) -> list:
        return draw(st.lists(values, min_size=count, max_size=count))

    return hits(
        late=many(st.floats(0, 5)), latency=many(st.floats(1e-6, 10)), status=many(st.sampled_from([0, 200, 422, 503]))
    )


@given(any_requests())
def test_every_request_counts_once_and_slower_shares_are_slower(sent: list[Hit]) -> None:
    found = report(sent, rate=RATE, seconds=SECONDS)
    assert sum(found.statuses.values()) == found.requests == len(sent)
    assert found.p50_milliseconds <= found.p95_milliseconds <= found.p99_milliseconds <= found.max_milliseconds
    assert math.isclose(found.error_share, 1 - found.statuses.get("200", 0) / len(sent), abs_tol=1e-12)
    assert ("none" in found.statuses) == any(hit.status == 0 for hit in sent)


@given(any_requests())
def test_a_request_counts_from_when_it_was_due(sent: list[Hit]) -> None:
    late = lateness(sent, RATE)
    assert min(late) == 0
    starts = [hit.sent - waited - hit.sequence * INTERVAL for hit, waited in zip(sent, late, strict=True)]
    # All requests were due by one clock.
    assert max(starts) - min(starts) < 1e-4


def test_a_pause_of_the_load_generator_is_not_hidden() -> None:
    # It slept for a second from the eleventh request on, then sent what was due, and each answer took a millisecond.
    late = [0.0] * 10 + [max(1 - place * INTERVAL, 0.0) for place in range(90)]
    found = report(hits(late=late, latency=[0.001] * 100, status=[200] * 100), rate=RATE, seconds=SECONDS)
    assert found.late_milliseconds == pytest.approx(1000, abs=0.01)
    assert found.p99_milliseconds == pytest.approx(981, abs=0.01)
    assert found.p95_milliseconds == pytest.approx(901, abs=0.01)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 100))
def test_a_percentile_is_the_least_value_that_enough_values_do_not_exceed(values: list[float], percent: float) -> None:
    found = percentile(sorted(values), percent)

    def share(limit: float) -> float:
        return sum(value <= limit for value in values) * 100

    assert found in values
    assert share(found) >= percent * len(values) - 1e-9
    assert all(share(value) < percent * len(values) + 1e-9 for value in values if value < found)


@given(any_requests(), st.floats(0, 1e4), st.just(0.0) | st.floats(0, 1))
def test_a_test_fails_for_each_budget_that_is_not_met_and_for_no_other_reason(
    sent: list[Hit], p99: float, share: float
) -> None:
    found = report(sent, rate=RATE, seconds=SECONDS)
    said = " ".join(judge(found, Budgets(p99_milliseconds=p99, error_share=share)))
    assert ("too busy" in said) == (len(sent) < 99)
    assert ("p99 is" in said) == (found.p99_milliseconds > p99)
    assert ("of the requests failed" in said) == (found.error_share > share)


def test_a_reason_names_what_was_measured_what_is_allowed_and_what_came_instead() -> None:
    sent = hits(late=[0.0] * 100, latency=[0.2] * 100, status=[200] * 97 + [0, 503, 503])
    found = report(sent, rate=RATE, seconds=SECONDS)
    assert judge(found, Budgets(p99_milliseconds=25, error_share=0)) == [
        "p99 is 200.0 ms at 50 requests/s, allowed are 25 ms",
        "3.00% of the requests failed (2 x 503, 1 x none), allowed are 0.00%",
    ]
