"""The scoring pipeline: a prediction for every trip of a data version."""

# A component's output artifacts are arguments of its function, and KFP supplies them.
# pyright: reportCallIssue=false

import pipelines.kfp_without_client  # noqa: F401

# isort: split
from kfp import dsl

from components.build_features.component import build_features
from components.score.component import score

VERSION = "0.1.9"


@dsl.pipeline(name="scoring", description="A prediction for every trip of a data version, once for each model version.")
def scoring(data_version: int, model_version: int = 0, run: str = "", commit: str = "") -> None:
    """Predict the durations of all trips of a data version.

    1. build the point-in-time features of the trips, as for training, 2. score them.

    Args:
        data_version: Version of the trips table.
        model_version: Version of the model; 0 for the champion.
        run: Key under which a driver opens and closes the MLflow run; the steps have no use for it.
        commit: Commit of the code.
    """
    built = build_features(data_version=data_version)
    # The champion changes, and the table of predictions tells what is done.
    score(
        data_version=data_version,
        model_version=model_version,
        features=built.outputs["features"],
        commit=commit,
    ).set_caching_options(enable_caching=False)
