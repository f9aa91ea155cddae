"""The monitoring pipeline: one look at the windows of predictions that are due, and what follows from it."""

# A component's function is called with what KFP supplies.
# pyright: reportCallIssue=false

import pipelines.kfp_without_client  # noqa: F401

# isort: split
from typing import Any

from kfp import dsl

from components.retrain.component import retrain
from components.watch.component import watch
from pipelines.features import always

VERSION = "0.1.4"


@dsl.pipeline(
    name="monitoring", description="Windows of predictions to decisions, and to a new model where one is due."
)
def monitoring(run: str = "", commit: str = "") -> None:
    """Look at the windows that are due, and retrain where that is decided.

    1. watch: measure drift, quality and skew of each window, and decide; 2. retrain: train on what was served since the
    shift, through the same gates as every model. Scheduled on a cluster, it looks again and again; windows that were
    looked at are not looked at again, and a retraining that another run carries out is left to it.

    Args:
        run: Key under which a driver opens and closes the MLflow run; the steps have no use for it.
        commit: Commit of the code.
    """
    seen: Any = always(watch())
    with dsl.If(seen.outputs["retraining"] == "yes", name="a retraining has not ended"):
        always(retrain())
