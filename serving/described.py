"""What the service says in JSON: the answer to a request, and what is served."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from components import contract

if TYPE_CHECKING:
    from serving.prediction import Answer, Predictor


def answer(predictor: "Predictor", given: "Answer") -> dict[str, Any]:
    """The body of an answer, without the request's id."""
    predictions: list[dict[str, Any]] = [{contract.TARGET: seconds} for seconds in given.seconds]
    if given.contributions is not None:
        for prediction, parts in zip(predictions, given.contributions.tolist(), strict=True):
            *added, base = parts
            prediction["contributions"] = dict(zip(contract.MODEL_FEATURES, added, strict=True))
            prediction["base"] = base
    return {
        "model_version": given.assignment.version,
        "variant": given.assignment.variant,
        "bundle": predictor.manifest.tag,
        "degraded": given.degraded,
        "predictions": predictions,
    }


def served(predictor: "Predictor") -> dict[str, Any]:
    """What is served: the bundle, its model versions with where they come from, who answers, and since when."""
    manifest, traffic = predictor.manifest, predictor.traffic
    return {
        "bundle": manifest.tag,
        "commit": manifest.commit,
        "lock_sha256": manifest.lock_hash,
        "since": datetime.fromtimestamp(predictor.opened, UTC).isoformat(timespec="seconds"),
        "traffic": traffic.current.model_dump(mode="json", exclude_none=True),
        "traffic_since": datetime.fromtimestamp(traffic.since, UTC).isoformat(timespec="seconds"),
        "traffic_error": traffic.error,
        "variants": [
            {**variant.model_dump(), "family": predictor.models[variant.model_version].family}
            for variant in manifest.variants
        ],
        "features": list(contract.MODEL_FEATURES),
    }
