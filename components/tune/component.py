"""The KFP face of tune."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def tune(
    train_set: Input[Dataset],
    validation_set: Input[Dataset],
    parameters: Output[Artifact],
    family: str,
    seed: int,
    trials: int,
    seconds: float,
    study: str,
) -> NamedTuple("Tuning", [("trials_done", int), ("stopped_by", str)]):  # pyright: ignore[reportInvalidTypeForm]
    """Choose the parameters of a model family within a budget.

    Args:
        train_set: Training part.
        validation_set: Validation part.
        parameters: The best parameters and how they were found, as JSON.
        family: Name of the family.
        seed: Seed of every random choice.
        trials: Sets of parameters to try.
        seconds: No further trial begins after this time.
        study: Under which name the search is kept, so that a killed one goes on.
    """
    from components.artifacts import publish, read
    from components.platform import Platform
    from components.tune import step

    parts = read(train_set), read(validation_set)
    asked = {"family": family, "seed": seed, "trials": trials, "seconds": seconds, "study": study}
    with publish(parameters) as file:
        done = step.tune(Platform(), *parts, file, **asked)  # pyright: ignore[reportCallIssue]
    return (done.trials, done.stopped_by)
