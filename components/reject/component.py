"""The KFP face of reject."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import HTML, Artifact, Input, Model

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
    metrics_page: Input[HTML],
    verdict: Input[Artifact],
    verdict_page: Input[HTML],
    compatibility: Input[Artifact],
    importances: Input[Artifact],
    importances_page: Input[HTML],
    skew: Input[Artifact],
    selection: Input[Artifact],
    submission: str = "",
    learn_from: str = "",
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
        metrics_page: The same for people.
        verdict: The decision and its reasons.
        verdict_page: The same for people.
        compatibility: What the compatibility check found.
        importances: What drives the model.
        importances_page: The same for people.
        skew: How the data differ from those of the champion.
        selection: Errors of all families.
        submission: What who started the run says of it, as JSON, where there is no driver.
        learn_from: When the first trip began that was learned from, ISO 8601, New York wall clock. Empty where all
            were learned from.
    """
    from components.platform import Platform
    from components.recording import Submission, read_candidate
    from components.reject import step

    origin = {"source": source, "rows": rows, "seed": seed, "data_version": data_version, "commit": commit}
    origin |= {"submission": Submission.parse(submission), "learn_from": learn_from}
    reports = {"metrics": metrics, "verdict": verdict, "compatibility": compatibility, "importances": importances}
    reports |= {"skew": skew, "selection": selection, "model": model}
    reports |= {"metrics_page": metrics_page, "verdict_page": verdict_page, "importances_page": importances_page}
    candidate = read_candidate(run or job, origin=origin, artifacts=reports)
    return (step.reject(Platform(), candidate, close=not run),)  # pyright: ignore[reportCallIssue]
