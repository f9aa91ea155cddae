"""A run says why it was needed, and goes on."""

import json
from pathlib import Path

import pytest

from components.platform import Platform
from components.record_skew.step import NEEDED_BECAUSE, PAGE, REFERENCE_VERSION, REPORT, record_skew
from components.recording import open_run
from components.tracking import RunRecord, Tracking

REPORTED = {
    "reference_version": 3,
    "columns": [
        {"column": "duration_seconds", "skewed": True},
        {"column": "speed_mph", "skewed": True},
        {"column": "trip_distance", "skewed": False},
    ],
}


@pytest.fixture
def recorded(tracked_platform: Platform, tmp_path: Path) -> tuple[str, RunRecord]:
    """The MLflow run of a recorded skew: where its artifacts are, and the run itself."""
    report, page = tmp_path / "report", tmp_path / "page"
    report.write_text(json.dumps(REPORTED))
    page.write_text("<h1>Skew</h1>")
    given = {"run": "skewed", "data_version": 5, "report": report, "page": page}
    first = record_skew(tracked_platform, **given)
    assert record_skew(tracked_platform, **given) == first
    with Tracking(tracked_platform.mlflow_tracking_uri) as tracking:
        run = open_run(tracking, "skewed", parameters={}, tags={})
        assert run.run_id == first
        return run.artifact_uri, tracking.run_record(first)


def test_the_run_names_the_columns_that_changed_and_what_they_were_compared_with(
    recorded: tuple[str, RunRecord],
) -> None:
    tags = recorded[1].tags
    assert tags[NEEDED_BECAUSE] == "value skew against data version 3 in duration_seconds, speed_mph"
    assert tags[REFERENCE_VERSION] == "3"


def test_the_run_goes_on(recorded: tuple[str, RunRecord]) -> None:
    assert recorded[1].status == "RUNNING"


def test_report_and_page_can_be_had_from_mlflow(
    recorded: tuple[str, RunRecord], tracked_platform: Platform, tmp_path: Path
) -> None:
    with Tracking(tracked_platform.mlflow_tracking_uri) as tracking:
        for name in (REPORT, PAGE):
            folder, file = name.split("/")
            tracking.download(f"{recorded[0]}/{folder}", file, tmp_path / "fetched")
    assert json.loads((tmp_path / "fetched" / "value_skew.json").read_text()) == REPORTED
    assert (tmp_path / "fetched" / "value_skew.html").read_text() == "<h1>Skew</h1>"
