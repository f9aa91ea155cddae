"""What a new bundle must show before it answers more callers: an AnalysisTemplate that asks Prometheus about its pods.

It counts what the bundle counts itself, which is `/predict` alone: probes and scrapes are in none of these metrics. A
canary that was asked too little is neither promoted nor taken back: the measurement is inconclusive, and the roll-out
waits for somebody to decide.
"""

from collections.abc import Mapping
from typing import Any

from infra.apps.contract import address

# What Argo Rollouts tells the pods of one template by. The monitor hands it on, or no query here finds anything.
POD_LABEL = "rollouts-pod-template-hash"
TEMPLATE = "canary"
# What a new bundle may cost its callers at most while it is tried: the objectives (``observability.rules.objectives``)
# are of thirty days, too long for a look of minutes.
MAX_FAILED_SHARE, MAX_P99_SECONDS = 0.01, 0.25
# The fewest answers in a window from which one in a hundred can be told.
LEAST_ANSWERS = 100
_HASH = "pod-template-hash"
_PROMETHEUS = address("prometheus-operated", "monitoring", 9090)
_REQUESTS, _SECONDS = "keelson_serving_requests_total", "keelson_serving_request_seconds_bucket"
# A window must hold several scrapes, and the first look comes when all of it is of the present share.
_WINDOW = "2m"
# One bad minute in five may be a neighbour's; of five looks, three must be able to say something.
_LOOKS, _BAD, _SILENT = 5, 1, 2


def step() -> dict[str, Any]:
    """The step of a Rollout that analyses the pods of the newest template."""
    newest = {"name": _HASH, "valueFrom": {"podTemplateHashValue": "Latest"}}
    return {"analysis": {"templates": [{"templateName": TEMPLATE}], "args": [newest]}}


def specification(namespace: str) -> dict[str, Any]:
    """Specification of the AnalysisTemplate for pods in ``namespace``."""
    bounds = {"failed-share": MAX_FAILED_SHARE, "p99-seconds": MAX_P99_SECONDS}
    return {
        "args": [{"name": _HASH}],
        "metrics": [_metric(name, query, bounds[name]) for name, query in queries(namespace).items()],
    }


def queries(namespace: str) -> Mapping[str, str]:
    """PromQL by the metric's name. Each gives one number, or nothing where fewer than ``LEAST_ANSWERS`` were given."""
    pods = f'namespace="{namespace}", {POD_LABEL.replace("-", "_")}="{{{{args.{_HASH}}}}}"'
    answers = f"{_REQUESTS}{{{pods}}}"
    failures = f'{_REQUESTS}{{{pods}, status=~"5.."}}'
    enough = f"(sum(increase({answers}[{_WINDOW}])) >= {LEAST_ANSWERS})"
    # Failures over answers, not good ones over answers: where all fail there is no series of good ones, and a ratio
    # without its numerator is as empty as one without callers.
    failed = f"(sum(rate({failures}[{_WINDOW}])) or vector(0)) / sum(rate({answers}[{_WINDOW}]))"
    slowest = f"histogram_quantile(0.99, sum by (le) (rate({_SECONDS}{{{pods}}}[{_WINDOW}])))"
    return {"failed-share": f"({failed}) and {enough}", "p99-seconds": f"{slowest} and {enough}"}


def _metric(name: str, query: str, most: float) -> dict[str, Any]:
    return {
        "name": name,
        "initialDelay": _WINDOW,
        "interval": "1m",
        "count": _LOOKS,
        "failureLimit": _BAD,
        "inconclusiveLimit": _SILENT,
        # Both conditions are given, so that an empty result, which meets neither, is inconclusive.
        "successCondition": f"len(result) == 1 && result[0] <= {most}",
        "failureCondition": f"len(result) == 1 && result[0] > {most}",
        "provider": {"prometheus": {"address": _PROMETHEUS, "query": query}},
    }
