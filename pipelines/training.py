"""The training pipeline: from trips to a registered model."""

# A component's output artifacts are arguments of its function, and KFP supplies them.
# pyright: reportCallIssue=false

import pipelines.kfp_without_client  # noqa: F401

# isort: split
from kfp import dsl

from components.build_features.component import build_features
from components.check_compatibility.component import check_compatibility
from components.compare.component import compare
from components.evaluate.component import evaluate
from components.ingest.component import ingest
from components.materialize.component import materialize
from components.register.component import register
from components.reject.component import reject
from components.split.component import split
from components.train.component import train
from components.validate.component import validate

VERSION = "0.1.0"


@dsl.pipeline(name="training", description="Trips to a registered model: the offline gate decides what may serve.")
def training(source: str, rows: int, seed: int, fingerprint: str, run: str = "", commit: str = "") -> None:
    """Train a model on a source of trips and register it if it passes the gate.

    1. ingest trips, 2. validate them, 3. build point-in-time features and materialise them to the online store,
    4. split by time, 5. train, 6. evaluate, 7. compare with the champion, 8. check compatibility with serving,
    9. register or record the rejection.

    Args:
        source: "synthetic", a path, or "tlc:YYYY-MM".
        rows: Trips to generate; files are read whole.
        seed: Seed of every random choice.
        fingerprint: Content of the source; a changed source has another one, so it is read again.
        run: Key under which a driver opens and closes the MLflow run; empty where there is no driver.
        commit: Commit of the code.
    """
    trips = ingest(source=source, rows=rows, seed=seed, fingerprint=fingerprint)
    data_version = trips.outputs["data_version"]
    valid = validate(data_version=data_version)
    built = build_features(data_version=data_version).after(valid)
    # What other runs can change (online store, registry) is not answered from the cache.
    online = materialize(
        zone_features_version=built.outputs["zone_features_version"],
        pair_features_version=built.outputs["pair_features_version"],
        end=built.outputs["feature_end"],
    ).set_caching_options(enable_caching=False)
    parts = split(features=built.outputs["features"])
    train_set, test_set = parts.outputs["train_set"], parts.outputs["test_set"]
    model = train(train_set=train_set, validation_set=parts.outputs["validation_set"], seed=seed).outputs["model"]
    metrics = evaluate(model=model, train_set=train_set, test_set=test_set).outputs["metrics"]
    judged = compare(model=model, test_set=test_set, metrics=metrics).set_caching_options(enable_caching=False)
    # No model is registered whose features are not online.
    fit = check_compatibility(model=model).after(judged, online)
    candidate = {
        "run": run,
        "job": dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        "source": source,
        "rows": rows,
        "seed": seed,
        "data_version": data_version,
        "commit": commit,
        "model": model,
        "metrics": metrics,
        "verdict": judged.outputs["verdict"],
        "compatibility": fit.outputs["compatibility"],
    }
    with dsl.If(judged.outputs["decision"] == "accepted"):
        register(**candidate).set_caching_options(enable_caching=False)
    with dsl.Else():
        reject(**candidate).set_caching_options(enable_caching=False)
