"""What the driver records and prints, decided without running anything."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from components.tracking import Run
from components.versions import COMPONENT_VERSIONS
from pipelines.local import Step
from pipelines.run import Request, parse, step_seconds, step_tags, summary

RUN = Run("abc", "mlflow-artifacts:/1/abc/artifacts")


def a_step(name: str, **changed: Any) -> Step:
    given: dict[str, Any] = {
        "name": name,
        "status": "succeeded",
        "started": datetime(2026, 1, 5, tzinfo=UTC),
        "seconds": 1.5,
        "parameters": {},
        "artifacts": {},
    }
    return Step(**given | changed)


def all_steps(folder: Path) -> list[Step]:
    (folder / "metrics").write_text(json.dumps({"train": {"mae": 1}, "test": {"mae": 2}, "baseline": {"mae": 3}}))
    (folder / "verdict").write_text(json.dumps({"accepted": True, "reasons": ["good"], "champion": None}))
    return [
        a_step("ingest", status="cached", parameters={"data_version": 7}),
        a_step("evaluate", artifacts={"metrics": str(folder / "metrics")}),
        a_step("compare", artifacts={"verdict": str(folder / "verdict")}),
        a_step("register", parameters={"model_version": 4, "run_id": "abc"}),
    ]


def test_the_line_of_a_good_run_has_versions_verdict_and_metrics(tmp_path: Path) -> None:
    line = summary(RUN, all_steps(tmp_path), 9.0, tmp_path / "log")
    assert (line["status"], line["run_id"], line["data_version"], line["model_version"]) == ("succeeded", "abc", 7, 4)
    assert line["verdict"] == {"accepted": True, "reasons": ["good"]}
    assert line["metrics"] == {"train": {"mae": 1}, "test": {"mae": 2}, "baseline": {"mae": 3}}
    assert line["cached"] == ["ingest"]
    assert line["seconds"]["register"] == 1.5
    assert json.loads(json.dumps(line)) == line


def test_the_line_of_a_failed_run_names_the_step_and_its_error(tmp_path: Path) -> None:
    steps = [a_step("ingest", parameters={"data_version": 7}), a_step("validate", status="failed", error="Skew: x")]
    line = summary(RUN, steps, 2.0, tmp_path / "log")
    assert (line["status"], line["failed_step"], line["error"]) == ("failed", "validate", "Skew: x")
    assert (line["data_version"], line["model_version"], line["metrics"]) == (7, None, None)


def test_a_run_without_any_step_is_no_success(tmp_path: Path) -> None:
    assert summary(RUN, [], 0.1, tmp_path / "log")["status"] == "failed"


def test_each_step_leaves_its_version_start_duration_and_artifacts(tmp_path: Path) -> None:
    steps = all_steps(tmp_path)
    tags = {name: json.loads(value) for name, value in step_tags(steps).items()}
    assert tags["keelson.step.evaluate"]["version"] == COMPONENT_VERSIONS["evaluate"]
    assert tags["keelson.step.evaluate"]["started"] == "2026-01-05T00:00:00+00:00"
    assert tags["keelson.step.evaluate"]["artifacts"] == {"metrics": str(tmp_path / "metrics")}
    assert step_seconds(steps)["seconds.evaluate"] == 1.5


def test_a_long_error_is_shortened_to_what_a_tag_holds() -> None:
    tags = step_tags([a_step("ingest", status="failed", error="x" * 100_000)])
    assert len(tags["keelson.step.ingest"]) < 8000


def test_the_command_line_has_the_documented_defaults() -> None:
    assert parse(["training"]) == Request("synthetic", 200_000, 42)
    assert parse(["training", "--data", "a.parquet", "--rows", "5", "--seed", "1"]) == Request("a.parquet", 5, 1)


def test_an_unknown_pipeline_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["scoring"])
    assert "training" in capsys.readouterr().err
