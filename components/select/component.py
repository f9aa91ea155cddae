"""The KFP face of select."""

from typing import List, NamedTuple  # noqa: UP035 (kfp knows List, not list, of artifacts)

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def select(
    models: Input[List[Model]],  # noqa: UP006
    validation_set: Input[Dataset],
    model: Output[Model],
    report: Output[Artifact],
) -> NamedTuple("Selected", [("family", str)]):  # pyright: ignore[reportInvalidTypeForm]
    """Select the best of the trained models on the validation part.

    Args:
        models: A model folder of each family.
        validation_set: Validation part.
        model: The best one.
        report: Errors of all, as JSON.
    """
    from components.artifacts import publish, read
    from components.select import step

    folders = [read(one) for one in models]
    with publish(model) as folder, publish(report) as file:
        best = step.select(folders, read(validation_set), folder, file)
    model.metadata.update(family=best.family, model_sha256=best.sha256)
    return (best.family,)
