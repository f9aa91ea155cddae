"""A new bundle answers a share of the callers first, and goes on or back by what its own pods did."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from infra.apps import canary_analysis, openings
from infra.apps.monitors import MONITORS, pod_monitor
from infra.scanning.objects import KubernetesObject, as_known

MakeAll = Callable[..., Any]
QUERIES = canary_analysis.queries("serving")


def strategy(made: Any) -> dict[str, Any]:
    return made.one("Rollout", "serving")["spec"]["strategy"]["canary"]


def metrics(made: Any) -> list[dict[str, Any]]:
    return made.one("AnalysisTemplate", "canary", "serving")["spec"]["metrics"]


def seconds(duration: str) -> int:
    return int(duration[:-1]) * {"s": 1, "m": 60}[duration[-1]]


def test_each_share_is_analysed_before_it_grows(make_all: MakeAll) -> None:
    steps = [next(iter(step.items())) for step in strategy(make_all("prod"))["steps"]]
    assert [name for name, _ in steps] == ["setWeight", "pause", "analysis"] * 2
    weights = [value for name, value in steps if name == "setWeight"]
    assert weights == sorted(weights)
    assert weights[-1] < 100
    # A pause without an end would wait for somebody at each release.
    assert all(seconds(value["duration"]) for name, value in steps if name == "pause")


def test_a_new_bundle_comes_up_before_the_old_one_goes(make_all: MakeAll) -> None:
    canary = strategy(make_all("prod"))
    assert (canary["maxSurge"], canary["maxUnavailable"]) == (1, 0)


def test_a_bundle_that_does_not_start_is_taken_back(make_all: MakeAll) -> None:
    spec = make_all("prod").one("Rollout", "serving")["spec"]
    assert spec["progressDeadlineAbort"] is True
    startup = spec["template"]["spec"]["containers"][0]["startupProbe"]
    assert spec["progressDeadlineSeconds"] > startup["periodSeconds"] * startup["failureThreshold"]


def test_no_weights_are_asked_of_a_load_balancer_that_does_not_reach_the_bundle(
    make_all: MakeAll, sign_in: Any
) -> None:
    made = make_all("prod", sign_in=sign_in)
    backends = {
        path["backend"]["service"]["name"]
        for one in made.of("Ingress")
        for rule in one["spec"]["rules"]
        for path in rule["http"]["paths"]
    }
    assert backends
    assert "serving" not in backends
    assert "trafficRouting" not in strategy(made)


def test_the_analysis_is_of_the_newest_pods_alone(make_all: MakeAll) -> None:
    made = make_all("prod")
    (argument,) = made.one("AnalysisTemplate", "canary", "serving")["spec"]["args"]
    steps = [step["analysis"] for step in strategy(made)["steps"] if "analysis" in step]
    for step in steps:
        assert step["templates"] == [{"templateName": made.one("AnalysisTemplate", "canary")["metadata"]["name"]}]
        assert step["args"] == [{"name": argument["name"], "valueFrom": {"podTemplateHashValue": "Latest"}}]
    chosen = f'namespace="serving", rollouts_pod_template_hash="{{{{args.{argument["name"]}}}}}"'
    for query in QUERIES.values():
        selectors = re.findall(r"keelson_\w+\{((?:[^{}]|\{\{[^}]*\}\})*)\}", query)
        assert len(selectors) == query.count("keelson_") > 0
        assert all(selector.startswith(chosen) for selector in selectors), query


def test_the_label_that_tells_canary_pods_arrives_in_prometheus() -> None:
    (monitor,) = [one for one in MONITORS if one.namespace == "serving"]
    assert pod_monitor(monitor)["podTargetLabels"] == ["rollouts-pod-template-hash"]


def test_a_window_holds_several_scrapes_and_only_answers_of_its_own_share(make_all: MakeAll) -> None:
    (monitor,) = [one for one in MONITORS if one.namespace == "serving"]
    (endpoint,) = pod_monitor(monitor)["podMetricsEndpoints"]
    windows = {window for query in QUERIES.values() for window in re.findall(r"\[(\w+)\]", query)}
    for window in windows:
        assert seconds(window) >= 4 * seconds(endpoint["interval"])
        assert all(seconds(metric["initialDelay"]) >= seconds(window) for metric in metrics(make_all()))


def test_argo_may_ask_the_prometheus_that_scrapes_the_bundle(make_all: MakeAll) -> None:
    addresses = {metric["provider"]["prometheus"]["address"] for metric in metrics(make_all())}
    assert addresses == {"http://prometheus-operated.monitoring.svc.cluster.local:9090"}
    ports = [
        one.ports
        for one in openings.OPENINGS
        if one.source == openings.Pods(namespace="argo-rollouts") and one.target == openings.PROMETHEUS
    ]
    assert ports == [(9090,)]


def test_only_metrics_of_predictions_are_asked_for() -> None:
    from serving import metrics as declared

    known = {f"{declared.REQUESTS._name}_total", f"{declared.REQUEST_SECONDS._name}_bucket"}
    asked = {name for query in QUERIES.values() for name in re.findall(r"keelson_\w+|bentoml_\w+", query)}
    assert asked == known


@pytest.mark.parametrize(
    ("result", "phase"),
    [([], "inconclusive"), ([float("nan")], "inconclusive"), ([0.0], "successful"), ([0.9], "failed")],
)
def test_a_canary_that_nobody_asked_is_neither_promoted_nor_taken_back(
    make_all: MakeAll, result: list[float], phase: str
) -> None:
    """As Argo Rollouts does: what meets neither condition is inconclusive."""
    for metric in metrics(make_all()):
        met = {
            name: bool(eval(metric[f"{name}Condition"].replace("&&", "and"), {"result": result, "len": len}))
            for name in ("success", "failure")
        }
        found = "failed" if met["failure"] else "successful" if met["success"] else "inconclusive"
        assert found == phase, metric["name"]


def test_an_analysis_ends_and_says_what_it_forgives(make_all: MakeAll) -> None:
    for metric in metrics(make_all()):
        assert metric["failureLimit"] < metric["count"] - metric["inconclusiveLimit"], metric["name"]
        assert seconds(metric["interval"]) > 0


def test_an_autoscaler_alone_decides_on_copies_where_there_are_several(make_all: MakeAll) -> None:
    made = make_all("prod")
    rollout, scaler = made.one("Rollout", "serving"), made.one("HorizontalPodAutoscaler", "serving")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 12)
    target = scaler["scaleTargetRef"]
    assert (target["apiVersion"], target["kind"]) == (rollout["apiVersion"], rollout["kind"])
    assert target["name"] == rollout["metadata"]["name"]
    assert "replicas" not in rollout["spec"]


def test_the_smallest_stack_has_one_copy_and_no_autoscaler(make_all: MakeAll) -> None:
    made = make_all("dev")
    assert made.of("HorizontalPodAutoscaler") == []
    assert made.one("Rollout", "serving")["spec"]["replicas"] == 1


def test_the_first_bundle_is_waited_for(make_all: MakeAll) -> None:
    notes = make_all().one("Rollout", "serving")["metadata"]["annotations"]
    assert notes["pulumi.com/waitFor"] == "condition=Available"


def test_linters_see_an_autoscaler_and_its_rollout_as_a_pair(make_all: MakeAll) -> None:
    made = make_all("prod")
    rollout, scaler = (
        as_known(KubernetesObject(manifest=made.one(kind, "serving"), file="")).manifest
        for kind in ("Rollout", "HorizontalPodAutoscaler")
    )
    target = scaler["spec"]["scaleTargetRef"]
    assert (
        (target["apiVersion"], target["kind"]) == (rollout["apiVersion"], rollout["kind"]) == ("apps/v1", "Deployment")
    )
