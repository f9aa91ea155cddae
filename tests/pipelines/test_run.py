"""The command line of the pipelines, and what the line about a training run says."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from components.platform import Platform
from components.tracking import Run
from components.trips.source_error import SourceError
from pipelines.driver import Outcome
from pipelines.observation import Step
from pipelines.requests import FeaturesRequest, ScoringRequest, TrainingRequest
from pipelines.run import parse, perform, scoring_result, training_result

STARTED = datetime(2026, 1, 5, tzinfo=UTC)


def an_outcome(**steps: dict[str, Any]) -> Outcome:
    """A run of steps that are given by name with what they made."""
    made = [
        Step(name=name, status="succeeded", started=STARTED, seconds=1, digests={}, attempts=1, **outputs)
        for name, outputs in steps.items()
    ]
    return Outcome(run=Run("abc", "uri"), steps=tuple(made), seconds=9.0, log=Path("log"))


def parameters(**values: Any) -> dict[str, Any]:
    return {"parameters": values, "artifacts": {}}


def test_the_line_of_a_good_run_has_versions_verdict_and_metrics(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text(json.dumps({"train": {"mae": 1}, "test": {"mae": 2}, "baseline": {"mae": 3}}))
    (tmp_path / "verdict").write_text(json.dumps({"accepted": True, "reasons": ["good"], "champion": None}))
    line = training_result(
        an_outcome(
            ingest=parameters(data_version=7),
            validate=parameters(decision="passed"),
            detect_skew=parameters(decision="value_skew"),
            select=parameters(family="linear"),
            evaluate={"parameters": {}, "artifacts": {"metrics": str(tmp_path / "metrics")}},
            compare={"parameters": {}, "artifacts": {"verdict": str(tmp_path / "verdict")}},
            register=parameters(model_version=4, run_id="abc"),
        )
    )
    assert (line["status"], line["data_version"], line["family"], line["model_version"]) == (
        "succeeded",
        7,
        "linear",
        4,
    )
    assert (line["schema"], line["skew"]) == ("passed", "value_skew")
    assert line["verdict"] == {"accepted": True, "reasons": ["good"]}
    assert line["metrics"] == {"train": {"mae": 1}, "test": {"mae": 2}, "baseline": {"mae": 3}}
    assert json.loads(json.dumps(line)) == line


def test_what_a_run_did_not_get_to_is_null() -> None:
    line = training_result(an_outcome(ingest=parameters(data_version=7)))
    assert (line["data_version"], line["model_version"], line["metrics"], line["verdict"]) == (7, None, None, None)


def test_the_command_line_has_the_documented_defaults() -> None:
    assert parse(["training"]) == TrainingRequest()
    assert parse(["features"]) == FeaturesRequest()
    assert (TrainingRequest().data, TrainingRequest().rows, TrainingRequest().seed) == ("synthetic", 200_000, 42)


def test_the_command_line_says_what_to_run_with() -> None:
    given = (
        "training --data a.parquet --rows 5 --seed 1 --families linear,xgboost --trials 2 --tuning-seconds 3".split()
    )
    assert parse(given) == TrainingRequest(
        data="a.parquet", rows=5, seed=1, families=("linear", "xgboost"), trials=2, tuning_seconds=3.0
    )


def test_scoring_takes_a_data_version_and_the_champion_unless_told_otherwise() -> None:
    assert parse(["scoring", "--data-version", "3"]) == ScoringRequest(data_version=3, model_version=0)
    told = scoring_result(an_outcome(score=parameters(rows=5, model_version=2, newly=True)))
    assert (told["rows"], told["model_version"], told["newly"]) == (5, 2, True)


def test_a_reason_to_force_is_taken_without_its_blanks() -> None:
    assert parse(["training", "--force-reason", " leak "]) == TrainingRequest(force_reason="leak")


def test_equal_requests_tune_in_the_same_study_and_others_do_not() -> None:
    studies = {TrainingRequest(seed=seed, rows=10).job().arguments["study"] for seed in (1, 1, 2)}
    assert len(studies) == 2


def test_a_source_that_leaves_something_out_is_completed_on_the_stack(platform: Platform) -> None:
    with pytest.raises(SourceError, match="the table prediction_log is not there"):
        perform(platform, FeaturesRequest(data="served:2026-01-05..2026-01-06"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["sorting"], "training"),
        (["training", "--families", "linear,forest"], "forest is no model family; there are linear, lightgbm, xgboost"),
        (["training", "--trials", "0"], "a whole number from 1"),
        (["training", "--force-reason", " "], "a reason without words was given"),
        (["training", "--device", "tpu"], "cuda"),
        (["scoring"], "--data-version"),
        (["scoring", "--data-version", "-1"], "--data-version"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_can(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(given)
    assert said in capsys.readouterr().err
