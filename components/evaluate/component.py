"""The KFP face of evaluate."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def evaluate(
    model: Input[Model],
    train_set: Input[Dataset],
    test_set: Input[Dataset],
    metrics: Output[Artifact],
) -> None:
    """Measure the model on training and test trips, per slice, and beside a naive baseline.

    Args:
        model: The model folder.
        train_set: Training part.
        test_set: Test part.
        metrics: Errors as JSON.
    """
    from pathlib import Path

    from components.evaluate import step

    result = step.evaluate(Path(model.path), Path(train_set.path), Path(test_set.path), Path(metrics.path))
    metrics.metadata.update(test_mae=result["test"]["mae"], baseline_mae=result["baseline"]["mae"])
