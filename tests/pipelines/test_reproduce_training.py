"""A run of the training pipeline as it is, and its rebuild, on a real platform."""

from typing import Any

import pytest

from components.platform import Platform

pytestmark = pytest.mark.training


def test_a_training_run_is_rebuilt_to_the_byte(live: Platform, run_module: Any) -> None:
    request = ["--rows", "4000", "--seed", "3", "--families", "linear,lightgbm", "--trials", "2"]
    trained, _ = run_module(live, "pipelines.run", "training", *request)
    # The code of these tests may have been changed since the last commit.
    answer, said = run_module(live, "pipelines.reproduce", trained["run_id"], "--allow-dirty")
    assert answer["identical"], said
    assert answer["metrics"]["compared"] > 10
    assert answer["not_compared"] == []
    for step in ("build_features", "split", "tune.lightgbm", "train.lightgbm", "select", "evaluate"):
        assert f"{step:28} succeeded" in said
    for step in ("ingest", "materialize", "compare"):
        assert f"{step:28} from the record" in said
