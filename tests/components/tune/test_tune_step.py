"""Tuning: within a budget, the same each time, and not lost when its process is killed."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
from sqlalchemy import text

from components.database import open_engine
from components.families.lightgbm import LightGbm
from components.platform import Platform
from components.tune import step
from components.tune.step import Tuned, tune

# Runs a study in a process that kills itself in the middle of the third trial, once that has reported an error.
PROGRAM = """
import os, sys
from pathlib import Path
from optuna import Trial
from pydantic import SecretStr
from components.platform import Platform
from components.tune.step import tune

report = Trial.report

def report_and_die(trial, value, rounds):
    report(trial, value, rounds)
    if trial.number == 2:
        os.kill(os.getpid(), 9)

Trial.report = report_and_die
platform = Platform.model_construct(pipelines_database=SecretStr(sys.argv[1]))
folder = Path(sys.argv[2])
tune(platform, folder / "train.parquet", folder / "validation.parquet", Path(sys.argv[3]), family="lightgbm", seed=3,
     trials=6, seconds=600, study=sys.argv[4])
"""


def tuned(platform: Platform, parts: Path, folder: Path, **changed: Any) -> Tuned:
    asked: dict[str, Any] = {"family": "lightgbm", "seed": 3, "trials": 6, "seconds": 600, "study": "s"} | changed
    return tune(platform, parts / "train.parquet", parts / "validation.parquet", folder / "parameters.json", **asked)


def without_name(result: Tuned) -> dict[str, Any]:
    return {name: value for name, value in vars(result).items() if name != "study"}


def trials_in(platform: Platform, *states: str) -> int:
    with open_engine(platform).connect() as connection:
        if connection.execute(text("SELECT to_regclass('trials')")).scalar() is None:
            return 0
        held = connection.execute(text("SELECT state FROM trials")).scalars().all()
    return sum(state in states for state in held)


def ended(platform: Platform) -> int:
    return trials_in(platform, "COMPLETE", "PRUNED")


def test_a_study_that_was_killed_ends_as_one_that_was_not(platform: Platform, parts: Path, tmp_path: Path) -> None:
    url = platform.pipelines_database.get_secret_value()
    command = [sys.executable, "-c", PROGRAM, url, str(parts), str(tmp_path / "killed.json"), "s"]
    assert subprocess.run(command, env=dict(os.environ), check=False).returncode == -9
    assert (ended(platform), trials_in(platform, "RUNNING")) == (2, 1)
    assert not (tmp_path / "killed.json").exists()
    resumed = tuned(platform, parts, tmp_path)
    assert (trials_in(platform, "RUNNING"), trials_in(platform, "FAIL")) == (0, 1)
    whole = tuned(platform, parts, tmp_path, study="another")
    assert resumed.study != whole.study
    assert without_name(resumed) == without_name(whole)
    assert (resumed.trials, resumed.sample_rows) == (6, 2800)


def test_the_same_study_again_is_only_read(platform: Platform, parts: Path, tmp_path: Path) -> None:
    first = tuned(platform, parts, tmp_path, trials=2)
    assert tuned(platform, parts, tmp_path, trials=2) == first
    assert ended(platform) == 2


def test_a_study_that_was_killed_before_its_first_trial_began_goes_on(
    platform: Platform, parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: optuna.Study) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(optuna.Study, "ask", killed)
        with pytest.raises(KeyboardInterrupt):
            tuned(platform, parts, tmp_path, trials=3)
    resumed = tuned(platform, parts, tmp_path, trials=3)
    assert without_name(resumed) == without_name(tuned(platform, parts, tmp_path, trials=3, study="another"))


def test_trials_beyond_those_asked_for_are_not_looked_at(platform: Platform, parts: Path, tmp_path: Path) -> None:
    tuned(platform, parts, tmp_path, trials=6)
    fewer = tuned(platform, parts, tmp_path, trials=2)
    assert without_name(fewer) == without_name(tuned(platform, parts, tmp_path, trials=2, study="another"))


@pytest.mark.parametrize("trials", [0, -1])
def test_without_trials_the_defaults_are_taken(platform: Platform, parts: Path, tmp_path: Path, trials: int) -> None:
    done = tuned(platform, parts, tmp_path, trials=trials)
    assert (done.parameters, done.error, done.trials, done.stopped_by) == ({}, None, 0, "trials")


def test_tuned_parameters_are_no_worse_than_the_defaults(platform: Platform, parts: Path, tmp_path: Path) -> None:
    defaults = tuned(platform, parts, tmp_path, trials=1)
    assert defaults.parameters == pytest.approx({name: LightGbm.DEFAULTS[name] for name in LightGbm.SPACE})
    best = tuned(platform, parts, tmp_path)
    assert best.error is not None
    assert defaults.error is not None
    assert best.error <= defaults.error


def test_no_two_trials_try_the_same(platform: Platform, parts: Path, tmp_path: Path) -> None:
    tuned(platform, parts, tmp_path, family="linear")
    with open_engine(platform).connect() as connection:
        tried = connection.execute(text("SELECT param_value FROM trial_params")).scalars().all()
    assert len(tried) == len(set(tried)) == 6


def test_no_trial_begins_after_the_time_is_spent(platform: Platform, parts: Path, tmp_path: Path) -> None:
    done = tuned(platform, parts, tmp_path, trials=1000, seconds=0.2)
    assert done.stopped_by == "seconds"
    assert 1 <= done.trials < 1000


def test_hopeless_trials_are_given_up_early(platform: Platform, parts: Path, tmp_path: Path) -> None:
    done = tuned(platform, parts, tmp_path, trials=12)
    assert (done.stopped_by, done.trials) == ("trials", 12)
    assert 0 < done.pruned < 12
    # The last error that was told of a trial that was given up is no error of a model, and of another measure.
    query = "SELECT min(value) FROM trial_values JOIN trials USING (trial_id) WHERE state = 'COMPLETE'"
    with open_engine(platform).connect() as connection:
        assert done.error == pytest.approx(connection.execute(text(query)).scalar())


@pytest.mark.parametrize("family", ["linear", "xgboost"])
def test_other_families_are_tuned_by_the_same_code(
    platform: Platform, parts: Path, tmp_path: Path, family: str
) -> None:
    assert tuned(platform, parts, tmp_path, family=family, trials=2).trials == 2


def test_a_family_without_parameters_passes_through(platform: Platform, parts: Path, tmp_path: Path) -> None:
    done = tuned(platform, parts, tmp_path, family="baseline")
    assert (done.parameters, done.trials, done.stopped_by) == ({}, 0, "nothing to tune")


def test_other_data_seeds_and_choices_are_other_studies(parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from components.train.parts import read_part

    train, validation = read_part(parts / "train.parquet"), read_part(parts / "validation.parquet")

    def name(learn: Any = train, held: Any = validation, seed: int = 1, study: str = "s") -> str:
        return step.study_name(LightGbm, learn, held, seed=seed, study=study)

    others = [name(learn=validation), name(held=train), name(seed=2), name(study="t")]
    monkeypatch.setitem(LightGbm.DEFAULTS, "num_leaves", 31)  # pyright: ignore[reportArgumentType]
    assert len({*others, name()}) == 5
    assert name() == name()
