"""``python -m monitoring.demo.story --windows 14``: tell what a monitor does, and then whether it did well.

Ends once the last window is there, or, with ``--shift``, once two windows were answered by what a retraining made.
Progress goes to stderr, an event a line; stdout ends with one JSON line.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from components.platform import Platform
from monitoring import state
from monitoring.decision import Action
from monitoring.demo.city import CHANGE
from monitoring.observed import instant
from monitoring.settings import MonitoringSettings
from monitoring.state import Retraining, Window
from monitoring.state_tables import Result, Stage, open_state

# Windows that a shift may take to be seen, after that in which it begins; and those that show a recovery.
WITHIN, RECOVERED = 2, 2
_KEPT = 100
_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Story:
    """What a monitor did.

    Attributes:
        windows: The newest last.
        retrainings: Likewise.
    """

    windows: Sequence[Window]
    retrainings: Sequence[Retraining]

    def recovered(self) -> list[Window]:
        """The windows after the first retraining that were answered by what it made."""
        tried = {one.tried for one in self.retrainings if one.result is Result.RELEASED}
        return [one for one in self.windows if one.model_version in tried]

    def ended(self, windows: int, *, shift: bool) -> bool:
        """Whether there is nothing to wait for."""
        failed = any(one.stage is Stage.ENDED and one.result is not Result.RELEASED for one in self.retrainings)
        return len(self.windows) >= windows or (shift and (failed or len(self.recovered()) >= RECOVERED))


def faults(story: Story, change: datetime | None) -> Iterator[str]:
    """What did not go as it should, a sentence each.

    Args:
        story: Ended.
        change: When the world changed; None where it did not.
    """
    before = [one for one in story.windows if change is None or one.result.end <= change]
    for window in before:
        if window.decision.action is not Action.NOTHING:
            yield f"the window of {window.result.start:%Y-%m-%d} was calm: {window.decision.reason}"
    if change is None:
        if story.retrainings:
            yield f"{len(story.retrainings)} retrainings began, and nothing had changed"
        return
    seen = next((one for one in story.windows if one.decision.action is Action.RETRAIN), None)
    if seen is None:
        yield "the change was not seen"
    elif sum(before.result.end > change for before in story.windows[: story.windows.index(seen)]) >= WITHIN + 1:
        yield f"the change of {change:%Y-%m-%d} was seen on {seen.result.end:%Y-%m-%d} only"
    if len(story.retrainings) != 1:
        yield f"{len(story.retrainings)} retrainings began, one is enough"
    for one in story.retrainings:
        if one.result is not Result.RELEASED:
            yield f"the retraining of {one.at:%Y-%m-%d} was not released: {one.result}, {one.said}"
    changed, after = _error([one for one in story.windows if change <= one.result.start], story), _recovery(story)
    if not after < changed:
        yield f"the error did not recover: {after:.0f} s after the release, {changed:.0f} s before it"


def _recovery(story: Story) -> float:
    return _mean([_mae(one) for one in story.recovered()])


def _error(windows: Sequence[Window], story: Story) -> float:
    """Mean over those windows that another version answered than what a retraining made."""
    recovered = story.recovered()
    return _mean([_mae(one) for one in windows if one not in recovered])


def _mae(window: Window) -> float:
    overall = window.result.quality.overall
    return float("nan") if overall is None else overall.error.value


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if value == value]
    return sum(known) / len(known) if known else float("nan")


def events(story: Story, told: set[str]) -> Iterator[str]:
    """What has happened and was not told yet, a line each."""
    for window in story.windows:
        key = f"window {window.result.start}"
        if key not in told:
            told.add(key)
            yield (
                f"{window.result.start:%a %b %d}  version {window.model_version}  {window.result.rows:5} trips  "
                f"error {_mae(window):5.0f} s  {window.decision.action}: {window.decision.reason}"
            )
    for one in story.retrainings:
        key = f"{one.shift} {one.stage}"
        if key not in told:
            told.add(key)
            made = f", version {one.tried}" if one.tried else ""
            came = f": {one.result}, {one.said}" if one.stage is Stage.ENDED else ""
            yield f"retraining {one.shift}{made}: {one.stage}{came}"


def summary(story: Story, wrong: Sequence[str]) -> dict[str, Any]:
    """What the JSON line says."""
    return {
        "windows": [
            {
                "start": one.result.start.isoformat(),
                "version": one.model_version,
                "rows": one.result.rows,
                "mae": None if _mae(one) != _mae(one) else round(_mae(one), 1),
                "drifted": None if one.result.drift.share != one.result.drift.share else one.result.drift.share,
                "action": one.decision.action,
                "reason": one.decision.reason,
            }
            for one in story.windows
        ],
        "retrainings": [
            {name: value for name, value in vars(one).items() if name != "at"} for one in story.retrainings
        ],
        "faults": list(wrong),
    }


def follow(windows: int, *, shift: bool, seconds: float) -> dict[str, Any]:
    """Tell until it has ended, or the time is over."""
    platform, settings = Platform(), MonitoringSettings()  # pyright: ignore[reportCallIssue]
    engine, told = open_state(platform, settings.database_schema), set[str]()
    until = time.monotonic() + seconds
    while True:
        story = Story(state.windows(engine, last=_KEPT), state.retrainings(engine))
        for line in events(story, told):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
        if story.ended(windows, shift=shift) or time.monotonic() > until:
            break
        time.sleep(_LOOK_SECONDS)
    change = instant_of(CHANGE) if shift else None
    return summary(story, list(faults(story, change)))


def instant_of(wall_clock: datetime) -> datetime:
    """A time of New York's clock, as ``monitoring.observed.instant``."""
    return pl.select(instant(pl.lit(wall_clock))).item()


def main(arguments: list[str]) -> None:
    """Tell the story."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.demo.story", description=__doc__)
    parser.add_argument("--windows", type=int, required=True, help="end after so many")
    parser.add_argument("--shift", action="store_true", help="the world changes, and a retraining should follow")
    parser.add_argument("--seconds", type=float, default=3600, help="end after so long")
    given = parser.parse_args(arguments)
    print(json.dumps(follow(given.windows, shift=given.shift, seconds=given.seconds), default=str), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
