"""The KFP face of validate."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import HTML, Artifact, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def validate(data_version: int, report: Output[Artifact], page: Output[HTML]) -> NamedTuple(
    "Validated", [("decision", str), ("rows", int)]
):  # pyright: ignore[reportInvalidTypeForm]
    """Hold a version of the trips table against the contract.

    Args:
        data_version: Version of the trips table.
        report: JSON with each violation, counts and example rows.
        page: The same for people.

    Returns:
        decision: "passed", or "schema_skew" for data that no later step may see.
        rows: The number of rows checked.
    """
    from components import artifacts
    from components.platform import Platform
    from components.validate import step

    with artifacts.publish(report) as report_file, artifacts.publish(page) as page_file:
        done = step.validate(
            Platform(),  # pyright: ignore[reportCallIssue]
            data_version=data_version,
            report_file=report_file,
            page_file=page_file,
        )
    return (done.decision, done.rows)
