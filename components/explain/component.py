"""The KFP face of explain."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def explain(model: Input[Model], test_set: Input[Dataset], importances: Output[Artifact], page: Output[HTML]) -> None:
    """Explain what drives a model, overall.

    Args:
        model: The model folder.
        test_set: Test part.
        importances: What each feature does, as JSON.
        page: The same for people.
    """
    from components.artifacts import publish, read
    from components.explain import step

    with publish(importances) as file, publish(page) as page_file:
        step.explain(read(model), read(test_set), file, page_file)
