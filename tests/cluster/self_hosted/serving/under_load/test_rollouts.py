"""The bundle on a real node: a good one replaces the old one, a bad one is taken back, and pods may end at any time."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import lightgbm
import pytest
from kubernetes import client as kubernetes
from kubernetes.client.exceptions import ApiException

from infra.apps import roles
from infra.apps.canary_analysis import POD_LABEL
from infra.cluster import api as cluster_api
from infra.cluster import images as node_images
from infra.cluster import node

pytestmark = pytest.mark.cluster

Wait = Callable[..., Any]
Manifest = dict[str, Any]

# The whole of a roll-out, at the pace of the tests.
WHOLE_SECONDS = 400
REST_SECONDS = 2
# A release of LightGBM that does not do well once it has worked for a while, by the name of what is wrong with it.
WARM_CALLS = 60
FAULTS: Mapping[str, str] = {
    "fails": "raise LightGBMError('a fault of the test')",
    "slow": "time.sleep(0.4)",
}
FAULTY_CALL = f"""
import itertools, time
_calls, _called = itertools.count(), _safe_call
def _safe_call(ret):
    if (number := next(_calls)) > {WARM_CALLS} and number % 5 == 0:
        {{fault}}
    _called(ret)
"""


def faulty(fault: str) -> dict[str, bytes]:
    """A LightGBM with a fault, in place of the image's own."""
    folder = f"app/.venv/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages/lightgbm"
    source = Path(lightgbm.__file__).with_name("basic.py").read_text() + FAULTY_CALL.format(fault=FAULTS[fault])
    # The image's compiled file is never compared with its source: it has to go.
    compiled = f"{folder}/__pycache__/.wh.basic.{sys.implementation.cache_tag}.pyc"
    return {f"{folder}/basic.py": source.encode(), compiled: b""}


@pytest.fixture(scope="module")
def delivered(serving: Any, bundle: Any) -> Callable[..., str]:
    """Hands a further bundle to the node, sound or with a fault; returns where it is."""

    def hand_over(version: str, fault: str | None = None) -> str:
        name = bundle.image(version)
        more = {"etc/keelson-version": version.encode()} if fault is None else faulty(fault)
        node_images.load(node_images.with_layer(bundle.archive, name, more), serving.layout)
        return name

    return hand_over


@pytest.fixture
def whole(serving: Any, callers: Any, eventually: Wait) -> set[str]:
    """The pods of the bundle, once all are ready and callers get nothing but answers."""
    eventually(lambda: len(serving.ready()) == serving.copies == len(serving.pods()), 90)
    told = len(callers.rounds()) + 1
    eventually(lambda: len(callers.rounds()) > told, 30)
    assert set(callers.answers(told)) == {"200"}
    return serving.ready()


def test_a_killed_pod_is_replaced_and_costs_few_requests(
    serving: Any, callers: Any, whole: set[str], eventually: Wait
) -> None:
    before, victim = len(callers.rounds()), sorted(whole)[0]
    serving.api.delete(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": victim, "namespace": "serving"}}, now=True
    )
    eventually(lambda: victim not in (found := serving.ready()) and len(found) == serving.copies, 90)
    healed = len(callers.rounds()) + 1
    eventually(lambda: len(callers.rounds()) > healed, 30)
    answers = callers.answers(before)
    assert set(callers.answers(healed)) == {"200"}
    assert sum(count for status, count in answers.items() if status != "200") < sum(answers.values()) / 50


@pytest.fixture
def cordoned(serving: Any) -> Iterator[Callable[[bool], None]]:
    """Closes the node to new pods, and opens it."""
    core = kubernetes.CoreV1Api(cluster_api.connect(serving.layout.kubeconfig))

    def set_closed(closed: bool) -> None:
        core.patch_node(node.NAME, {"spec": {"unschedulable": closed}})

    yield set_closed
    set_closed(False)


def evict(serving: Any, name: str) -> str:
    """Ask for a pod to be moved, as `kubectl drain` does; what the API server says where it refuses."""
    core = kubernetes.CoreV1Api(cluster_api.connect(serving.layout.kubeconfig))
    metadata = kubernetes.V1ObjectMeta(name=name, namespace="serving")
    try:
        core.create_namespaced_pod_eviction(name, "serving", kubernetes.V1Eviction(metadata=metadata))
    except ApiException as error:
        if error.status != 429:
            raise
        return str(error.body)
    return ""


def test_a_node_is_drained_within_the_budget_and_no_request_fails(
    serving: Any, callers: Any, whole: set[str], cordoned: Callable[[bool], None], eventually: Wait
) -> None:
    before = len(callers.rounds())
    first, second = sorted(whole)
    cordoned(True)
    assert evict(serving, first) == ""
    # Its successor has no node to go to, so the other one stays.
    eventually(lambda: len([one for one in serving.pods() if one["status"]["phase"] == "Pending"]) == 1, 60)
    assert "disruption budget" in evict(serving, second)
    assert serving.ready() == {second}
    cordoned(False)
    eventually(lambda: len(serving.ready()) == serving.copies, 90)
    assert evict(serving, second) == ""
    eventually(lambda: second not in (found := serving.ready()) and len(found) == serving.copies, 90)
    told = len(callers.rounds())
    eventually(lambda: len(callers.rounds()) > told + 1, 30)
    assert set(callers.answers(before)) == {"200"}, callers.answers(before)


def runs_of(serving: Any, image: str) -> list[Manifest]:
    """The analyses of a bundle, the oldest first."""
    (hash_,) = {
        one["metadata"]["labels"][POD_LABEL]
        for one in serving.api.every("apps/v1", "ReplicaSet", "serving")
        if one["spec"]["template"]["spec"]["containers"][0]["image"] == image
    }
    found = serving.api.every("argoproj.io/v1alpha1", "AnalysisRun", "serving", f"{POD_LABEL}={hash_}")
    return sorted(found, key=lambda one: one["metadata"]["creationTimestamp"])


def measured(run: Manifest) -> dict[str, list[str]]:
    """What Prometheus answered, by metric."""
    return {
        one["name"]: [measurement.get("value", "") for measurement in one["measurements"]]
        for one in run["status"]["metricResults"]
    }


def images(serving: Any) -> set[str]:
    return {one["spec"]["containers"][0]["image"] for one in serving.pods()}


def phase(serving: Any) -> tuple[str, str]:
    status = serving.rollout()["status"]
    return status["phase"], status.get("message", "")


@pytest.fixture
def becomes(serving: Any, eventually: Wait) -> Callable[..., None]:
    """Waits until the Rollout is in a phase, with pods of these images; says how all is where it does not get there."""

    def seen() -> Any:
        pods = [{"name": one["metadata"]["name"], **one["status"]} for one in serving.pods()]
        return {"rollout": serving.rollout()["status"], "pods": pods}

    def until(wanted: str, of: set[str], seconds: float) -> None:
        eventually(lambda: phase(serving)[0] == wanted and images(serving) == of, seconds, seen)

    return until


def test_a_good_bundle_replaces_the_old_one_and_no_request_fails(
    serving: Any, callers: Any, delivered: Callable[..., str], eventually: Wait
) -> None:
    before, new = len(callers.rounds()), delivered("00000000000000aa")
    serving.deploy(new)
    eventually(lambda: phase(serving)[0] == "Progressing" or images(serving) > {new}, 30)
    eventually(lambda: phase(serving)[0] not in ("Progressing", "Paused"), WHOLE_SECONDS)
    assert phase(serving)[0] == "Healthy", phase(serving)
    assert images(serving) == {new}
    runs = runs_of(serving, new)
    assert [run["status"]["phase"] for run in runs] == ["Successful", "Successful"]
    for run in runs:
        for name, values in measured(run).items():
            assert len(values) == 5, name
            # One number each time, as a vector: nothing at all would be inconclusive.
            assert all(value.startswith("[") and value != "[]" for value in values), (name, values)
    assert set(callers.answers(before)) == {"200"}, callers.answers(before)


def test_a_bundle_that_is_taken_back_half_way_goes_at_once_and_no_request_fails(
    serving: Any, callers: Any, delivered: Callable[..., str], becomes: Callable[..., None], eventually: Wait
) -> None:
    """As `bundle` set to the former one does, or Argo Rollouts' undo."""
    before, (kept,), new = len(callers.rounds()), images(serving), delivered("00000000000000bb")
    serving.deploy(new)
    becomes("Paused", {kept, new}, 120)
    asked = len(callers.rounds()) + 1
    eventually(lambda: len(callers.rounds()) > asked, 30)
    serving.deploy(kept)
    becomes("Healthy", {kept}, 90)
    told = len(callers.rounds()) + 1
    eventually(lambda: len(callers.rounds()) > told, 30)
    assert set(callers.answers(before)) == {"200"}, callers.answers(before)


@pytest.fixture
def tell(serving: Any) -> Callable[..., None]:
    """Changes the Rollout's status as Argo Rollouts' plugin for kubectl does, by somebody of a role."""

    def change(role: str, **status: bool) -> None:
        acting_as = ("somebody", roles.group(role))
        custom: Any = kubernetes.CustomObjectsApi(cluster_api.connect(serving.layout.kubeconfig, acting_as))
        custom.patch_namespaced_custom_object_status(
            "argoproj.io", "v1alpha1", "serving", "rollouts", "serving", {"status": status}
        )

    return change


@pytest.fixture
def at_rest(serving: Any, eventually: Wait) -> Callable[[], None]:
    """Waits until nobody has written to the Rollout for some seconds, as a person does who looks first.

    Argo Rollouts 1.9 puts what it has written itself into its cache, also over what came in between
    (``writeBackToInformer``): what it is told in that moment it does not see until the next change.
    """

    def rests() -> bool:
        before = serving.rollout()["metadata"]["resourceVersion"]
        time.sleep(REST_SECONDS)
        return serving.rollout()["metadata"]["resourceVersion"] == before

    return lambda: eventually(rests, 60)


def test_an_ml_engineer_aborts_a_roll_out_tries_it_again_and_promotes_it_and_no_request_fails(
    serving: Any,
    callers: Any,
    delivered: Callable[..., str],
    tell: Callable[..., None],
    at_rest: Callable[[], None],
    becomes: Callable[..., None],
    eventually: Wait,
) -> None:
    before, (kept,), new = len(callers.rounds()), images(serving), delivered("00000000000000cc")
    serving.deploy(new)
    becomes("Paused", {kept, new}, 120)
    for other in {*roles.ROLES} - {"ml-engineer"}:
        with pytest.raises(ApiException, match="Forbidden"):
            tell(other, abort=True)
    asked = len(callers.rounds()) + 1
    eventually(lambda: len(callers.rounds()) > asked, 30)
    at_rest()
    tell("ml-engineer", abort=True)
    becomes("Degraded", {kept}, 120)
    assert "aborted" in phase(serving)[1]
    assert len(serving.ready()) == serving.copies
    at_rest()
    tell("ml-engineer", abort=False)
    becomes("Paused", {kept, new}, 120)
    at_rest()
    tell("ml-engineer", promoteFull=True)
    becomes("Healthy", {new}, 120)
    told = len(callers.rounds()) + 1
    eventually(lambda: len(callers.rounds()) > told, 30)
    assert set(callers.answers(before)) == {"200"}, callers.answers(before)


@pytest.mark.parametrize(("fault", "metric"), [("fails", "failed-share"), ("slow", "p99-seconds")])
def test_a_bad_bundle_is_taken_back_for_what_its_callers_saw(
    serving: Any, callers: Any, delivered: Callable[..., str], eventually: Wait, fault: str, metric: str
) -> None:
    before, stable = len(callers.rounds()), images(serving)
    (kept,) = stable
    new = delivered(f"00000000{fault.encode().hex()[:8]}", fault)
    serving.deploy(new)
    eventually(lambda: phase(serving)[0] == "Degraded", WHOLE_SECONDS)
    (run,) = runs_of(serving, new)
    assert run["status"]["phase"] == "Failed"
    assert run["status"]["message"].startswith(f'Metric "{metric}" assessed Failed due to failed (2)')
    assert metric in phase(serving)[1]
    eventually(lambda: images(serving) == {kept}, 60)
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
    serving.deploy(kept)
    eventually(lambda: phase(serving)[0] == "Healthy", 60)
