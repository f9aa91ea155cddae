"""The KFP face of refuse."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Input

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def refuse(
    run: str,
    job: str,
    data_version: int,
    commit: str,
    report: Input[Artifact],
    page: Input[HTML],
    submission: str = "",
) -> None:
    """Record in MLflow why data were refused, then fail the pipeline run.

    Args:
        run: Key of the pipeline run where a driver opens and closes its MLflow run, else empty.
        job: Key of the pipeline run where there is no driver.
        data_version: Version of the trips table that was refused; -1 where the source was.
        commit: Commit of the code.
        report: What the ingest or the validate step found.
        page: The same for people.
        submission: What who started the run says of it, as JSON, where there is no driver.
    """
    from components import artifacts
    from components.platform import Platform
    from components.recording import Submission
    from components.refuse import step

    step.refuse(
        Platform(),  # pyright: ignore[reportCallIssue]
        run=run or job,
        close=not run,
        data_version=data_version,
        commit=commit,
        report=artifacts.read(report),
        page=artifacts.read(page),
        submission=Submission.parse(submission),
    )
