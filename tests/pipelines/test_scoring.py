"""The scoring graph, and a run of it as a driver makes it."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from pydantic import SecretStr

from components import contract, tables
from components.build_features.step import build_features
from components.families.family import Part, family
from components.features.apply import apply
from components.model import Interval, model_files, save_model, to_target
from components.platform import Platform
from components.score import predictions
from components.tracking import Tracking
from components.trips import synthetic
from pipelines.driver import Job, Outcome, execute
from pipelines.scoring import VERSION, scoring


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from kfp import compiler

    file = tmp_path_factory.mktemp("ir") / "scoring.yaml"
    compiler.Compiler().compile(scoring, str(file))
    return next(yaml.safe_load_all(file.read_text()))


def test_trips_are_scored_on_the_features_that_training_builds(graph: dict[str, Any]) -> None:
    tasks = graph["root"]["dag"]["tasks"]
    assert set(tasks) == {"build-features", "score"}
    source = tasks["score"]["inputs"]["artifacts"]["features"]["taskOutputArtifact"]
    assert source == {"outputArtifactKey": "features", "producerTask": "build-features"}


def test_only_the_features_may_come_from_the_cache(graph: dict[str, Any]) -> None:
    tasks = graph["root"]["dag"]["tasks"]
    assert tasks["build-features"]["cachingOptions"] == {"enableCache": True}
    assert not tasks["score"].get("cachingOptions", {}).get("enableCache")


def test_the_champion_scores_unless_another_version_is_named(graph: dict[str, Any]) -> None:
    assert graph["root"]["inputDefinitions"]["parameters"]["model_version"]["defaultValue"] == 0


@pytest.fixture
def live(platform: Platform, mlflow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """A platform with version 0 of the trips and a model version that learned from them; the environment names it."""
    found = platform.model_copy(update={"mlflow_tracking_uri": mlflow_server})
    for name, field in Platform.model_fields.items():
        value = getattr(found, name)
        if value is not None:
            text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            monkeypatch.setenv(str(field.validation_alias), text)
    apply(found)
    trips = pl.concat([pl.DataFrame(batch) for batch in synthetic.trips(2000, seed=5, weeks=1)])
    usable = trips.filter(pl.col(contract.DROPOFF_TIME) > pl.col(contract.PICKUP_TIME))
    assert tables.write_version(found, tables.TRIPS, usable.to_arrow(), "trips") == 0
    build_features(found, 0, tmp_path / "features.parquet")
    table = pl.read_parquet(tmp_path / "features.parquet")
    part = Part(table.select(contract.MODEL_FEATURES).to_numpy(), to_target(table[contract.TARGET].to_numpy()))
    learned = family("lightgbm").fit(part, part, {}, seed=1, max_rounds=20)
    save_model(learned, tmp_path / "model", interval=Interval(coverage=0.8, low=-0.1, high=0.1), training={})
    return found


def a_version(platform: Platform, folder: Path) -> int:
    """Register a model folder, without an alias."""
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        run = tracking.create_run(tracking.experiment(contract.EXPERIMENT), "made up", {})
        for name in model_files(folder):
            tracking.upload(run, folder / name, f"model/{name}")
        return tracking.create_version(contract.MODEL_NAME, run, "model", {}).version


def run(platform: Platform, model_version: int) -> Outcome:
    arguments = {"data_version": 0, "model_version": model_version}
    return execute(platform, Job(name="scoring", version=VERSION, pipeline=scoring, arguments=arguments))


def test_a_run_scores_every_trip_and_the_next_one_finds_that_done(live: Platform, tmp_path: Path) -> None:
    version = a_version(live, tmp_path / "model")
    first, second = run(live, version), run(live, version)
    assert [(step.name, step.status) for step in first.steps] == [
        ("build_features", "succeeded"),
        ("score", "succeeded"),
    ]
    assert [(step.name, step.status) for step in second.steps] == [("build_features", "cached"), ("score", "succeeded")]
    rows = tables.version_rows(live, tables.TRIPS, 0)
    results = []
    for outcome in (first, second):
        scored = outcome.step("score")
        assert scored is not None
        assert scored.parameters == {"rows": rows, "model_version": version, "newly": outcome is first}
        results.append(json.loads(Path(scored.artifacts["report"]).read_text())["rows"])
    assert results == [rows, rows]
    found = predictions.scan(live, 0, version).collect()
    assert len(found) == rows
    assert found[predictions.PREDICTED].is_between(contract.MIN_DURATION_SECONDS, contract.MAX_DURATION_SECONDS).all()


def test_a_run_without_a_model_fails_and_says_why(live: Platform) -> None:
    outcome = run(live, 999)
    assert outcome.failed is not None
    assert outcome.failed.name == "score"
    assert "no version 999 of trip-duration; train a model" in outcome.failed.error
