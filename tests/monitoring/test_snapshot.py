"""Evidently's UI shows each window and all of them over time, by its own interface; and its files hold no rows."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import polars as pl
import pytest

from monitoring.columns import CATEGORIES, NUMBERS, PREDICTION
from monitoring.figures import Figure, figures
from monitoring.quality import ErrorReference
from monitoring.reference import Reference
from monitoring.snapshot import add_snapshot, expire_snapshots
from monitoring.window import WindowResult, measure_window
from monitoring.workspace import PROJECT, WorkspaceError

FIRST = datetime(2026, 2, 24, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Shown:
    """A running UI: its address, and the workspace as who adds snapshots names it."""

    address: str
    workspace: str

    def asked(self, path: str, body: object = None) -> list[dict]:
        method = "GET" if body is None else "POST"
        answer = httpx.request(method, f"{self.address}/api/{path}", json=body, timeout=30)
        return answer.raise_for_status().json()

    def snapshots(self) -> list[dict]:
        found = httpx.get(f"{self.address}/api/projects/{PROJECT.id}/snapshots", timeout=30)
        return sorted(found.json(), key=lambda one: one["timestamp"]) if found.is_success else []

    def wait_for(self, count: int) -> list[dict]:
        """Its snapshots, once they are so many; a folder is watched with half a second of delay."""
        deadline = time.monotonic() + 600
        while len(self.snapshots()) != count and time.monotonic() < deadline:
            time.sleep(0.1)
        found = self.snapshots()
        assert len(found) == count
        return found

    def drawn(self) -> dict[str, list[float | None]]:
        """What the panels of the dashboard draw, by legend."""
        (tab,), panels = (self.asked(f"v2/dashboards/{PROJECT.id}")[name] for name in ("tabs", "panels"))  # pyright: ignore
        assert tab["panels"] == [panel["id"] for panel in panels]
        found = {}
        for panel in panels:
            filters = [
                {name: value[name] for name in ("tags", "metadata", "metric", "metric_labels")}
                for value in panel["values"]
            ]
            answer = self.asked(f"v2/snapshots/{PROJECT.id}/data_series_batch", {"series_filter": filters})
            for series in answer["series"]:  # pyright: ignore
                found[panel["values"][series["filter_index"]]["legend"]] = series["values"]
        return found


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/api/version").is_success
    except httpx.TransportError:
        return False


@contextlib.contextmanager
def ui(folder: Path, port: int) -> Iterator[str]:
    """Evidently's UI over a folder, as the stack starts it; gives its address."""
    command = [sys.executable, "-m", "evidently.cli", "ui", "--host", "127.0.0.1", "--port", str(port)]
    with (folder.parent / "ui.log").open("ab") as log:
        server = subprocess.Popen(
            [*command, "--workspace", str(folder)], stdout=log, stderr=log, env={**os.environ, "DO_NOT_TRACK": "1"}
        )
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 600
        while not answers(address):
            assert server.poll() is None, "the UI ended at its start"
            assert time.monotonic() < deadline, "the UI did not become ready"
            time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait(300)


@pytest.fixture(params=["folder", "address"])
def shown(request: pytest.FixtureRequest, tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Shown]:
    """A UI that shows nothing yet."""
    folder = tmp_path / "evidently"
    with ui(folder, free_port()) as address:
        yield Shown(address, str(folder) if request.param == "folder" else address)


@pytest.fixture
def result(calm_day: pl.DataFrame, reference: Reference, errors: ErrorReference) -> WindowResult:
    """Of the calm day, as if it were the first day of the dashboard."""
    at = FIRST + 7 * DAY
    found = measure_window(calm_day, start=at, end=at + DAY, now=at + 2 * DAY, reference=reference, errors=errors)
    return replace(found, start=FIRST, end=FIRST + DAY)


@pytest.fixture
def add(calm_days: list[pl.DataFrame], result: WindowResult) -> Callable[..., str]:
    """Adds the calm day, or another window, as that of a day."""

    def added(workspace: str, day: int = 0, window: pl.DataFrame = calm_days[-1], **measured: object) -> str:
        start = FIRST + day * DAY
        told = replace(result, start=start, end=start + DAY, **measured)  # pyright: ignore[reportArgumentType]
        earlier = pl.concat(calm_days[:-1])
        return add_snapshot(workspace, window=window, reference=earlier, result=told, model_version="7")

    return added


def test_a_running_ui_shows_each_new_window_and_draws_it_over_time(
    shown: Shown, add: Callable[..., str], result: WindowResult
) -> None:
    ids = [add(shown.workspace)]
    first = shown.wait_for(1)
    ids.append(add(shown.workspace, day=1, rows=7))
    found = shown.wait_for(2)

    assert [one["name"] for one in shown.asked("projects/")] == [PROJECT.name]
    assert [one["id"] for one in found] == ids
    assert first == found[:1]
    assert datetime.fromisoformat(found[0]["timestamp"]) == FIRST + DAY
    assert found[0]["metadata"] == {
        "window_start": "2026-02-24T00:00:00+00:00",
        "window_end": "2026-02-25T00:00:00+00:00",
        "model_version": "7",
        "sample": "1,729 of the window's 1,729 rows, beside 4,988 of 12,454 rows of the reference, drawn at the same "
        "hours",
    }
    drawn, told = shown.drawn(), figures(result)
    assert drawn["of a sample"] == [pytest.approx(drawn["of a sample"][1])] * 2
    assert drawn[Figure.ROWS] == [1_729, 7]
    assert {name: values[0] for name, values in drawn.items() if name in told} == told


def test_the_page_of_a_window_has_evidentlys_drift_quality_and_summary(shown: Shown, add: Callable[..., str]) -> None:
    name = add(shown.workspace)
    shown.wait_for(1)
    page = json.dumps(shown.asked(f"projects/{PROJECT.id}/{name}/data"))
    for part in (
        "Dataset Drift",
        "Regression Model Performance",
        "missing values: Reference",
        "What was measured of all rows",
    ):
        assert part in page
    assert all(column in page for column in (*NUMBERS, *CATEGORIES))


def test_a_window_has_one_snapshot_and_all_windows_one_project(shown: Shown, add: Callable[..., str]) -> None:
    with ThreadPoolExecutor(2) as two:
        at_once = list(two.map(lambda day: add(shown.workspace, day=day), (0, 0)))
    assert at_once[0] == at_once[1] == add(shown.workspace)
    assert [one["id"] for one in shown.wait_for(1)] == at_once[:1]
    assert len(shown.asked("projects/")) == 1
    # The other way to the same workspace knows it as well.
    assert add(shown.address) == at_once[0]


def test_what_is_over_its_time_goes(shown: Shown, add: Callable[..., str]) -> None:
    assert expire_snapshots(shown.workspace, FIRST) == 0
    for day in range(3):
        add(shown.workspace, day=day)
    shown.wait_for(3)
    assert expire_snapshots(shown.workspace, FIRST + 3 * DAY) == 2
    assert datetime.fromisoformat(shown.wait_for(1)[0]["timestamp"]) == FIRST + 3 * DAY
    assert shown.drawn()[Figure.ROWS] == [1_729]
    assert expire_snapshots(shown.workspace, FIRST + 3 * DAY) == 0


def test_a_ui_that_starts_later_shows_all_that_is_there(
    tmp_path: Path,
    add: Callable[..., str],
    calm_day: pl.DataFrame,
    reference: Reference,
    errors: ErrorReference,
    free_port: Callable[[], int],
) -> None:
    folder = tmp_path / "evidently"
    # Nobody asked; a column is gone; no champion is known: what there is is shown.
    start, end = FIRST + 7 * DAY, FIRST + 8 * DAY
    broken = calm_day.drop("trip_distance").with_columns(pl.lit("x").alias("hour"))
    for day, window in enumerate((calm_day[:0], broken)):
        told = measure_window(window, start=start, end=end, now=end, reference=reference, errors=errors)
        parts = {name: getattr(told, name) for name in ("rows", "faults", "drift", "quality", "profile")}
        add(str(folder), day=day, window=window, **parts)
    told = measure_window(calm_day, start=start, end=end, now=end + DAY, reference=None, errors=None)
    add_snapshot(str(folder), window=calm_day, reference=None, result=told, model_version="7")
    with ui(folder, free_port()) as address:
        shown = Shown(address, str(folder))
        shown.wait_for(3)
        drawn = shown.drawn()
    assert drawn[Figure.ROWS] == [0, 1_729, 1_729]
    assert drawn[Figure.FAULTS] == [0, 2, 0]
    assert len(drawn[Figure.ERROR]) == 1
    assert Figure.DRIFTED not in drawn


def test_the_files_hold_neither_rows_nor_who_asked(
    tmp_path: Path, add: Callable[..., str], calm_day: pl.DataFrame
) -> None:
    folder = tmp_path / "evidently"
    window = calm_day.with_columns(pl.lit("7-secret").alias("request_id"))
    add(str(folder), window=window)
    (file,) = folder.glob("*/snapshots/*.json")
    text = file.read_text(encoding="utf-8")
    assert "secret" not in text
    assert file.stat().st_size < 600_000
    predictions = {repr(value) for value in window[PREDICTION].to_list()}
    # The least, the largest and the quantiles of a column are values of rows.
    assert len(predictions) > 1_000
    assert sum(value in text for value in predictions) < 10
    assert [path.name for path in folder.iterdir()] == [str(PROJECT.id)]
    assert [path.name for path in tmp_path.iterdir()] == ["evidently"]


def test_a_ui_that_is_down_is_told(add: Callable[..., str]) -> None:
    with pytest.raises(
        WorkspaceError, match=r"Evidently's UI at http://127.0.0.1:1 does not answer .*`evidently` up\?"
    ):
        add("http://127.0.0.1:1")
