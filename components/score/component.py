"""The KFP face of score."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def score(
    data_version: int,
    model_version: int,
    features: Input[Dataset],
    report: Output[Artifact],
    commit: str,
) -> NamedTuple("Scored", [("rows", int), ("model_version", int), ("newly", bool)]):  # pyright: ignore[reportInvalidTypeForm]
    """Predict the duration of every trip of a data version, once for each model version.

    Args:
        data_version: Version of the trips table.
        model_version: Version of the model; 0 for the champion.
        features: Feature table of that data version, as from build_features.
        report: What was scored, as JSON.
        commit: Commit of the code.
    """
    from components.artifacts import publish, read
    from components.platform import Platform
    from components.score import step

    table = read(features)
    with publish(report) as file:
        result = step.score(Platform(), data_version, model_version, table, file, commit)  # pyright: ignore[reportCallIssue]
    return (result.rows, result.model_version, result.newly)
