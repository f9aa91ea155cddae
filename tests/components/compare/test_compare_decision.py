"""The gate, rule by rule."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import thresholds
from components.compare.gate import Evidence, Rival, Slice, Verdict, decide
from components.evaluate.bootstrap import MIN_BLOCKS, Estimate

SAME = Estimate(0.0, -0.02, 0.02)
SURELY_WORSE = Estimate(0.10, 0.06, 0.14)
PROMISED = Estimate(thresholds.INTERVAL_COVERAGE, thresholds.INTERVAL_COVERAGE - 0.01, thresholds.INTERVAL_COVERAGE)
DISHONEST = Estimate(0.6, 0.55, 0.65)
QUEENS = Slice(name="borough Queens", rows=5000, hours=100, change=SAME)
RIVAL = Rival(sha256="old", change=SAME, coverage=PROMISED.value, slices=(QUEENS,))
GOOD = Evidence(
    sha256="new",
    mae=200.0,
    baseline_mae=340.0,
    coverage=PROMISED,
    milliseconds=1.0,
    megabytes=2.0,
    resident_megabytes=300.0,
    rival=RIVAL,
)
NAN = float("nan")
UNKNOWN = Estimate(NAN, NAN, NAN)
NUMBERS = st.floats(0, 1000) | st.just(NAN)
ESTIMATES = st.builds(
    lambda value, below, above: Estimate(value, value - below, value + above),
    st.floats(-0.5, 0.5) | st.just(NAN),
    st.floats(0, 0.3),
    st.floats(0, 0.3),
)
SLICES = st.builds(Slice, name=st.just("s"), rows=st.integers(0, 300), hours=st.integers(0, 30), change=ESTIMATES)
RIVALS = st.builds(
    Rival,
    sha256=st.sampled_from(["old", "new"]),
    change=ESTIMATES,
    coverage=st.floats(0, 1),
    slices=st.lists(SLICES, max_size=3),
)
EVIDENCE = st.builds(
    Evidence,
    sha256=st.just("new"),
    mae=NUMBERS,
    baseline_mae=NUMBERS,
    coverage=ESTIMATES,
    milliseconds=NUMBERS,
    megabytes=NUMBERS,
    resident_megabytes=NUMBERS,
    rival=RIVALS | st.just("there is no champion"),
)


def failed(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.checks if not check.passed]


def beside(**changed: object) -> Evidence:
    """A good candidate beside another rival."""
    return replace(GOOD, rival=replace(RIVAL, **changed))  # pyright: ignore[reportArgumentType]


def in_a_slice(rows: int, hours: int, change: Estimate) -> Evidence:
    return beside(slices=(replace(QUEENS, rows=rows, hours=hours, change=change),))


def test_a_good_candidate_is_accepted_with_every_rule_and_its_numbers() -> None:
    verdict = decide(GOOD)
    assert (verdict.accepted, verdict.forced, failed(verdict)) == (True, False, [])
    assert verdict.reasons == tuple(check.says for check in verdict.checks)
    assert "200.00 s, at most 95% of the baseline's 340.00 s" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("evidence", "rule"),
    [
        (replace(GOOD, mae=340.0 * thresholds.MAX_SHARE_OF_BASELINE * 1.001), "better than the baseline"),
        (replace(GOOD, coverage=DISHONEST), "honest intervals"),
        (replace(GOOD, coverage=Estimate(0.99, 0.985, 0.995)), "honest intervals"),
        (replace(GOOD, milliseconds=thresholds.MAX_MEDIAN_MILLISECONDS * 1.01), "latency budget"),
        (replace(GOOD, megabytes=thresholds.MAX_MEGABYTES * 1.01), "size budget"),
        (replace(GOOD, resident_megabytes=thresholds.MAX_RESIDENT_MEGABYTES * 1.01), "memory budget"),
        (replace(GOOD, sha256="old"), "something new"),
        (beside(change=SURELY_WORSE), "no worse overall"),
        (in_a_slice(thresholds.MIN_SLICE_ROWS, MIN_BLOCKS, SURELY_WORSE), "no worse in borough Queens"),
        (replace(GOOD, mae=NAN), "better than the baseline"),
        (replace(GOOD, baseline_mae=NAN), "better than the baseline"),
        (replace(GOOD, coverage=UNKNOWN), "honest intervals"),
        (replace(GOOD, milliseconds=NAN), "latency budget"),
        (replace(GOOD, megabytes=NAN), "size budget"),
        (replace(GOOD, resident_megabytes=NAN), "memory budget"),
        (beside(change=UNKNOWN), "no worse overall"),
        (in_a_slice(5000, 100, UNKNOWN), "no worse in borough Queens"),
    ],
)
def test_each_rule_alone_refuses(evidence: Evidence, rule: str) -> None:
    verdict = decide(evidence)
    assert (verdict.accepted, failed(verdict)) == (False, [rule])
    assert len(verdict.reasons) == 1


@pytest.mark.parametrize(
    "evidence",
    [
        replace(GOOD, mae=340.0 * thresholds.MAX_SHARE_OF_BASELINE),
        replace(GOOD, milliseconds=thresholds.MAX_MEDIAN_MILLISECONDS),
        replace(GOOD, megabytes=thresholds.MAX_MEGABYTES),
        replace(GOOD, resident_megabytes=thresholds.MAX_RESIDENT_MEGABYTES),
        beside(change=Estimate(thresholds.MAX_RELATIVE_REGRESSION, 0.005, 0.015)),
        in_a_slice(5000, 100, Estimate(thresholds.MAX_SLICE_REGRESSION, 0.04, 0.06)),
    ],
)
def test_what_is_just_allowed_is_accepted(evidence: Evidence) -> None:
    assert decide(evidence).accepted


@pytest.mark.parametrize(
    "evidence",
    [
        beside(change=Estimate(0.10, -0.01, 0.2)),
        in_a_slice(5000, 100, Estimate(0.10, -0.01, 0.2)),
        replace(GOOD, coverage=Estimate(0.70, 0.55, 0.85)),
    ],
)
def test_worse_within_the_noise_is_no_reason(evidence: Evidence) -> None:
    assert decide(evidence).accepted


@pytest.mark.parametrize(("rows", "hours"), [(thresholds.MIN_SLICE_ROWS - 1, 100), (5000, MIN_BLOCKS - 1)])
def test_a_slice_with_few_trips_or_hours_says_nothing(rows: int, hours: int) -> None:
    verdict = decide(in_a_slice(rows, hours, SURELY_WORSE))
    assert verdict.accepted
    assert not any("Queens" in check.name for check in verdict.checks)


def test_intervals_no_less_honest_than_the_champions_are_no_reason() -> None:
    dishonest = replace(GOOD, coverage=DISHONEST)
    assert decide(replace(dishonest, rival=replace(RIVAL, coverage=0.59))).accepted
    assert not decide(replace(dishonest, rival=replace(RIVAL, coverage=0.61))).accepted


def test_without_a_champion_the_candidate_stands_for_itself_and_the_verdict_says_so() -> None:
    first = replace(GOOD, rival="there is none")
    assert decide(first).accepted
    assert decide(first).reasons[-1] == "there is none"
    assert not decide(replace(first, mae=339.0)).accepted


def test_force_accepts_what_a_rule_refuses_and_keeps_the_reason_and_the_rule() -> None:
    verdict = decide(beside(change=SURELY_WORSE), " the champion leaks data ")
    assert (verdict.accepted, verdict.forced, failed(verdict)) == (True, True, ["no worse overall"])
    assert verdict.reasons[0] == "accepted by force: the champion leaks data"
    assert "no worse overall" in verdict.reasons[1]


def test_force_is_not_noted_where_it_was_not_needed() -> None:
    assert not decide(GOOD, "to be sure").forced


def test_the_champion_itself_is_not_deployed_again_even_by_force() -> None:
    assert not decide(replace(GOOD, sha256="old"), "again").accepted


@given(EVIDENCE, st.sampled_from(["", "  ", "\t\n", "a reason"]))
def test_accepted_means_that_every_rule_is_kept_or_that_somebody_said_why(evidence: Evidence, force: str) -> None:
    verdict = decide(evidence, force)
    kept, is_new = not failed(verdict), "something new" not in failed(verdict)
    assert verdict.accepted == (kept or (bool(force.strip()) and is_new))
    assert verdict.forced == (verdict.accepted and not kept)
    assert verdict.reasons


@given(EVIDENCE, st.sampled_from(["mae", "milliseconds", "megabytes", "resident_megabytes"]), st.floats(0, 1000))
def test_a_smaller_error_or_cost_is_never_refused_where_a_larger_one_is_accepted(
    evidence: Evidence, name: str, less: float
) -> None:
    smaller = replace(evidence, **{name: max(getattr(evidence, name) - less, 0.0)})
    assert not decide(evidence).accepted or decide(smaller).accepted


@given(EVIDENCE, ESTIMATES, st.floats(0, 0.3))
def test_a_smaller_change_for_the_worse_is_never_refused_where_a_larger_one_is_accepted(
    evidence: Evidence, change: Estimate, less: float
) -> None:
    rival = evidence.rival if isinstance(evidence.rival, Rival) else RIVAL
    better = Estimate(change.value - less, change.low - less, change.high - less)
    larger, smaller = (replace(evidence, rival=replace(rival, change=one)) for one in (change, better))
    assert not decide(larger).accepted or decide(smaller).accepted


@given(EVIDENCE, SLICES)
def test_one_more_slice_never_turns_a_refusal_into_an_acceptance(evidence: Evidence, part: Slice) -> None:
    if isinstance(evidence.rival, Rival):
        more = replace(evidence.rival, slices=[*evidence.rival.slices, part])
        assert decide(evidence).accepted or not decide(replace(evidence, rival=more)).accepted
