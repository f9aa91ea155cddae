"""The KFP face of train."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train(
    train_set: Input[Dataset],
    validation_set: Input[Dataset],
    parameters: Input[Artifact],
    model: Output[Model],
    family: str,
    seed: int,
    device: str,
) -> NamedTuple("Trained", [("rounds", int), ("model_sha256", str)]):  # pyright: ignore[reportInvalidTypeForm]
    """Train a model of one family.

    Args:
        train_set: Training part.
        validation_set: Validation part, for early stopping and for prediction intervals.
        parameters: What the tune step chose for the family, as JSON.
        model: The model folder.
        family: Name of the family.
        seed: Seed of every random choice.
        device: "cpu" or "cuda".
    """
    from components.artifacts import publish, read
    from components.train import step

    parts = read(train_set), read(validation_set), read(parameters)
    with publish(model) as folder:
        result = step.train(*parts, folder, family=family, seed=seed, device=device)
    model.metadata.update(family=family, model_sha256=result.model_sha256)
    return (result.rounds, result.model_sha256)
