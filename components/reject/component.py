"""The KFP face of reject."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Artifact, Input, Model

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def reject(
    run: str,
    job: str,
    source: str,
    rows: int,
    seed: int,
    data_version: int,
    commit: str,
    model: Input[Model],
    metrics: Input[Artifact],
    verdict: Input[Artifact],
    compatibility: Input[Artifact],
) -> NamedTuple("Rejected", [("run_id", str)]):  # pyright: ignore[reportInvalidTypeForm]
    """Record a rejected candidate in MLflow, without a model version.

    Args:
        run: Key of the pipeline run where a driver opens and closes its MLflow run, else empty.
        job: Key of the pipeline run where there is no driver.
        source: Where the trips came from.
        rows: Trips asked for.
        seed: Seed of every random choice.
        data_version: Version of the trips table.
        commit: Commit of the code.
        model: The candidate's model folder.
        metrics: Errors of the candidate.
        verdict: The decision and its reasons.
        compatibility: What the compatibility check found.
    """
    from pathlib import Path

    from components.platform import Platform
    from components.recording import Candidate
    from components.reject import step

    candidate = Candidate(
        run=run or job,
        source=source,
        rows=rows,
        seed=seed,
        data_version=data_version,
        commit=commit,
        model=Path(model.path),
        metrics=Path(metrics.path),
        verdict=Path(verdict.path),
        compatibility=Path(compatibility.path),
    )
    return (step.reject(Platform(), candidate, close=not run),)  # pyright: ignore[reportCallIssue]
