"""The feature pipeline's graph, and a run of it that refreshes the features by itself."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.platform import Platform
from pipelines.driver import Outcome, execute
from pipelines.features import features
from pipelines.requests import FeaturesRequest


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from kfp import compiler

    file = tmp_path_factory.mktemp("ir") / "features.yaml"
    compiler.Compiler().compile(features, str(file))  # pyright: ignore[reportArgumentType]
    return next(yaml.safe_load_all(file.read_text()))


def tasks(graph: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All tasks of the graph and of its branches, by name."""
    dags = [graph["root"]["dag"], *(c["dag"] for c in graph["components"].values() if "dag" in c)]
    return {name: task for dag in dags for name, task in dag["tasks"].items()}


def test_features_are_checked_once_they_are_online(graph: dict[str, Any]) -> None:
    found = tasks(graph)
    assert {"build-features", "materialize", "check-parity"} <= set(found)
    assert "materialize" in found["check-parity"]["dependentTasks"]
    assert not {"train", "register"} & set(found)


def test_what_is_online_is_never_answered_from_the_cache(graph: dict[str, Any]) -> None:
    found = tasks(graph)
    for name in ("materialize", "check-parity"):
        assert not found[name].get("cachingOptions", {}).get("enableCache")


def run(platform: Platform, rows: int) -> Outcome:
    return execute(platform, FeaturesRequest(rows=rows, seed=3).job())


def test_a_run_brings_fresh_features_online_and_checks_them(named: Platform) -> None:
    for rows in (2000, 3000):
        outcome = run(named, rows)
        assert outcome.succeeded, outcome.failed
        checked = outcome.step("check_parity")
        assert checked is not None
        report = json.loads(Path(checked.artifacts["report"]).read_text())
        assert report["compared"] == checked.parameters["checked"] > 1000
        assert report["left_out"] == 0
