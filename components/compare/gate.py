"""The gate: what a candidate must be to serve. Every rule is a check with its numbers; nothing here reads or writes.

A number that is not a number keeps no rule, so nothing passes unmeasured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components import thresholds
from components.evaluate.bootstrap import MIN_BLOCKS, Estimate


@dataclass(frozen=True, kw_only=True)
class Check:
    """One rule and how a candidate did.

    Attributes:
        name: Of the rule.
        passed: Whether it is kept.
        says: The rule and the numbers, in words.
        value: What was measured; None where there was nothing to measure.
        limit: What it was held against.
    """

    name: str
    passed: bool
    says: str
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A group of test trips.

    Attributes:
        name: Group and member, e.g. ``borough Queens``.
        rows: Test trips.
        hours: Different hours in which they began.
        change: The candidate's MAE relative to the champion's less 1, with its confidence interval.
    """

    name: str
    rows: int
    hours: int
    change: Estimate

    @property
    def judged(self) -> bool:
        """Whether there are enough trips and hours to say anything."""
        return self.rows >= thresholds.MIN_SLICE_ROWS and self.hours >= MIN_BLOCKS


@dataclass(frozen=True, kw_only=True)
class Rival:
    """What was measured of the champion beside the candidate, on the same test trips.

    Attributes:
        sha256: Of the champion's native file.
        change: As of a slice, over all test trips.
        slices: Slices of the test trips.
        coverage: Share of the trips in the champion's prediction intervals.
    """

    sha256: str
    change: Estimate
    coverage: float
    slices: Sequence[Slice] = field(default=())


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What was measured of a candidate.

    Attributes:
        sha256: Of the candidate's native file.
        mae: The candidate's MAE on the test trips, seconds.
        baseline_mae: The naive baseline's.
        coverage: Share of the test trips in their prediction intervals.
        milliseconds: Median time for one trip in the bundle.
        megabytes: Size of the model folder.
        resident_megabytes: Memory of a process that serves it.
        rival: The champion, or, in words, why there is none to compare with.
    """

    sha256: str
    mae: float
    baseline_mae: float
    coverage: Estimate
    milliseconds: float
    megabytes: float
    resident_megabytes: float
    rival: Rival | str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a candidate may serve, and why.

    Attributes:
        accepted: By the checks, or by force.
        forced: Accepted although a check failed.
        checks: All rules.
        reasons: Those that decided, in words: the failed ones, or all.
    """

    accepted: bool
    forced: bool
    checks: tuple[Check, ...]
    reasons: tuple[str, ...]


def decide(evidence: Evidence, force_reason: str = "") -> Verdict:
    """Judge a candidate; a reason to force accepts what the checks refuse, and is kept.

    Bytes that serve already are refused whatever the reason: there is nothing to deploy.
    """
    checks = (_against_baseline(evidence), _coverage(evidence), *_budgets(evidence), *_against_champion(evidence))
    failed = [check for check in checks if not check.passed]
    is_champion = isinstance(evidence.rival, Rival) and evidence.sha256 == evidence.rival.sha256
    forced = bool(failed and force_reason.strip() and not is_champion)
    reasons = [check.says for check in failed or checks]
    if forced:
        reasons.insert(0, f"accepted by force: {force_reason.strip()}")
    return Verdict(accepted=not failed or forced, forced=forced, checks=checks, reasons=tuple(reasons))


def _against_baseline(evidence: Evidence) -> Check:
    limit = thresholds.MAX_SHARE_OF_BASELINE * evidence.baseline_mae
    return Check(
        name="better than the baseline",
        passed=evidence.mae <= limit,
        says=f"test MAE {evidence.mae:.2f} s, at most {thresholds.MAX_SHARE_OF_BASELINE:.0%} of the baseline's "
        f"{evidence.baseline_mae:.2f} s is allowed",
        value=evidence.mae,
        limit=limit,
    )


def _coverage(evidence: Evidence) -> Check:
    """Intervals that hold too many or too few trips fail, unless by chance, or no more so than the champion's do."""
    measured, promised = evidence.coverage, thresholds.INTERVAL_COVERAGE
    off = abs(measured.value - promised)
    by_chance = measured.low <= promised <= measured.high
    says = (
        f"prediction intervals hold {measured.value:.1%} ({measured.low:.1%} to {measured.high:.1%}) of the test "
        f"trips, {promised:.0%} give or take {thresholds.COVERAGE_TOLERANCE:.0%} are promised"
    )
    no_worse = False
    if isinstance(evidence.rival, Rival):
        no_worse = off <= abs(evidence.rival.coverage - promised)
        says += f"; the champion's hold {evidence.rival.coverage:.1%}"
    return Check(
        name="honest intervals",
        passed=off <= thresholds.COVERAGE_TOLERANCE or by_chance or no_worse,
        says=says,
        value=off,
        limit=thresholds.COVERAGE_TOLERANCE,
    )


def _budgets(evidence: Evidence) -> list[Check]:
    """What a candidate may cost."""
    measured: Mapping[str, tuple[float, float, str]] = {
        "latency": (evidence.milliseconds, thresholds.MAX_MEDIAN_MILLISECONDS, "ms for one trip in the median"),
        "size": (evidence.megabytes, thresholds.MAX_MEGABYTES, "MB of model"),
        "memory": (evidence.resident_megabytes, thresholds.MAX_RESIDENT_MEGABYTES, "MB in a serving process"),
    }
    return [
        Check(
            name=f"{name} budget",
            passed=value <= limit,
            says=f"{value:.1f} {unit}, at most {limit:g} are allowed",
            value=value,
            limit=limit,
        )
        for name, (value, limit, unit) in measured.items()
    ]


def _against_champion(evidence: Evidence) -> list[Check]:
    """What a candidate must be beside the champion."""
    rival = evidence.rival
    if isinstance(rival, str):
        return [Check(name="against the champion", passed=True, says=rival)]
    is_new = evidence.sha256 != rival.sha256
    new = "the model differs from the champion" if is_new else "the model is the champion, byte for byte"
    limit = thresholds.MAX_SLICE_REGRESSION
    return [
        Check(name="something new", passed=is_new, says=new),
        _change("no worse overall", "all test trips", rival.change, thresholds.MAX_RELATIVE_REGRESSION),
        *[
            _change(f"no worse in {part.name}", f"{part.rows:,} trips", part.change, limit)
            for part in rival.slices
            if part.judged
        ],
    ]


def _change(name: str, what: str, change: Estimate, limit: float) -> Check:
    """A candidate fails where it is worse by more than matters, and surely worse at all."""
    return Check(
        name=name,
        passed=change.value <= limit or change.low <= 0,
        says=f"{name}: MAE on {what} changes by {change.value:+.2%} ({change.low:+.2%} to {change.high:+.2%}) from the "
        f"champion's; refused above {limit:+.0%} where the whole range is above 0",
        value=change.value,
        limit=limit,
    )
