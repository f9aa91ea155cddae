"""The KFP face of compare."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def compare(
    model: Input[Model],
    test_set: Input[Dataset],
    metrics: Input[Artifact],
    verdict: Output[Artifact],
) -> NamedTuple("Decision", [("decision", str)]):  # pyright: ignore[reportInvalidTypeForm]
    """Compare the candidate with the champion on the same test trips; decides "accepted" or "rejected".

    Args:
        model: The candidate's model folder.
        test_set: Test part.
        metrics: Errors of the candidate, as from evaluate.
        verdict: The decision and its reasons as JSON.
    """
    from pathlib import Path

    from components.compare import step
    from components.platform import Platform

    files = [Path(item.path) for item in (model, test_set, metrics, verdict)]
    accepted = step.compare(Platform(), *files).accepted  # pyright: ignore[reportCallIssue]
    return ("accepted" if accepted else "rejected",)
