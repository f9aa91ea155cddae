"""The bundle on a real node: a good one replaces the old one, a bad one is taken back, and pods may end at any time."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes import client as kubernetes
from kubernetes.client.exceptions import ApiException

from infra.apps.canary_analysis import POD_LABEL
from infra.cluster import api as cluster_api
from infra.cluster import node
from infra.observability import rules
from infra.settings.cloud import STACKS

pytestmark = pytest.mark.cluster

Wait = Callable[..., Any]
Manifest = dict[str, Any]

COPIES = 2
# The whole of a roll-out, at the pace of the tests.
WHOLE_SECONDS = 400


def ready(stack: Any) -> set[str]:
    """Names of the bundle's pods that take requests."""
    return {
        one["metadata"]["name"]
        for one in stack.pods()
        for condition in one["status"].get("conditions") or []
        if (condition["type"], condition["status"]) == ("Ready", "True")
    }


@pytest.fixture
def whole(stack: Any, callers: Any, eventually: Wait) -> set[str]:
    """The pods of the bundle, once all are ready and callers get nothing but answers."""
    eventually(lambda: len(ready(stack)) == COPIES == len(stack.pods()), 90)
    told = len(callers.rounds()) + 1
    eventually(lambda: len(callers.rounds()) > told, 30)
    assert set(callers.answers(told)) == {"200"}
    return ready(stack)


def test_a_killed_pod_is_replaced_and_costs_few_requests(
    stack: Any, callers: Any, whole: set[str], eventually: Wait
) -> None:
    before, victim = len(callers.rounds()), sorted(whole)[0]
    stack.api.delete(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": victim, "namespace": "serving"}}, now=True
    )
    eventually(lambda: victim not in (found := ready(stack)) and len(found) == COPIES, 90)
    healed = len(callers.rounds()) + 1
    eventually(lambda: len(callers.rounds()) > healed, 30)
    answers = callers.answers(before)
    assert set(callers.answers(healed)) == {"200"}
    assert sum(count for status, count in answers.items() if status != "200") < sum(answers.values()) / 50


@pytest.fixture
def cordoned(stack: Any) -> Iterator[Callable[[bool], None]]:
    """Closes the node to new pods, and opens it."""
    core = kubernetes.CoreV1Api(cluster_api.connect(stack.layout.kubeconfig))

    def set_closed(closed: bool) -> None:
        core.patch_node(node.NAME, {"spec": {"unschedulable": closed}})

    yield set_closed
    set_closed(False)


def evict(stack: Any, name: str) -> str:
    """Ask for a pod to be moved, as `kubectl drain` does; what the API server says where it refuses."""
    core = kubernetes.CoreV1Api(cluster_api.connect(stack.layout.kubeconfig))
    metadata = kubernetes.V1ObjectMeta(name=name, namespace="serving")
    try:
        core.create_namespaced_pod_eviction(name, "serving", kubernetes.V1Eviction(metadata=metadata))
    except ApiException as error:
        if error.status != 429:
            raise
        return str(error.body)
    return ""


def test_a_node_is_drained_within_the_budget_and_no_request_fails(
    stack: Any, callers: Any, whole: set[str], cordoned: Callable[[bool], None], eventually: Wait
) -> None:
    before = len(callers.rounds())
    first, second = sorted(whole)
    cordoned(True)
    assert evict(stack, first) == ""
    # Its successor has no node to go to, so the other one stays.
    eventually(lambda: len([one for one in stack.pods() if one["status"]["phase"] == "Pending"]) == 1, 60)
    assert "disruption budget" in evict(stack, second)
    assert ready(stack) == {second}
    cordoned(False)
    eventually(lambda: len(ready(stack)) == COPIES, 90)
    assert evict(stack, second) == ""
    eventually(lambda: second not in (found := ready(stack)) and len(found) == COPIES, 90)
    told = len(callers.rounds())
    eventually(lambda: len(callers.rounds()) > told + 1, 30)
    assert set(callers.answers(before)) == {"200"}, callers.answers(before)


def runs_of(stack: Any, image: str) -> list[Manifest]:
    """The analyses of a bundle, the oldest first."""
    (hash_,) = {
        one["metadata"]["labels"][POD_LABEL]
        for one in stack.api.every("apps/v1", "ReplicaSet", "serving")
        if one["spec"]["template"]["spec"]["containers"][0]["image"] == image
    }
    found = stack.api.every("argoproj.io/v1alpha1", "AnalysisRun", "serving", f"{POD_LABEL}={hash_}")
    return sorted(found, key=lambda one: one["metadata"]["creationTimestamp"])


def measured(run: Manifest) -> dict[str, list[str]]:
    """What Prometheus answered, by metric."""
    return {
        one["name"]: [measurement.get("value", "") for measurement in one["measurements"]]
        for one in run["status"]["metricResults"]
    }


def images(stack: Any) -> set[str]:
    return {one["spec"]["containers"][0]["image"] for one in stack.pods()}


def phase(stack: Any) -> tuple[str, str]:
    status = stack.rollout()["status"]
    return status["phase"], status.get("message", "")


def test_prometheus_has_every_rule_of_the_stack_and_evaluates_it(stack: Any, eventually: Wait) -> None:
    written = {group.name for group in rules.of_cluster(STACKS["staging"]["budget"]["monthly"])}

    def health() -> dict[str, set[str]]:
        return {group["name"]: {rule["health"] for rule in group["rules"]} for group in stack.ask("rules")["groups"]}

    assert eventually(lambda: health() == {name: {"ok"} for name in written}, 120)


def test_a_good_bundle_replaces_the_old_one_and_no_request_fails(
    stack: Any, callers: Any, delivered: Callable[..., str], eventually: Wait
) -> None:
    before, new = len(callers.rounds()), delivered("00000000000000aa")
    stack.deploy(new)
    eventually(lambda: phase(stack)[0] == "Progressing" or images(stack) > {new}, 30)
    eventually(lambda: phase(stack)[0] not in ("Progressing", "Paused"), WHOLE_SECONDS)
    assert phase(stack)[0] == "Healthy", phase(stack)
    assert images(stack) == {new}
    runs = runs_of(stack, new)
    assert [run["status"]["phase"] for run in runs] == ["Successful", "Successful"]
    for run in runs:
        for name, values in measured(run).items():
            assert len(values) == 5, name
            # One number each time, as a vector: nothing at all would be inconclusive.
            assert all(value.startswith("[") and value != "[]" for value in values), (name, values)
    assert set(callers.answers(before)) == {"200"}, callers.answers(before)


@pytest.mark.parametrize(("fault", "metric"), [("fails", "failed-share"), ("slow", "p99-seconds")])
def test_a_bad_bundle_is_taken_back_for_what_its_callers_saw(
    stack: Any, callers: Any, delivered: Callable[..., str], eventually: Wait, fault: str, metric: str
) -> None:
    before, stable = len(callers.rounds()), images(stack)
    (kept,) = stable
    new = delivered(f"00000000{fault.encode().hex()[:8]}", fault)
    stack.deploy(new)
    eventually(lambda: phase(stack)[0] == "Degraded", WHOLE_SECONDS)
    (run,) = runs_of(stack, new)
    assert run["status"]["phase"] == "Failed"
    assert run["status"]["message"].startswith(f'Metric "{metric}" assessed Failed due to failed (2)')
    assert metric in phase(stack)[1]
    eventually(lambda: images(stack) == {kept}, 60)
    # What is left of the round in which the last of it was asked, and one more.
    told = len(callers.rounds()) + 2
    eventually(lambda: len(callers.rounds()) > told + 2, 60)
    assert set(callers.answers(told)) == {"200"}
    failed = {status: count for status, count in callers.answers(before).items() if status != "200"}
    if fault == "fails":
        # Nobody was hung up on: callers got the bundle's own refusal, and a minority of them.
        assert set(failed) == {"500"}
        assert failed["500"] < sum(callers.answers(before).values()) / 10
    else:
        assert failed == {}
    stack.deploy(kept)
    eventually(lambda: phase(stack)[0] == "Healthy", 60)
