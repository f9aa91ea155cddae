"""What a release does next: a pure function of what the logs show. No clock, no network, no state."""

from dataclasses import dataclass
from enum import StrEnum

from components import thresholds
from serving.release.sequential import Bounds


class Action(StrEnum):
    """What to do with a challenger."""

    ADVANCE = "advance"
    HOLD = "hold"
    ROLL_BACK = "roll back"


# Of fewer, the 99th percentile is the slowest: one that the machine held up.
_ENOUGH_REQUESTS = 100


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known about a challenger and the champion beside it, on the very same requests.

    Attributes:
        predictions: Of the challenger since this stage began, for the log alone or as an answer.
        failures: Requests since this stage began that the challenger could not predict for.
        requests: Whose time the challenger's 99th percentile is of.
        champion_milliseconds: 99th percentile of the champion's time for a request; NaN where it answered none.
        challenger_milliseconds: The same of the challenger.
        champion_error: The champion's mean absolute error on the requests with a label, seconds; NaN without labels.
        labels: Requests of the release with a label.
        difference: The challenger's absolute error less the champion's on these, by the hours in which trips began.
    """

    predictions: int
    failures: int
    requests: int
    champion_milliseconds: float
    challenger_milliseconds: float
    champion_error: float
    labels: int
    difference: Bounds


@dataclass(frozen=True)
class Decision:
    """What to do, and each reason for it in a sentence."""

    action: Action
    reasons: tuple[str, ...]


def decide(evidence: Evidence, *, last: bool) -> Decision:
    """Decide about a challenger at one stage.

    It is rolled back as soon as it fails too often, answers too slowly, or is surely worse. It advances once it was
    asked often enough without that. From the last stage it becomes champion, and for that it must be surely no worse.

    Args:
        evidence: What the logs show.
        last: Whether it would become champion next.
    """
    wrong = _wrong(evidence)
    if wrong:
        return Decision(Action.ROLL_BACK, wrong)
    waiting = _waiting(evidence, last)
    if waiting:
        return Decision(Action.HOLD, waiting)
    return Decision(Action.ADVANCE, _good(evidence))


def _wrong(evidence: Evidence) -> tuple[str, ...]:
    found: list[str] = []
    asked = evidence.predictions + evidence.failures
    if evidence.failures > thresholds.MAX_RELEASE_FAILURE_SHARE * asked:
        found.append(f"it failed on {evidence.failures} of {asked} requests")
    slowest = max(thresholds.MAX_RELEASE_SLOWDOWN * evidence.champion_milliseconds, thresholds.MAX_MEDIAN_MILLISECONDS)
    if evidence.requests >= _ENOUGH_REQUESTS and evidence.challenger_milliseconds > slowest:
        found.append(
            f"its 99th percentile is {evidence.challenger_milliseconds:.2f} ms, the champion's "
            f"{evidence.champion_milliseconds:.2f} ms"
        )
    if evidence.difference.low > _margin(evidence) or _far_worse(evidence):
        found.append(f"it is worse: {_said(evidence)}")
    return tuple(found)


def _far_worse(evidence: Evidence) -> bool:
    """Whether its error is so many times the champion's that callers are not left to it until a day's labels are there.

    Nothing is said here of how sure that is: of two models of one kind none is twice as wrong in an hour by chance.
    """
    enough = evidence.labels >= thresholds.MIN_RELEASE_PREDICTIONS
    return enough and evidence.difference.mean > (thresholds.MAX_RELEASE_ERROR_RATIO - 1) * evidence.champion_error


def _waiting(evidence: Evidence, last: bool) -> tuple[str, ...]:
    found: list[str] = []
    if evidence.predictions < thresholds.MIN_RELEASE_PREDICTIONS:
        found.append(f"it was asked {evidence.predictions} times, {thresholds.MIN_RELEASE_PREDICTIONS} are wanted")
    if last and not evidence.difference.high < _margin(evidence):
        found.append(f"it is not yet sure to be no worse: {_said(evidence)}")
    return tuple(found)


def _good(evidence: Evidence) -> tuple[str, ...]:
    return (
        f"{evidence.predictions} predictions, {evidence.failures} failures",
        f"99th percentile {evidence.challenger_milliseconds:.2f} ms, "
        f"the champion's {evidence.champion_milliseconds:.2f} ms",
        _said(evidence),
    )


def _margin(evidence: Evidence) -> float:
    """Seconds by which a challenger may be worse, as at the gate."""
    return thresholds.MAX_RELATIVE_REGRESSION * evidence.champion_error


def _said(evidence: Evidence) -> str:
    found = evidence.difference
    if evidence.labels == 0:
        return "no label has arrived"
    return (
        f"on {evidence.labels} labels of {found.count} hours its mean absolute error differs by {found.mean:+.2f} s "
        f"({found.low:+.2f} to {found.high:+.2f}) from the champion's {evidence.champion_error:.2f} s"
    )
