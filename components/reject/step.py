"""Record a rejected candidate: its run stays readable in MLflow, and no model version is made."""

from components.platform import Platform
from components.recording import Candidate, record_candidate
from components.tracking import Tracking


def reject(platform: Platform, candidate: Candidate, *, close: bool) -> str:
    """Record a candidate's run with its model, metrics and the verdict; returns the MLflow run id.

    Args:
        platform: Its MLflow server is written to.
        candidate: Rejected by the compare step.
        close: End the MLflow run here, because nothing else will.

    Raises:
        components.model.ModelIntegrityError: The model folder was changed.
        components.tracking.TrackingError: MLflow does not answer.
    """
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        run = record_candidate(platform, tracking, candidate)
        if close:
            tracking.close_run(run, "FINISHED")
    return run.run_id
