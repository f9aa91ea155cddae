"""The monitoring pipeline: one look at the windows of predictions that are due."""

# A component's function is called with what KFP supplies.
# pyright: reportCallIssue=false

import pipelines.kfp_without_client  # noqa: F401

# isort: split
from kfp import dsl

from components.watch.component import watch
from pipelines.features import always

VERSION = "0.1.6"


@dsl.pipeline(name="monitoring", description="Windows of predictions to decisions.")
def monitoring(run: str = "", commit: str = "") -> None:
    """Look at the windows that are due: measure drift, quality and skew of each, and decide.

    What is decided is kept; a retraining is carried out by the monitor's service (``monitoring.act``), whoever looked.
    Scheduled on a cluster, it looks again and again; windows that were looked at are not looked at again.

    Args:
        run: Key under which a driver opens and closes the MLflow run; the step has no use for it.
        commit: Commit of the code.
    """
    always(watch())
