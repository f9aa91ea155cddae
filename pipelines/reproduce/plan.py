"""Which steps of the training pipeline are run again, and which are answered from the record, and with what."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.reproduce.recorded import RecordedRun

# They follow from the data version, the arguments and the code alone.
REBUILT = ("validate", "profile", "build_features", "split", "tune", "train", "select", "evaluate", "explain")
# They reach out of the run, so that they would change something, or another day would give another answer.
ANSWERED: Mapping[str, str] = {
    "ingest": "the recorded data version is read instead of its source, which may have changed",
    "refuse": "writes to MLflow",
    "detect_skew": "asks for the champion of the day",
    "record_skew": "writes to MLflow",
    "materialize": "writes to the online store",
    "check_parity": "reads the online store, which later runs have written to",
    "check_compatibility": "measures the machine",
    "compare": "asks for the champion of the day",
    "register": "writes to MLflow",
    "reject": "writes to MLflow",
}
# No study reaches it: the recorded number of trials ends it.
NO_LIMIT_SECONDS = 1e9


def component_of(step: str) -> str:
    """The component of a step: ``train`` of ``train.lightgbm``, and of a second one that KFP numbers ``train_2``."""
    return re.sub(r"_\d+$", "", step.partition(".")[0])


@dataclass(frozen=True, kw_only=True)
class Rebuild:
    """What is asked of the code of a commit; JSON holds it on the way there.

    Attributes:
        arguments: The pipeline's arguments as text.
        answers: Output parameters of components that are not run.
        trials: Number of trials by model family, where the run has tuned.
        folder: For artifacts and logs.
    """

    arguments: dict[str, str]
    answers: dict[str, dict[str, Any]]
    trials: dict[str, int]
    folder: str


def rebuild_of(run: RecordedRun, folder: str) -> Rebuild:
    """What rebuilds a run."""
    answers = {
        component_of(name): dict(step.parameters) for name, step in run.steps.items() if component_of(name) in ANSWERED
    }
    # A run without a driver has no record of its steps, but of what these two answered.
    read = {"data_version": run.data_version, "learn_from": run.learn_from}
    answers["ingest"] = answers.get("ingest", {}) | read
    answers["compare"] = {"decision": run.verdict} | answers.get("compare", {})
    tunings = {name.partition(".")[2]: step for name, step in run.steps.items() if name.startswith("tune.")}
    trials = {family: int(step.parameters["trials_done"]) for family, step in tunings.items()}
    return Rebuild(arguments=dict(run.arguments), answers=answers, trials=trials, folder=folder)


def ended_by_time(run: RecordedRun) -> dict[str, int]:
    """Families whose study was ended by its time budget, with the trials that it had done."""
    return {
        name.partition(".")[2]: int(step.parameters["trials_done"])
        for name, step in run.steps.items()
        if name.startswith("tune.") and step.parameters.get("stopped_by") == "seconds"
    }
