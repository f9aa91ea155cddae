"""The KFP face of check_compatibility."""

from kfp import dsl
from kfp.dsl import Artifact, Input, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def check_compatibility(model: Input[Model], compatibility: Output[Artifact]) -> None:
    """Load the candidate in a fresh process and call it with friendly and hostile input.

    Args:
        model: The candidate's model folder.
        compatibility: What was found, as JSON.
    """
    from pathlib import Path

    from components.check_compatibility import step

    step.check_compatibility(Path(model.path), Path(compatibility.path))
