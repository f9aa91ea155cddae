"""The KFP face of compare."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def compare(
    model: Input[Model],
    test_set: Input[Dataset],
    metrics: Input[Artifact],
    compatibility: Input[Artifact],
    force_reason: str,
    verdict: Output[Artifact],
    page: Output[HTML],
) -> NamedTuple("Decision", [("decision", str)]):  # pyright: ignore[reportInvalidTypeForm]
    """Compare the candidate with the champion on the same test trips.

    Args:
        model: The candidate's model folder.
        test_set: Test part.
        metrics: Errors of the candidate, as from evaluate.
        compatibility: What the candidate costs, as from check_compatibility.
        force_reason: Accept in spite of failed checks, for this reason.
        verdict: The decision, its reasons and every check as JSON.
        page: The same for people.

    Returns:
        decision: "accepted" or "rejected".
    """
    from components.artifacts import publish, read
    from components.compare import step
    from components.platform import Platform

    files = [read(item) for item in (model, test_set, metrics, compatibility)]
    with publish(verdict) as file, publish(page) as page_file:
        done = step.compare(Platform(), *files, file, page_file, force_reason=force_reason)  # pyright: ignore[reportCallIssue]
    return ("accepted" if done.accepted else "rejected",)
