"""What the driver records of a run, decided without running anything."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from components.tracking import Run
from components.versions import COMPONENT_VERSIONS
from pipelines.driver import Outcome, data_pages, provenance, result, step_seconds, step_tags
from pipelines.observation import Step


def a_step(name: str, **changed: Any) -> Step:
    given: dict[str, Any] = {
        "name": name,
        "status": "succeeded",
        "started": datetime(2026, 1, 5, tzinfo=UTC),
        "seconds": 1.5,
        "parameters": {},
        "artifacts": {},
        "digests": {},
        "attempts": 1,
    }
    return Step(**given | changed)


def an_outcome(*steps: Step) -> Outcome:
    return Outcome(run=Run("abc", "mlflow-artifacts:/1/abc/artifacts"), steps=steps, seconds=9.0, log=Path("log"))


def test_the_line_of_a_good_run_has_seconds_and_what_was_cached_or_restarted() -> None:
    line = result(an_outcome(a_step("ingest", status="cached", attempts=0), a_step("train.linear", attempts=2)))
    assert (line["status"], line["run_id"], line["failed_step"]) == ("succeeded", "abc", None)
    assert (line["cached"], line["restarted"]) == (["ingest"], ["train.linear"])
    assert line["seconds"] == {"ingest": 1.5, "train.linear": 1.5}


def test_the_line_of_a_failed_run_names_the_step_and_its_error() -> None:
    line = result(an_outcome(a_step("ingest"), a_step("refuse", status="failed", error="Skew: x")))
    assert (line["status"], line["failed_step"], line["error"]) == ("failed", "refuse", "Skew: x")


def test_a_run_without_any_step_is_no_success() -> None:
    assert result(an_outcome())["status"] == "failed"


def test_each_step_leaves_its_version_start_duration_artifacts_and_digests() -> None:
    step = a_step("train.linear", artifacts={"model": "/runs/model"}, digests={"model": "d1"})
    tag = json.loads(step_tags([step])["keelson.step.train.linear"])
    assert tag["version"] == COMPONENT_VERSIONS["train"]
    assert (tag["started"], tag["seconds"]) == ("2026-01-05T00:00:00+00:00", 1.5)
    assert (tag["artifacts"], tag["digests"]) == ({"model": "/runs/model"}, {"model": "d1"})
    assert step_seconds([step]) == {"seconds.train.linear": 1.5}


def test_the_pages_about_the_data_are_kept_with_the_run_and_others_are_not() -> None:
    page = {"page": "/runs/page"}
    steps = [a_step("profile", artifacts=page), a_step("compare", artifacts=page), a_step("validate", status="failed")]
    assert data_pages(steps) == {"reports/profile.html": Path("/runs/page")}


def test_a_long_error_is_shortened_to_what_a_tag_holds() -> None:
    tags = step_tags([a_step("ingest", status="failed", error="x" * 100_000)])
    assert len(tags["keelson.step.ingest"]) < 8000


def test_the_second_step_of_a_component_and_the_items_of_a_loop_have_the_component_s_version() -> None:
    tags = step_tags([a_step("refuse_2"), a_step("train.linear")])
    versions = [json.loads(tag)["version"] for tag in tags.values()]
    assert versions == [COMPONENT_VERSIONS["refuse"], COMPONENT_VERSIONS["train"]]


def test_a_pods_user_who_has_no_name_is_told_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)

    def nobody(number: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr("pwd.getpwuid", nobody)
    told = provenance("training", "1.0.0", {}, image="", lock_sha256="", by="a test")
    assert told["keelson.started_by"].startswith(f"user {os.getuid()}@")
