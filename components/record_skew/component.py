"""The KFP face of record_skew."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Input

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def record_skew(run: str, job: str, data_version: int, report: Input[Artifact], page: Input[HTML]) -> None:
    """Record in MLflow that this run was needed, because the world of its data has changed.

    Args:
        run: Key of the pipeline run where a driver opens and closes its MLflow run, else empty.
        job: Key of the pipeline run where there is no driver.
        data_version: Version of the trips table.
        report: What the detect_skew step found.
        page: The same for people.
    """
    from components import artifacts
    from components.platform import Platform
    from components.record_skew import step

    step.record_skew(
        Platform(),  # pyright: ignore[reportCallIssue]
        run=run or job,
        data_version=data_version,
        report=artifacts.read(report),
        page=artifacts.read(page),
    )
