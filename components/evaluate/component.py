"""The KFP face of evaluate."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def evaluate(
    model: Input[Model],
    train_set: Input[Dataset],
    test_set: Input[Dataset],
    metrics: Output[Artifact],
    page: Output[HTML],
) -> None:
    """Measure the model on training and test trips, per slice, and beside a naive baseline.

    Args:
        model: The model folder.
        train_set: Training part.
        test_set: Test part.
        metrics: Errors as JSON.
        page: The same for people.
    """
    from components.artifacts import publish, read
    from components.evaluate import step

    parts = read(model), read(train_set), read(test_set)
    with publish(metrics) as file, publish(page) as page_file:
        result = step.evaluate(*parts, file, page_file)
    metrics.metadata.update(test_mae=result["test"]["mae"], baseline_mae=result["baseline"]["mae"])
