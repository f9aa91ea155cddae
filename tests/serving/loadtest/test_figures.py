"""The benchmark's figures, out of any requests."""

import math

from hypothesis import given
from hypothesis import strategies as st

from serving.loadtest.figures import Throughput, overload, ratio, throughput
from serving.loadtest.vegeta import Hit

STATUSES = st.sampled_from([0, 200, 422, 429, 500, 502, 503, 504])


@given(st.lists(st.tuples(STATUSES, st.booleans()), min_size=1))
def test_under_overload_only_429_and_503_with_retry_after_are_refused_rightly(answers: list[tuple[int, bool]]) -> None:
    found = overload(
        [
            Hit(sequence=place, sent=place / 100, latency=0.01, status=status, retry_after=told)
            for place, (status, told) in enumerate(answers)
        ]
    )
    assert found.good == sum(status == 200 for status, _ in answers)
    assert found.shed == answers.count((503, True)) + sum(status == 429 for status, _ in answers)
    assert found.unanswered == sum(status == 0 for status, _ in answers)
    assert found.good + found.shed + found.wrong + found.unanswered == len(answers)


@given(st.lists(st.floats(1e-4, 1), min_size=1, max_size=50))
def test_throughput_is_good_answers_over_the_time_until_the_last_one(latencies: list[float]) -> None:
    one_after_the_other = [
        Hit(sequence=place, sent=sum(latencies[:place]), latency=latency, status=200)
        for place, latency in enumerate(latencies)
    ]
    found = throughput(one_after_the_other)
    assert math.isclose(found.per_second, len(latencies) / sum(latencies), rel_tol=1e-6)
    assert found.p99_milliseconds == max(latencies) * 1e3
    assert found.failed == 0


def test_a_ratio_compares_servers_within_each_round() -> None:
    def rounds(*figures: float) -> list[Throughput]:
        return [Throughput(per_second=one, p50_milliseconds=1, p99_milliseconds=1, failed=0) for one in figures]

    # The machine was half as fast in the second round.
    found = ratio(rounds(800, 400, 900), rounds(1000, 500, 1000))
    assert (found.median, found.least, found.most) == (0.8, 0.8, 0.9)
