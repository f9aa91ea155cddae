"""Choose the parameters of a family within a budget, by Optuna; a study that was killed goes on where it was."""

import hashlib
import json
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.database import alone, open_engine
from components.families.family import Family, Parameters, Part, Range
from components.families.family import family as family_of
from components.model import to_seconds
from components.platform import Platform
from components.train.parts import read_part

if TYPE_CHECKING:
    from optuna import Study, Trial
    from sqlalchemy import Engine

# Parameters are chosen on a sample, so that a trial takes a second or two however many trips there are. What depends
# most on the number of trips, the rounds of learning, is found anew by the training.
TRAIN_ROWS, VALIDATION_ROWS = 40_000, 20_000
MAX_ROUNDS = 150
# Rounds between two reports to the pruner.
REPORT_EVERY = 10
# A study over other choices than these is another study.
_DESIGN = (TRAIN_ROWS, VALIDATION_ROWS, MAX_ROUNDS, REPORT_EVERY)


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What was chosen.

    Attributes:
        family: Name of the family.
        parameters: The best ones; empty for a family without any.
        error: Their mean absolute error on the validation sample, seconds; None where nothing was tried.
        trials: Sets of parameters that were tried, the ones given up early among them.
        pruned: Those that were given up early.
        sample_rows: Training trips that each trial learned from.
        stopped_by: ``trials``, ``seconds`` or ``nothing to tune``. After ``seconds`` the result depends on the
            machine.
        study: Name of the study in the pipelines' database.
    """

    family: str
    parameters: dict[str, float | int]
    error: float | None
    trials: int
    pruned: int
    sample_rows: int
    stopped_by: str
    study: str


def tune(
    platform: Platform,
    train_set: Path,
    validation_set: Path,
    output: Path,
    *,
    family: str,
    seed: int,
    trials: int,
    seconds: float,
    study: str,
) -> Tuned:
    """Try sets of parameters and write the best ones as JSON.

    The result is a function of data, family, seed and number of trials, however often the step was killed meanwhile.

    Args:
        platform: Its pipelines' database keeps the study.
        train_set: Training part, Parquet.
        validation_set: Validation part, Parquet.
        output: JSON file to write, the fields of ``Tuned``.
        family: Name of the family.
        seed: Seed of every random choice.
        trials: Sets of parameters to try, the defaults first; with 0 the defaults are taken untried.
        seconds: No further trial begins once the trials have taken this long together.
        study: Keeps this run's study apart from those of other runs.

    Raises:
        ValueError: A part is empty, or a target is missing or negative.
        components.families.family.UnknownFamilyError: There is no such family.
    """
    kind = family_of(family)
    if not kind.SPACE or trials < 1:
        reason = "trials" if kind.SPACE else "nothing to tune"
        done = Tuned(
            family=family, parameters={}, error=None, trials=0, pruned=0, sample_rows=0, stopped_by=reason, study=""
        )
    else:
        learn = read_part(train_set, rows=TRAIN_ROWS, seed=seed)
        held = read_part(validation_set, rows=VALIDATION_ROWS, seed=seed)
        name = study_name(kind, learn, held, seed=seed, study=study)
        engine = open_engine(platform)
        with alone(engine, f"study {name}"):
            opened = _open(engine, name)
            done = _search(opened, kind, learn, held, seed=seed, trials=trials, seconds=seconds)
    output.write_text(json.dumps(vars(done), indent=2) + "\n", encoding="utf-8")
    return done


def study_name(kind: type[Family], learn: Part, held: Part, *, seed: int, study: str) -> str:
    """A name that only a study over the same data and choices has."""
    digest = hashlib.sha256(repr((study, seed, _DESIGN, sorted(kind.SPACE.items()), kind.DEFAULTS)).encode())
    for part in (learn, held):
        digest.update(part.features.tobytes())
        digest.update(part.target.tobytes())
    return f"{kind.NAME} {digest.hexdigest()[:24]}"


def _open(engine: "Engine", name: str) -> "Study":
    """The study of a name; trials that a killed process left running are given up."""
    import optuna
    from optuna.storages import RDBStorage
    from optuna.trial import TrialState
    from sqlalchemy.pool import NullPool

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with alone(engine, "study tables"):
        url = engine.url.render_as_string(hide_password=False)
        storage = RDBStorage(url, engine_kwargs={"poolclass": NullPool})
    found = optuna.create_study(
        storage=storage,
        study_name=name,
        direction="minimize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=2 * REPORT_EVERY),
    )
    for trial in found.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        found.tell(trial.number, state=TrialState.FAIL)
    return found


def _search(
    study: "Study", kind: type[Family], learn: Part, held: Part, *, seed: int, trials: int, seconds: float
) -> Tuned:
    """Try until a budget is spent."""
    import optuna
    from optuna.trial import TrialState

    while True:
        # A study that was once asked for more trials has them; they are not looked at.
        ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))[:trials]
        spent = sum(trial.duration.total_seconds() for trial in ended if trial.duration)
        if len(ended) >= trials or (ended and spent >= seconds):
            break
        # Seeded by what is known, not by how the process came to know it: a resumed study draws the same.
        study.sampler = optuna.samplers.TPESampler(seed=_trial_seed(seed, len(ended)), n_startup_trials=4)
        # A process may have been killed after it had named the first trial and before that began.
        if not ended and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            study.enqueue_trial({name: kind.DEFAULTS[name] for name in kind.SPACE})
        trial = study.ask()
        sys.stderr.write(f"{kind.NAME}: trial {len(ended) + 1} of {trials}\n")
        try:
            study.tell(trial, _error(trial, kind, learn, held, seed=seed))
        except optuna.TrialPruned:
            study.tell(trial, state=TrialState.PRUNED)
    # What was given up early keeps its last report for a value, which is another measure.
    whole = [trial for trial in ended if trial.state is TrialState.COMPLETE]
    best = min(whole, key=lambda trial: (trial.value, trial.number))
    return Tuned(
        family=kind.NAME,
        parameters=best.params,
        error=best.value,
        trials=len(ended),
        pruned=sum(trial.state is TrialState.PRUNED for trial in ended),
        sample_rows=len(learn.target),
        stopped_by="trials" if len(ended) >= trials else "seconds",
        study=study.study_name,
    )


def _trial_seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence((seed % 2**64, number)).generate_state(1)[0])


def _error(trial: "Trial", kind: type[Family], learn: Part, held: Part, *, seed: int) -> float:
    """Mean absolute error in seconds of a model with the parameters that a trial suggests.

    Raises:
        optuna.TrialPruned: It is worse than the others were after as many rounds.
    """
    import optuna

    def on_round(rounds: int, error: float) -> None:
        if rounds % REPORT_EVERY == 0:
            with warnings.catch_warnings():
                # A round is reported once; Optuna warns of a repeated one in a resumed trial, which there is none of.
                warnings.simplefilter("ignore")
                trial.report(error, rounds)
            if trial.should_prune():
                raise optuna.TrialPruned

    parameters = suggested(trial, kind)
    # The CPU learns a sample faster than it can be brought to a GPU.
    model = kind.fit(learn, held, parameters, seed=seed, max_rounds=MAX_ROUNDS, on_round=on_round)
    predicted = to_seconds(model.predict(held.features, threads=0))
    return float(np.mean(np.abs(predicted - np.expm1(held.target))))


def suggested(trial: Any, kind: type[Family]) -> Parameters:
    """A value for each parameter of a family."""

    def one(name: str, space: Range) -> float | int:
        if space.integer:
            return trial.suggest_int(name, int(space.low), int(space.high), log=space.log)
        return trial.suggest_float(name, space.low, space.high, log=space.log)

    return {name: one(name, space) for name, space in kind.SPACE.items()}
