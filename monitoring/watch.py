"""``python -m monitoring.watch``: take in the log, then measure each window that is due, and decide.

A window is looked at once, in order: what was measured, decided and why is a row of ``monitor_windows`` and a snapshot
in Evidently's workspace. A retraining that is decided is noted, and ``monitoring.act`` carries it out. Killed anywhere,
the next call goes on; of two at once, one does nothing. stdout ends with one JSON line.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
from sqlalchemy import Engine

from components import contract
from components.database import alone
from components.platform import Platform
from components.recording import champion
from components.served.labelled import labelled
from components.tracking import Tracking
from monitoring import observed, state
from monitoring.baseline import baseline
from monitoring.collect import collect
from monitoring.decision import Action, History, Retrain, decide, shift_began
from monitoring.recomputed import recomputed
from monitoring.reference import HORIZONS
from monitoring.retention import expire
from monitoring.schedule import due_windows
from monitoring.settings import LIVE, MonitoringSettings
from monitoring.snapshot import add_snapshot, expire_snapshots
from monitoring.state import Retraining, Window
from monitoring.state_tables import Result, Stage, newest_end, open_state
from monitoring.window import WindowResult, measure_window
from monitoring.workspace import PROJECT, Project, WorkspaceError

# As many earlier windows as a decision looks at, a reference is made of, or labels are counted in.
_KEPT = 60


def watch(platform: Platform, settings: MonitoringSettings, now: datetime) -> list[Window]:
    """Look at each window that is due, and note what is to be done.

    Args:
        platform: Where log, registry, features and rows are.
        settings: The monitor's.
        now: Of the wall's clock, with time zone.

    Returns:
        The windows; none where another process is at it.
    """
    engine, found = open_state(platform, settings.database_schema), []
    with alone(engine, "monitor windows", wait=False) as lock:
        if lock is None:
            return []
        if settings.journals is not None:
            collect(platform, settings.journals)
        told = settings.clock.told(now)
        for start, end in due_windows(told, newest_end(engine), settings.window, settings.delay):
            window = _look_at(platform, engine, settings, start, end, now)
            if window is not None:
                found.append(window)
        if found:
            expire(platform, settings, now)
    return found


def _look_at(
    platform: Platform, engine: Engine, settings: MonitoringSettings, start: datetime, end: datetime, now: datetime
) -> Window | None:
    """Measure a window, decide and keep both; None where no model has answered yet."""
    clock = settings.clock
    predictions = labelled(platform, clock.real(start), clock.real(end))
    version = observed.answered_by(predictions) or _champion(platform)
    if version is None:
        return None
    before = state.windows(engine, last=_KEPT)
    in_service = [one.result.start for one in before if one.model_version == version and one.result.rows]
    known = baseline(platform, engine, version, settings.window, in_service, clock)
    name = known[0].version if known else ""
    same = [one.result for one in before if known and one.reference_version == name]
    rows = observed.window_of(predictions, version, now)
    result = measure_window(
        rows,
        start=start,
        end=end,
        now=clock.told(now),
        reference=known[0] if known else None,
        errors=known[1] if known else None,
        earlier=[one.profile for one in same if one.profile is not None],
        recomputed=recomputed(platform, predictions, start, clock),
        tolerance=clock.tolerance,
    )
    results = [*same[1 - HORIZONS[-1] :], result]
    runs = state.retrainings(engine)
    history = _history(name, runs, [*(one.result for one in before), result])
    if _released(runs, name) and (now_serving := _champion(platform)) != version:
        history = replace(history, replaced_by=now_serving)
    decision = decide(results, history, settings.policy)
    window = Window(version, name, result, decision)
    state.add_window(engine, window)
    if settings.workspace:
        _show(engine, settings, rows, window)
    if decision.action is Action.RETRAIN:
        began = shift_began(results, settings.policy)
        state.begin_retraining(engine, _retraining(settings, window, began, now))
    sys.stderr.write(f"{start:%Y-%m-%d %H:%M}, {result.rows} rows: {decision.action}. {decision.reason}\n")
    return window


def _show(engine: Engine, settings: MonitoringSettings, rows: pl.DataFrame, window: Window) -> None:
    """Add a window to those that Evidently's UI shows; a UI that does not answer stops nobody."""
    reference = state.reference_sample(engine, window.reference_version, settings.window_seconds)
    live = settings.database_schema == LIVE
    project = PROJECT if live else Project(f"{PROJECT.name}, {settings.database_schema}")
    shown = {"window": rows, "reference": reference, "result": window.result, "model_version": window.model_version}
    try:
        add_snapshot(settings.workspace or "", **shown, project=project)
        expire_snapshots(settings.workspace or "", window.result.end - settings.retention, project)
    except WorkspaceError as error:
        sys.stderr.write(f"not shown: {error}\n")


def _champion(platform: Platform) -> str | None:
    """The registry's champion: nobody asked for anything in the window."""
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        found = champion(tracking)
    return None if found is None else str(found.version)


def _history(reference: str, runs: Sequence[Retraining], results: Sequence[WindowResult]) -> History:
    """What a decision has to know of what was done."""
    last = max((run.at for run in runs), default=None)
    new = sum(one.quality.labels for one in results if last is None or one.start >= last)
    done = tuple(Retrain(run.at, run.reference_version, run.stage is Stage.ENDED) for run in runs)
    return History(reference, new, done)


def _released(runs: Sequence[Retraining], reference: str) -> bool:
    """Whether a run for this reference has ended with a champion, which somebody may have rolled back since."""
    return any(run.reference_version == reference and run.result is Result.RELEASED for run in runs)


def _retraining(settings: MonitoringSettings, window: Window, began: datetime, now: datetime) -> Retraining:
    since, until = (f"{one.astimezone(UTC):%Y-%m-%dT%H:%M:%S}" for one in (settings.clock.real(began), now))
    return Retraining(
        shift=window.decision.shift,
        reference_version=window.reference_version,
        model_version=window.model_version,
        at=window.result.end,
        source=f"served:{since}..{until}+{contract.CHAMPION}",
        reason=window.decision.reason,
    )


def main() -> int:
    """Look once; prints a JSON line with the windows and what was decided. Returns the exit status."""
    platform, settings = Platform(), MonitoringSettings()  # pyright: ignore[reportCallIssue]
    found = watch(platform, settings, datetime.now(UTC))
    told = [
        {"start": one.result.start, "rows": one.result.rows, "outcome": one.outcome, "action": one.decision.action}
        for one in found
    ]
    print(json.dumps({"windows": told}, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main())
