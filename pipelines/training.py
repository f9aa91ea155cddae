"""The training pipeline: from trips to a registered model."""

# A component's output artifacts are arguments of its function, and KFP supplies them.
# pyright: reportCallIssue=false

import pipelines.kfp_without_client  # noqa: F401

# isort: split
from typing import Any

from kfp import dsl

from components.check_compatibility.component import check_compatibility
from components.compare.component import compare
from components.detect_skew.component import detect_skew
from components.evaluate.component import evaluate
from components.explain.component import explain
from components.ingest.component import ingest
from components.profile.component import profile
from components.record_skew.component import record_skew
from components.register.component import register
from components.reject.component import reject
from components.select.component import select
from components.split.component import split
from components.train.component import train
from components.tune.component import tune
from components.validate.component import validate
from pipelines.features import always, refreshed_features, refuse_data

VERSION = "1.1.6"
# The naive baseline is no candidate: the gate holds every model against it.
FAMILIES = ("linear", "lightgbm", "xgboost")


# The functions come before the graph: kfp draws it when the decorated function is defined.
def _look_at(data_version: Any, learn_from: Any, origin: dict[str, Any]) -> Any:
    """A page about the data, and what has changed since the champion learned; returns the report of that."""
    profile(data_version=data_version, learn_from=learn_from)
    # What other runs can change (champion, online store, registry) is not answered from the cache.
    skew = always(detect_skew(data_version=data_version, learn_from=learn_from))
    with dsl.If(skew.outputs["decision"] == "value_skew", name="value skew"):
        found = {"report": skew.outputs["report"], "page": skew.outputs["page"]}
        always(record_skew(run=origin["run"], job=origin["job"], data_version=data_version, **found))
    return skew.outputs["report"]


def _learn(parts: Any, families: Any, trials: Any, tuning_seconds: Any, study: Any, device: Any, seed: Any) -> Any:
    """Tune and train each family; returns the task that selects the best."""
    validation_set = parts.outputs["validation_set"]
    learn = {"train_set": parts.outputs["train_set"], "validation_set": validation_set, "seed": seed}
    with dsl.ParallelFor(families, name="families") as item:
        family: Any = item
        tuned = tune(**learn, family=family, trials=trials, seconds=tuning_seconds, study=study)
        trained = train(**learn, family=family, parameters=tuned.outputs["parameters"], device=device)
    return select(models=dsl.Collected(trained.outputs["model"]), validation_set=validation_set)


def _judge(best: Any, parts: Any, force_reason: Any) -> dict[str, Any]:
    """Everything about the candidate, by the name under which it is registered, and the ``decision``."""
    model, test_set = best.outputs["model"], parts.outputs["test_set"]
    measured = evaluate(model=model, train_set=parts.outputs["train_set"], test_set=test_set)
    explained = explain(model=model, test_set=test_set)
    fit = check_compatibility(model=model)
    facts = {
        "model": model,
        "metrics": measured.outputs["metrics"],
        "compatibility": fit.outputs["compatibility"],
    }
    judged = always(compare(**facts, test_set=test_set, force_reason=force_reason))
    return {
        **facts,
        "decision": judged.outputs["decision"],
        "metrics_page": measured.outputs["page"],
        "verdict": judged.outputs["verdict"],
        "verdict_page": judged.outputs["page"],
        "importances": explained.outputs["importances"],
        "importances_page": explained.outputs["page"],
        "selection": best.outputs["report"],
    }


@dsl.pipeline(
    name="training", description="Trips to a registered model: two gates decide what may be trained and serve."
)
def training(
    source: str,
    rows: int,
    seed: int,
    fingerprint: str,
    families: list[str],
    trials: int,
    tuning_seconds: float,
    device: str,
    study: str,
    force_reason: str = "",
    run: str = "",
    commit: str = "",
    submission: str = "",
) -> None:
    """Train a model on a source of trips and register it if it passes the gates.

    1. ingest trips and 2. validate them: what breaks the contract is refused, and nothing else runs; 3. profile them
    and compare them with what the champion learned from, 4. build point-in-time features, materialise them to the
    online store, check that both say the same, 5. split by time what is learned from, 6. tune and train each family,
    select the best, 7. evaluate and explain it, 8. check that it can serve, 9. compare it with the champion, 10.
    register it or record the rejection.

    Args:
        source: "synthetic", a path, or "tlc:YYYY-MM".
        rows: Trips to generate; files are read whole.
        seed: Seed of every random choice.
        fingerprint: Content of the source; a changed source has another one, so it is read again.
        families: Model families to try.
        trials: Sets of parameters to try for each family.
        tuning_seconds: Time for that, each family.
        device: "cpu", or "cuda" for the families that can use it.
        study: Name under which the tuning is kept; a run that is repeated goes on with it.
        force_reason: Accept the model in spite of the gate, for this reason.
        run: Key under which a driver opens and closes the MLflow run; empty where there is no driver.
        commit: Commit of the code.
        submission: What who starts the run says of it, as JSON, where there is no driver.
    """
    origin = {"run": run, "job": dsl.PIPELINE_JOB_ID_PLACEHOLDER, "commit": commit, "submission": submission}
    request = {"source": source, "rows": rows, "seed": seed}
    trips = ingest(**request, fingerprint=fingerprint)
    data_version, learn_from = trips.outputs["data_version"], trips.outputs["learn_from"]
    with dsl.If(trips.outputs["decision"] == "schema_skew", name="other columns than the contract"):
        refuse_data(trips, origin, data_version)
    with dsl.Else(name="the columns of the contract"):
        valid = validate(data_version=data_version)
        with dsl.If(valid.outputs["decision"] == "schema_skew", name="other values than the contract"):
            refuse_data(valid, origin, data_version)
        with dsl.Else(name="the contract is kept"):
            skew = _look_at(data_version, learn_from, origin)
            features, online = refreshed_features(data_version)
            parts = split(features=features, learn_from=learn_from)
            best = _learn(parts, families, trials, tuning_seconds, study, device, seed)
            candidate = _judge(best, parts, force_reason)
            candidate |= {**origin, **request, "data_version": data_version, "learn_from": learn_from, "skew": skew}
            with dsl.If(candidate.pop("decision") == "accepted", name="accepted"):
                # No model is registered whose features are not online.
                always(register(**candidate)).after(online)
            with dsl.Else(name="rejected"):
                always(reject(**candidate))
