"""A run of the training pipeline as it is, and its rebuild, on a real platform."""

import json
import os
import subprocess
import sys
from typing import Any

from pydantic import SecretStr

from components.platform import Platform


def run(platform: Platform, module: str, *arguments: str) -> tuple[dict[str, Any], str]:
    """The JSON line and the progress of a module that must succeed."""
    values = {str(field.validation_alias): getattr(platform, name) for name, field in Platform.model_fields.items()}
    plain = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
        if value is not None
    }
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, env=os.environ | plain, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout.startswith("{") else {}, done.stderr


def test_a_training_run_is_rebuilt_to_the_byte(live: Platform) -> None:
    request = ["--rows", "4000", "--seed", "3", "--families", "linear,lightgbm", "--trials", "2"]
    trained, _ = run(live, "pipelines.run", "training", *request)
    # The code of these tests may have been changed since the last commit.
    answer, said = run(live, "pipelines.reproduce", trained["run_id"], "--allow-dirty")
    assert answer["identical"], said
    assert answer["metrics"]["compared"] > 10
    assert answer["not_compared"] == []
    for step in ("build_features", "split", "tune.lightgbm", "train.lightgbm", "select", "evaluate"):
        assert f"{step:28} succeeded" in said
    for step in ("ingest", "materialize", "compare"):
        assert f"{step:28} from the record" in said
