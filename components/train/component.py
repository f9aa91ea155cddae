"""The KFP face of train."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train(
    train_set: Input[Dataset],
    validation_set: Input[Dataset],
    model: Output[Model],
    seed: int,
) -> NamedTuple("Trained", [("rounds", int), ("model_sha256", str)]):  # pyright: ignore[reportInvalidTypeForm]
    """Train the model.

    Args:
        train_set: Training part.
        validation_set: Validation part, for early stopping.
        model: The model folder.
        seed: Seed of every random choice.
    """
    from pathlib import Path

    from components.train import step

    result = step.train(Path(train_set.path), Path(validation_set.path), Path(model.path), seed=seed)
    return (result.rounds, result.model_sha256)
