"""Refused data end the run as failed, with the reasons and the report where people look for them."""

import json
from pathlib import Path

import pytest

from components import contract
from components.platform import Platform
from components.recording import DATA_VERSION, VERDICT, Submission, open_run
from components.refuse.step import PAGE, REPORT, SKEWED_COLUMNS, DataRefusedError, refuse
from components.tracking import RunRecord, Tracking

VIOLATIONS = [
    {"column": "payment_type", "rule": "is one of 0, 1", "rows": 1234, "examples": [{"row": 5, "payment_type": 9}]},
    {"column": "(table)", "rule": "has its columns in the order of the contract", "rows": 0, "examples": []},
]

_NOTHING = Submission()


def refused(
    platform: Platform,
    folder: Path,
    run: str,
    *,
    close: bool = True,
    data_version: int = 3,
    submission: Submission = _NOTHING,
) -> str:
    """The message with which data are refused."""
    report, page = folder / "report", folder / "page"
    report.write_text(json.dumps({"violations": VIOLATIONS}))
    page.write_text("<h1>Violations</h1>")
    given = {"data_version": data_version, "commit": "abc", "report": report, "page": page}
    with pytest.raises(DataRefusedError) as error:
        refuse(platform, run=run, close=close, submission=submission, **given)
    return str(error.value)


def recorded(platform: Platform, run: str) -> RunRecord:
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        return tracking.run_record(open_run(tracking, run, parameters={}, tags={}).run_id)


def test_the_message_names_every_violation_and_where_the_report_is(tracked_platform: Platform, tmp_path: Path) -> None:
    message = refused(tracked_platform, tmp_path, "named")
    assert "data version 3 does not keep the contract" in message
    assert "payment_type breaks 'is one of 0, 1' in 1,234 rows" in message
    assert "(table) breaks 'has its columns in the order of the contract'." in message
    assert f"{PAGE} of MLflow run {recorded(tracked_platform, 'named').run_id}" in message


def test_the_run_is_failed_and_carries_the_reasons(tracked_platform: Platform, tmp_path: Path) -> None:
    refused(tracked_platform, tmp_path, "failed")
    run = recorded(tracked_platform, "failed")
    assert run.status == "FAILED"
    assert run.ended is not None
    assert (run.tags[VERDICT], run.tags[DATA_VERSION]) == ("refused", "3")
    assert run.tags[SKEWED_COLUMNS] == "payment_type, (table)"


def test_a_run_that_a_driver_closes_stays_open(tracked_platform: Platform, tmp_path: Path) -> None:
    refused(tracked_platform, tmp_path, "driven", close=False)
    assert recorded(tracked_platform, "driven").status == "RUNNING"


def test_a_run_without_a_driver_says_what_it_is_a_run_of(tracked_platform: Platform, tmp_path: Path) -> None:
    submission = Submission({"source": "tlc:2026-01"}, {"keelson.pipeline": "training", VERDICT: "accepted"})
    refused(tracked_platform, tmp_path, "submitted", submission=submission)
    tags = recorded(tracked_platform, "submitted").tags
    assert (tags["keelson.pipeline"], tags[VERDICT]) == ("training", "refused")


def test_report_and_page_can_be_had_from_mlflow(tracked_platform: Platform, tmp_path: Path) -> None:
    refused(tracked_platform, tmp_path, "uploaded")
    with Tracking(tracked_platform.mlflow_tracking_uri) as tracking:
        run = open_run(tracking, "uploaded", parameters={}, tags={})
        for name in (REPORT, PAGE):
            folder, file = name.split("/")
            tracking.download(f"{run.artifact_uri}/{folder}", file, tmp_path / "fetched")
    assert json.loads((tmp_path / "fetched" / "schema_skew.json").read_text())["violations"] == VIOLATIONS
    assert (tmp_path / "fetched" / "schema_skew.html").read_text() == "<h1>Violations</h1>"


def test_a_step_that_is_tried_again_says_the_same_and_makes_no_second_run(
    tracked_platform: Platform, tmp_path: Path
) -> None:
    assert refused(tracked_platform, tmp_path, "twice") == refused(tracked_platform, tmp_path, "twice")


def test_nothing_is_registered(tracked_platform: Platform, tmp_path: Path) -> None:
    refused(tracked_platform, tmp_path, "unregistered")
    with Tracking(tracked_platform.mlflow_tracking_uri) as tracking:
        run = open_run(tracking, "unregistered", parameters={}, tags={})
        assert tracking.versions_of_run(contract.MODEL_NAME, run) == []


def test_a_source_that_never_became_a_version_is_refused_as_the_source(
    tracked_platform: Platform, tmp_path: Path
) -> None:
    message = refused(tracked_platform, tmp_path, "source", data_version=-1)
    assert message.startswith("the source does not keep the contract")
    assert DATA_VERSION not in recorded(tracked_platform, "source").tags
