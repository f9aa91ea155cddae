"""Record a rejected candidate: its run stays readable in MLflow, and no model version is made."""

from components.platform import Platform
from components.recording import Candidate, recorded


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
    with recorded(platform, candidate, close=close) as (_, run):
        return run.run_id
