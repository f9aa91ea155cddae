"""The decisions on the days of an invented city, one after the other, as a monitor would take them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import polars as pl

from components.trips.synthetic import Regime
from monitoring.bench import worlds
from monitoring.bench.worlds import CALM, CHANGED, LEARNED, REFERENCE_SEED, WINDOW
from monitoring.decision import Action, Decision, History, Policy, Retrain, decide
from monitoring.quality import LABELS_DUE, ErrorReference, fit_errors
from monitoring.reference import Reference, WindowProfile, build
from monitoring.window import WindowResult, measure_window

VERSION = "reference"
# Enough labels for a run at any time: what is counted here is what is detected.
_NEW_LABELS = 10_000
# The first calm day that is replayed: the two weeks before the change take longer and show the same.
BEGINS = CHANGED - 8
WITHIN = 2


@dataclass(frozen=True)
class Replayed:
    """A seed's days.

    Attributes:
        calm: Windows before the change.
        false: The reason of each run or alert that followed one of these.
        detected: Whether a run began within WITHIN windows after the change.
        runs: Runs that began after the change.
        degraded: Calm windows in which the error, or that of a slice, was called degraded, lasting or not.
        drifted: The share of columns that drifted by Evidently's verdict alone, mean over the calm windows.
    """

    calm: int
    false: tuple[str, ...]
    detected: bool
    runs: int
    degraded: int
    drifted: float


@cache
def references() -> tuple[Reference, ErrorReference]:
    """Of the champion's first weeks, the same for all seeds."""
    known = worlds.predictions(REFERENCE_SEED, LEARNED, CALM)
    return build(known, version=VERSION, window=WINDOW), fit_errors(known, version=VERSION, window=WINDOW)


def results(log: pl.DataFrame, first: int, last: int) -> Iterator[WindowResult]:
    """Measure each day after its labels are due."""
    reference, errors = references()
    profiles: list[WindowProfile] = []
    for number, window in zip(range(first, last), worlds.days(log, first, last), strict=True):
        start, end = worlds.day(number), worlds.day(number + 1)
        result = measure_window(
            window,
            start=start,
            end=end,
            now=end + LABELS_DUE,
            reference=reference,
            errors=errors,
            earlier=profiles,
        )
        if result.profile is not None:
            profiles.append(result.profile)
        yield result


def decisions(measured: Sequence[WindowResult], policy: Policy) -> Iterator[Decision]:
    """Decide after each window; a run that begins does not end within these days."""
    retrains: tuple[Retrain, ...] = ()
    for count in range(1, len(measured) + 1):
        decision = decide(measured[:count], History(VERSION, _NEW_LABELS, retrains), policy)
        if decision.action is Action.RETRAIN:
            retrains = (*retrains, Retrain(measured[count - 1].end, VERSION, False))
        yield decision


def replay(seed: int, regime: Regime, policy: Policy) -> Replayed:
    """Replay some calm days of a seed and the first days after the world changes."""
    last = CHANGED + WITHIN + 1
    log = worlds.predictions(seed, BEGINS, last, regime)
    measured = list(results(log, BEGINS, last))
    calm = CHANGED - BEGINS
    before = list(decisions(measured[:calm], policy))
    # A run for nothing would still be under way when the world changes, and hide what is seen then.
    earlier = 0 if all(one.action is Action.NOTHING for one in before) else calm
    after = [one.action for one in decisions(measured[earlier:], policy)][calm - earlier :]
    return Replayed(
        calm=calm,
        false=tuple(one.reason for one in before if one.action is not Action.NOTHING),
        detected=Action.RETRAIN in after[:WITHIN],
        runs=after.count(Action.RETRAIN),
        degraded=sum(bool(one.quality.degraded) for one in measured[:calm]),
        drifted=sum(one.drift.share for one in measured[:calm]) / calm,
    )
