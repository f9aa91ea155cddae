"""Reproducing runs of a small training pipeline: real git, MLflow, Postgres, object store and kfp.local."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import SecretStr

from components import contract, tables
from components.platform import Platform
from components.tracking import Tracking
from components.versions import COMPONENT_VERSIONS
from pipelines.lineage.records import RunRecord
from pipelines.reproduce.plan import ANSWERED, REBUILT, rebuild_of
from pipelines.reproduce.recorded import recorded_run

ROOT = Path(__file__).parents[2]
# Runs the small pipeline by the driver, as `python -m pipelines.run` runs the real one.
RUN = """
import json, sys
from components.platform import Platform
from pipelines.driver import Job, execute
from pipelines.training import training
job = Job(name="training", version="1.0.0", pipeline=training, arguments=json.loads(sys.argv[1]))
outcome = execute(Platform(), job)
print(outcome.run.run_id, outcome.succeeded)
"""


@dataclass(frozen=True)
class Clone:
    """A git repository with this project's code and the small pipeline, on a platform."""

    root: Path
    platform: Platform

    @property
    def journal(self) -> Path:
        """What the steps that reach out of a run have done, ever."""
        return self.root.parent / "journal"

    @property
    def hidden(self) -> Path:
        """A file that the training of XGBoost reads, unknown to the pipeline."""
        return self.root.parent / "hidden"

    @property
    def speed(self) -> Path:
        """A file with the number of trials that the machine does in a second."""
        return self.root.parent / "speed"

    def git(self, *arguments: str) -> str:
        names = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
        command = ["git", "-C", str(self.root), *names, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "a state")
        return self.git("rev-parse", "HEAD")

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        values = {str(f.validation_alias): getattr(self.platform, name) for name, f in Platform.model_fields.items()}
        plain = {
            name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in values.items()
            if value is not None
        }
        # As on any machine where the project is installed from its clone.
        environment = os.environ | plain | {"PYTHONPATH": str(self.root)}
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, check=False, timeout=600
        )

    def change_code(self) -> None:
        """Have the evaluate step compute something else."""
        training = self.root / "pipelines" / "training.py"
        training.write_text(training.read_text().replace("/ 7", "/ 8"))

    def record(self, status: str = "FINISHED", **tags: str) -> str:
        """A run as MLflow keeps it, that nobody has run; returns its id."""
        with Tracking(self.platform.mlflow_tracking_uri) as tracking:
            known = {f"keelson.{name}": value for name, value in {"pipeline": "training", **tags}.items()}
            run = tracking.create_run(tracking.experiment(contract.EXPERIMENT), "recorded", known)
            if status != "RUNNING":
                tracking.close_run(run, status)
        return run.run_id

    def run(self, **changed: Any) -> str:
        """Run the pipeline; returns the run's id."""
        arguments = {
            "source": str(self.journal),
            "hidden": str(self.hidden),
            "families": ["lightgbm", "xgboost"],
            "trials": 2,
            "tuning_seconds": 5.0,
            "study": "a study",
            "speed": str(self.speed),
        }
        done = self.python("-c", RUN, json.dumps(arguments | changed))
        assert done.returncode == 0, done.stderr
        run_id, succeeded = done.stdout.split()[-2:]
        assert succeeded == "True", done.stderr
        return run_id

    def reproduce(self, run: str, *options: str) -> tuple[int, dict[str, Any], str]:
        """Exit status, JSON line (empty without one) and stderr."""
        done = self.python("-m", "pipelines.reproduce", run, *options)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}, done.stderr


@pytest.fixture
def clone(platform: Platform, mlflow_server: str, tmp_path: Path) -> Clone:
    """A clone at a commit, with a data version 0."""
    root = tmp_path / "clone"
    for package in ("components", "pipelines"):
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "uv.lock", root)
    shutil.copy(Path(__file__).with_name("small_training.py"), root / "pipelines" / "training.py")
    # The small pipeline's models and metrics are simpler than the real ones.
    with (root / "components" / "recording.py").open("a") as file:
        file.write("\n\ndef flat_metrics(metrics):\n    return metrics\n")
    with (root / "components" / "model.py").open("a") as file:
        file.write("\n\ndef verified_hash(folder):\n    return file_hash(folder / 'model.json')\n")
    (root / ".gitignore").write_text("__pycache__\n")
    platform = platform.model_copy(update={"mlflow_tracking_uri": mlflow_server})
    tables.write_version(platform, tables.TRIPS, pa.table({"n": [1, 2, 3]}), fingerprint="f" * 64)
    made = Clone(root, platform)
    made.hidden.write_text("as it was")
    made.speed.write_text("0.6")
    made.git("init", "--quiet")
    made.commit()
    return made


def versions(platform: Platform) -> int:
    """How many versions of the model are registered."""
    from pipelines.lineage.registry import Registry

    with Registry(platform.mlflow_tracking_uri) as registry:
        return len(registry.versions())


def schemas(clone: Clone) -> list[str]:
    """Schemas that a rebuild left in the pipelines' database."""
    from sqlalchemy import text

    from components.database import open_engine

    query = text("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'reproduce%'")
    with open_engine(clone.platform).connect() as connection:
        return [str(row[0]) for row in connection.execute(query)]


def test_the_newest_run_is_rebuilt_from_its_commit_to_the_byte_and_nothing_else_happens(clone: Clone) -> None:
    run = clone.run()
    done, before = "ingest compare register ", versions(clone.platform)
    assert clone.journal.read_text() == done
    clone.change_code()
    clone.commit()
    code, answer, said = clone.reproduce("latest")
    assert (code, answer.get("run_id"), answer.get("identical")) == (0, run, True), said
    assert answer["model"]["expected"] == answer["model"]["actual"]
    assert (answer["metrics"]["identical"], answer["metrics"]["compared"]) == (True, 1)
    assert (answer["first_difference"], answer["not_compared"], answer["notes"]) == (None, [], [])
    assert "model bytes are identical, 1 metrics are identical" in said
    # Steps that reach out of the run were not run again; no study, version, work tree or file is left.
    assert clone.journal.read_text() == done
    assert (versions(clone.platform), schemas(clone)) == (before, [])
    assert (clone.git("worktree", "list").count("\n"), clone.git("status", "--porcelain")) == (0, "")


def test_a_mismatch_names_the_first_differing_step_with_both_digests(clone: Clone) -> None:
    run = clone.run()
    clone.hidden.write_text("changed meanwhile")
    code, answer, said = clone.reproduce(run)
    assert (code, answer["identical"], answer["model"]["identical"]) == (1, False, False)
    first = answer["first_difference"]
    assert (first["step"], first["output"]) == ("train.xgboost", "model")
    assert len(first["expected"]) == len(first["actual"]) == 64
    assert f"the first differing step is 'train.xgboost': its model is {first['actual']}" in said
    assert f"expected {first['expected']}" in said
    assert answer["metrics"]["differing"].keys() == {"test.mae"}
    assert [one["step"] for one in answer["differences"]] == ["train.xgboost", "select", "evaluate"]


def test_a_step_that_fails_now_is_the_first_difference(clone: Clone) -> None:
    run = clone.run(families=["xgboost"])
    clone.hidden.unlink()
    code, answer, said = clone.reproduce(run)
    assert code == 1
    assert answer["first_difference"]["step"] == "train.xgboost"
    assert "failed: FileNotFoundError" in answer["first_difference"]["actual"]
    assert "model bytes are NOT identical" in said


def test_a_search_that_time_ended_is_rebuilt_with_as_many_trials_and_the_answer_says_so(clone: Clone) -> None:
    run = clone.run(trials=9)
    clone.speed.write_text("1.4")
    code, answer, said = clone.reproduce(run)
    assert (code, answer["identical"]) == (0, True), said
    assert [note[: note.index(";")] for note in answer["notes"]] == [
        f"the search of {family} was ended by its time budget after 3 of 9 trials" for family in ("lightgbm", "xgboost")
    ]


def test_a_run_with_changed_files_is_rebuilt_on_demand_only(clone: Clone) -> None:
    clone.change_code()
    run = clone.run(families=["xgboost"])
    code, answer, said = clone.reproduce(run)
    assert (code, answer) == (2, {})
    assert "cannot be rebuilt exactly: files differed from commit" in said
    assert "--allow-dirty" in said
    code, answer, said = clone.reproduce(run, "--allow-dirty")
    assert (code, answer["identical"]) == (0, True), said
    assert "made by code that no commit holds" in answer["notes"][0]


def test_other_packages_are_refused_with_the_way_to_get_them(clone: Clone) -> None:
    run = clone.record(data_version="0", commit=clone.git("rev-parse", "HEAD"), lock_sha256="0" * 64)
    code, _, said = clone.reproduce(run)
    assert code == 2
    assert f"was made with other packages: its uv.lock has SHA-256 {'0' * 64}, the one here" in said
    assert "git worktree add" in said


def test_a_run_without_its_arguments_is_refused_with_those_that_lack(clone: Clone) -> None:
    run = clone.record(data_version="0", commit=clone.git("rev-parse", "HEAD"))
    code, _, said = clone.reproduce(run)
    assert code == 2
    assert "arguments were not recorded: families, hidden, source, speed, study, trials, tuning_seconds" in said


def test_a_commit_from_before_the_rebuild_is_refused(clone: Clone) -> None:
    (clone.root / "pipelines" / "reproduce" / "rebuild.py").unlink()
    old = clone.commit()
    clone.git("revert", "--no-edit", "HEAD")
    code, _, said = clone.reproduce(clone.record(data_version="0", commit=old))
    assert code == 2
    assert "is from before runs could be rebuilt" in said


@pytest.mark.parametrize(
    ("tags", "status", "said"),
    [
        ({}, "RUNNING", "is RUNNING, not FINISHED"),
        ({"pipeline": "features"}, "FINISHED", "only training runs are rebuilt"),
        ({}, "FINISHED", "does not say which data version it read"),
        ({"data_version": "7"}, "FINISHED", "has no version 7"),
        ({"data_version": "0"}, "FINISHED", "it was made outside a clone"),
        ({"data_version": "0", "commit": "0" * 40}, "FINISHED", "is not in this clone; bring it here"),
    ],
)
def test_what_cannot_be_rebuilt_is_refused_with_the_reason(
    clone: Clone, tags: dict[str, str], status: str, said: str
) -> None:
    code, answer, told = clone.reproduce(clone.record(status, **tags))
    assert (code, answer) == (2, {})
    assert said in told


def test_a_run_without_a_driver_is_rebuilt_from_what_its_model_tells_of_the_data() -> None:
    tags = {"keelson.data_version": "3", "keelson.learn_from": "2026-03-02T08:00:00", "keelson.verdict": "accepted"}
    record = RunRecord(run_id="r", status="FINISHED", started="", deleted=False, parameters={}, metrics={}, tags=tags)
    answers = rebuild_of(recorded_run(record), "nowhere").answers
    assert answers["ingest"] == {"data_version": 3, "learn_from": "2026-03-02T08:00:00"}


def test_an_unknown_run_is_refused_with_the_newest(clone: Clone) -> None:
    run = clone.record()
    code, _, said = clone.reproduce("0123")
    assert code == 2
    assert f"MLflow has no run 0123; the newest is {run}" in said


def test_each_component_is_either_rebuilt_or_answered() -> None:
    assert not set(REBUILT) & set(ANSWERED)
    # Those of other pipelines.
    others = {"score", "watch"}
    assert set(COMPONENT_VERSIONS) - others <= set(REBUILT) | set(ANSWERED)
