"""The KFP face of check_compatibility."""

from kfp import dsl
from kfp.dsl import Artifact, Input, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def check_compatibility(model: Input[Model], compatibility: Output[Artifact]) -> None:
    """Build the candidate's bundle and call it in the bundle's own environment, with friendly and hostile input.

    Args:
        model: The candidate's model folder.
        compatibility: What was found, as JSON: seconds, milliseconds, megabytes, packages.
    """
    from components import artifacts
    from components.check_compatibility import step

    with artifacts.publish(compatibility) as report:
        step.check_compatibility(artifacts.read(model), report)
