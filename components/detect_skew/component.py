"""The KFP face of detect_skew."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import HTML, Artifact, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def detect_skew(data_version: int, report: Output[Artifact], page: Output[HTML], learn_from: str = "") -> NamedTuple(
    "Detected", [("decision", str), ("reference_version", int)]
):  # pyright: ignore[reportInvalidTypeForm]
    """Compare the values of a version of the trips table with those that the champion was trained on.

    Args:
        data_version: Version of the trips table.
        report: JSON with the test, the effect and the verdict of each column.
        page: The same for people, with plots.
        learn_from: When the first trip began that is learned from, ISO 8601, New York wall clock: earlier ones are not
            compared. Empty where all are learned from.

    Returns:
        decision: "value_skew" where a column has changed, else "none".
        reference_version: The version compared with, -1 where there is no champion.
    """
    from components import artifacts
    from components.detect_skew import step
    from components.platform import Platform

    with artifacts.publish(report) as report_file, artifacts.publish(page) as page_file:
        done = step.detect_skew(
            Platform(),  # pyright: ignore[reportCallIssue]
            data_version=data_version,
            report_file=report_file,
            page_file=page_file,
            learn_from=learn_from,
        )
    return (done.decision, done.reference_version)
