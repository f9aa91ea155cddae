"""The KFP face of profile."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def profile(data_version: int, summary: Output[Artifact], page: Output[HTML], learn_from: str = "") -> None:
    """Describe a version of the trips table for people, and keep what later comparisons need of it.

    Args:
        data_version: Version of the trips table.
        summary: JSON with counts, missing values, quantiles and frequent values per column, and trips per day and hour.
        page: The same for people, with plots.
        learn_from: When the first trip began that is learned from, ISO 8601, New York wall clock: earlier ones are not
            described. Empty where all are learned from.
    """
    from components import artifacts
    from components.platform import Platform
    from components.profile import step

    with artifacts.publish(summary) as summary_file, artifacts.publish(page) as page_file:
        step.profile(
            Platform(),  # pyright: ignore[reportCallIssue]
            data_version=data_version,
            summary_file=summary_file,
            page_file=page_file,
            learn_from=learn_from,
        )
