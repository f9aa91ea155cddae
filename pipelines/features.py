"""The feature pipeline: fresh features of a source of trips, offline and online, without training."""

# A component's output artifacts are arguments of its function, and KFP supplies them.
# pyright: reportCallIssue=false

import pipelines.kfp_without_client  # noqa: F401

# isort: split
from typing import Any

from kfp import dsl

from components.build_features.component import build_features
from components.check_parity.component import check_parity
from components.ingest.component import ingest
from components.materialize.component import materialize
from components.refuse.component import refuse
from components.validate.component import validate

VERSION = "1.1.6"


def refuse_data(step: Any, origin: dict[str, Any], data_version: Any) -> None:
    """Record data that break the contract, and fail the run."""
    found = {"report": step.outputs["report"], "page": step.outputs["page"]}
    always(refuse(**origin, **found, data_version=data_version))


def refreshed_features(data_version: Any) -> tuple[Any, Any]:
    """The table of features to train on, and the task after which the same features are online."""
    built = build_features(data_version=data_version)
    versions = {
        "zone_features_version": built.outputs["zone_features_version"],
        "pair_features_version": built.outputs["pair_features_version"],
        "end": built.outputs["feature_end"],
    }
    online = always(materialize(**versions))
    parity: Any = check_parity(**versions)
    return built.outputs["features"], always(parity.after(online))


def always(task: Any) -> Any:
    """A task that is never answered from the cache: other runs change what it reads or writes."""
    return task.set_caching_options(enable_caching=False)


@dsl.pipeline(name="features", description="Trips to fresh features, offline and online.")
def features(
    source: str, rows: int, seed: int, fingerprint: str, run: str = "", commit: str = "", submission: str = ""
) -> None:
    """Refresh the features by themselves.

    1. ingest trips and 2. validate them: what breaks the contract is refused; 3. build the feature tables,
    4. materialise them to the online store, 5. check that both say the same.

    Args:
        source: "synthetic", a path, or "tlc:YYYY-MM".
        rows: Trips to generate; files are read whole.
        seed: Seed of generated trips.
        fingerprint: Content of the source; a changed source has another one, so it is read again.
        run: Key under which a driver opens and closes the MLflow run; empty where there is no driver.
        commit: Commit of the code.
        submission: What who starts the run says of it, as JSON, where there is no driver.
    """
    origin = {"run": run, "job": dsl.PIPELINE_JOB_ID_PLACEHOLDER, "commit": commit, "submission": submission}
    trips = ingest(source=source, rows=rows, seed=seed, fingerprint=fingerprint)
    data_version = trips.outputs["data_version"]
    with dsl.If(trips.outputs["decision"] == "schema_skew", name="other columns than the contract"):
        refuse_data(trips, origin, data_version)
    with dsl.Else(name="the columns of the contract"):
        valid = validate(data_version=data_version)
        with dsl.If(valid.outputs["decision"] == "schema_skew", name="other values than the contract"):
            refuse_data(valid, origin, data_version)
        with dsl.Else(name="the contract is kept"):
            refreshed_features(data_version)
