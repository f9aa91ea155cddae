"""What follows from the measurements: nothing, a retraining, or a stop with an alert. No clock, no network, no state.

A fault of the data stops, because a model would learn it. A shift of the world retrains, if that pays:

    gain = error that a run saves (seconds a prediction) x predictions a week x value of a second x weeks that it lasts

The saved error is a share of what the error lies above the expected one; where inputs have moved and labels show no
loss yet, a share of the expected error. A run whose gain is below its cost is not begun.

A shift is known by the reference that it was seen against: until another champion brings another reference, all that is
seen is the same shift, and one run is enough for it. If that run ends without a new champion, the next one has to wait
for the cool-down and for labels, and the week's budget ends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitoring.policy import Action, Policy
from monitoring.quality import MIN_COVERAGE
from monitoring.window import WindowResult

_WEEK = timedelta(weeks=1)


@dataclass(frozen=True)
class Retrain:
    """A run that the monitor began.

    Attributes:
        at: When, with time zone.
        reference_version: What the shift was seen against.
        finished: Whether its outcome is known: a refused model, or a champion. A challenger that is still being
            released is not finished.
    """

    at: datetime
    reference_version: str
    finished: bool


@dataclass(frozen=True)
class History:
    """What happened before.

    Attributes:
        reference_version: Of the reference that the results were measured against.
        new_labels: Labelled rows that no training has seen.
        retrains: Of the last week at least, in any order.
        replaced_by: Version of the champion, where it is no longer the model that the results are of. Windows are
            looked at when their labels are due, and some of the old model's are when the new one answers already.
    """

    reference_version: str
    new_labels: int
    retrains: tuple[Retrain, ...] = ()
    replaced_by: str | None = None


@dataclass(frozen=True)
class Decision:
    """What to do and why.

    Attributes:
        action: What to do.
        reason: A sentence for people.
        evidence: Each finding that speaks for it, in words.
        shift: Names the shift that was seen and the attempt to end it; the same until a run for it is in the history,
            so that who begins runs by this name begins one. Empty without a shift.
        gain: What a run is expected to bring over ``Policy.gain_weeks``; 0 without a shift.
    """

    action: Action
    reason: str
    evidence: tuple[str, ...] = ()
    shift: str = ""
    gain: float = 0.0


def decide(results: Sequence[WindowResult], history: History, policy: Policy) -> Decision:
    """Decide after a window.

    Args:
        results: Of consecutive windows against one reference, the newest last; at least one.
        history: Before this decision.
        policy: The team's.
    """
    faults = _faults(results, policy)
    if faults:
        return Decision(Action.STOP, f"The data are at fault, so nothing is learned from them: {faults[0]}.", faults)
    evidence = _evidence(results, policy)
    if not evidence:
        return Decision(Action.NOTHING, _calm(results[-1]))
    before = sum(run.reference_version == history.reference_version for run in history.retrains)
    shift, gain = f"{history.reference_version}/{before + 1}", expected_gain(results, policy)
    hindrance = _hindrance(results[-1].end, history, policy, gain)
    if hindrance is not None:
        action, why = hindrance
        return Decision(action, f"There is a shift, but {why}.", evidence, shift, gain)
    reason = (
        f"Retrain, because {evidence[0]}. A run costs {policy.run_cost:.2f} and should bring {gain:.2f} in "
        f"{policy.gain_weeks:g} weeks."
    )
    return Decision(Action.RETRAIN, reason, evidence, shift, gain)


def shift_began(results: Sequence[WindowResult], policy: Policy) -> datetime:
    """The start of the first of the windows that show the shift which ``decide`` has seen.

    What they hold is a sample of the changed world, and windows before them may not be.
    """
    newest = results[-1]
    horizons = [one.horizon for one in newest.drift.lasting]
    if newest.quality.degraded:
        horizons.append(policy.confirming_windows)
    return results[-min(horizons, default=1)].start


def expected_gain(results: Sequence[WindowResult], policy: Policy) -> float:
    """What a new model is expected to bring over ``Policy.gain_weeks``, see the module."""
    quality = results[-1].quality
    saved = policy.assumed_gain * quality.expected
    if quality.overall is not None:
        saved = max(saved, policy.recovered_share * (quality.overall.error.value - quality.overall.expected))
    lasted = sum((result.end - result.start for result in results), timedelta())
    weekly = sum(result.rows for result in results) * (_WEEK / lasted)
    return saved * weekly * policy.value_of_a_second * policy.gain_weeks


def _faults(results: Sequence[WindowResult], policy: Policy) -> tuple[str, ...]:
    newest = results[-1]
    found = [fault.told for fault in newest.faults]
    if newest.skew is not None and newest.skew.skewed:
        found.append(newest.skew.told())
    last = [result.quality for result in results[-policy.silent_windows :]]
    if len(last) == policy.silent_windows and all(one.due and one.coverage < MIN_COVERAGE for one in last):
        labels, due = sum(one.labels for one in last), sum(one.due for one in last)
        found.append(f"labels do not arrive: {labels} of {due} that are due in the last {len(last)} windows")
    return tuple(found)


def _evidence(results: Sequence[WindowResult], policy: Policy) -> tuple[str, ...]:
    newest = results[-1]
    found = []
    last = [result.quality for result in results[-policy.confirming_windows :]]
    if len(last) == policy.confirming_windows:
        # A slice is degraded when it was in each of these windows.
        places = [{(one.group, one.name) for one in quality.degraded} for quality in last]
        lasting = set.intersection(*places)
        found += [one.told() for one in last[-1].degraded if (one.group, one.name) in lasting]
    found += [one.told() for one in newest.drift.lasting]
    return tuple(found)


def _calm(newest: WindowResult) -> str:
    drift = newest.drift.reason or "no lasting drift"
    quality = newest.quality.reason or "no lasting degradation"
    return f"Inputs and predictions: {drift}. Errors: {quality}."


def _hindrance(now: datetime, history: History, policy: Policy, gain: float) -> tuple[Action, str] | None:
    """Why a shift is not answered by a run, and what is done instead; None where nothing hinders."""
    running = [run for run in history.retrains if not run.finished]
    if running:
        return Action.NOTHING, f"a run for it is under way since {min(run.at for run in running):%Y-%m-%d %H:%M}"
    if history.replaced_by is not None:
        return Action.NOTHING, f"version {history.replaced_by} has taken the place of the model that it was seen with"
    latest = max((run.at for run in history.retrains), default=None)
    if latest is not None and now - latest < policy.cooldown:
        return Action.NOTHING, f"the last run began at {latest:%Y-%m-%d %H:%M}, less than {policy.cooldown} ago"
    recent = [run for run in history.retrains if now - run.at < _WEEK]
    if len(recent) >= policy.retrains_per_week:
        return Action.STOP, f"{len(recent)} runs in a week did not end it, and no more are allowed"
    if history.new_labels < policy.min_new_labels:
        return Action.NOTHING, f"there are {history.new_labels} new labels, {policy.min_new_labels} are wanted"
    if gain < policy.run_cost:
        return Action.NOTHING, f"a run costs {policy.run_cost:.2f} and should bring {gain:.2f}"
    return None
