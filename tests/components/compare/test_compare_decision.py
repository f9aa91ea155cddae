"""The offline gate, decided without a registry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.compare.step import TOLERANCE, decide

seconds = st.floats(0.001, 10_000)


@pytest.mark.parametrize(
    ("candidate", "champion", "baseline", "accepted"),
    [
        (100.0, None, 200.0, True),
        (200.0, None, 200.0, False),
        (100.0, 100.0, 200.0, True),
        (101.0, 100.0, 200.0, True),
        (101.1, 100.0, 200.0, False),
        (100.0, 120.0, 90.0, False),
    ],
)
def test_the_gate(candidate: float, champion: float | None, baseline: float, accepted: bool) -> None:
    assert decide(candidate, champion, baseline).accepted is accepted


@given(candidate=seconds, champion=st.none() | seconds, baseline=seconds)
def test_an_accepted_candidate_beats_the_baseline_and_holds_up_to_the_champion(
    candidate: float, champion: float | None, baseline: float
) -> None:
    verdict = decide(candidate, champion, baseline)
    holds = champion is None or candidate <= champion * TOLERANCE
    assert verdict.accepted is (candidate < baseline and holds)
    assert len(verdict.reasons) == 2
