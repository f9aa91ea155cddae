"""Each window as a snapshot in Evidently's workspace, whose UI shows it, and all of them over time.

The snapshot is for people; what is decided is decided by ``monitoring.decision``. It holds statistics and distributions
of a sample, and the monitor's own figures of all rows; no rows, and nothing of who asked.
"""

from datetime import UTC, datetime

import polars as pl

from monitoring.checks import SCHEMA_SKEW
from monitoring.drift import MIN_ROWS
from monitoring.figures import figures
from monitoring.sampling import MAX_ROWS, at_the_same_hours, sample
from monitoring.window import WindowResult
from monitoring.workspace import PROJECT, START, Project, opened


def add_snapshot(
    workspace: str,
    *,
    window: pl.DataFrame,
    reference: pl.DataFrame | None,
    result: WindowResult,
    model_version: str,
    project: Project = PROJECT,
    max_rows: int = MAX_ROWS,
) -> str:
    """Keep a window as a snapshot of a project, which is made with its dashboard where it lacks.

    Args:
        workspace: A folder, or the address of Evidently's UI.
        window: [n] as ``monitoring.columns`` describes it.
        reference: Rows of the champion's reference, likewise; without it no drift is shown.
        result: What was measured of the window.
        model_version: Of the champion that answered.
        project: Of the workspace.
        max_rows: Rows that are drawn of each side; the same rows are drawn each time.

    Returns:
        The snapshot's id; of a window that has one already, that one's.

    Raises:
        monitoring.workspace.WorkspaceError: The UI does not answer, or refuses.
    """
    kept, start = opened(workspace, project), _told(result.start)
    for one in kept.kept():
        if one.start == start:
            return one.snapshot_id
    # Seconds and 200 MB.
    from monitoring import evaluation

    if not kept.has_dashboard():
        kept.create(evaluation.project(project).json(), evaluation.dashboard().json())
    current, matched = _sides(window, reference, result, max_rows)
    found = evaluation.evaluate(
        current,
        matched,
        figures(result),
        compared=matched is not None and result.drift.enough,
        at=result.end.astimezone(UTC),
        metadata={
            START: start,
            "window_end": _told(result.end),
            "model_version": model_version,
            "sample": _said(window, reference, current, matched),
        },
    )
    return kept.add(start, found)


def expire_snapshots(workspace: str, before: datetime, project: Project = PROJECT) -> int:
    """Let go of the snapshots of windows that ended before a time, with time zone; returns how many."""
    kept = opened(workspace, project)
    old = [one for one in kept.kept() if one.start and one.at < before]
    for one in old:
        kept.delete(one.snapshot_id)
    return len(old)


def _sides(
    window: pl.DataFrame, reference: pl.DataFrame | None, result: WindowResult, max_rows: int
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """The rows of both sides that Evidently looks at; no reference where it would say nothing."""
    current = sample(window, max_rows)
    if reference is None or not current.height or any(fault.kind in SCHEMA_SKEW for fault in result.faults):
        return current, None
    matched = at_the_same_hours(reference, current, max_rows)
    return current, matched if matched.height >= MIN_ROWS else None


def _said(
    window: pl.DataFrame, reference: pl.DataFrame | None, current: pl.DataFrame, matched: pl.DataFrame | None
) -> str:
    said = f"{current.height:,} of the window's {window.height:,} rows"
    if reference is None or matched is None:
        return f"{said}, beside nothing"
    return f"{said}, beside {matched.height:,} of {reference.height:,} rows of the reference, drawn at the same hours"


def _told(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()
