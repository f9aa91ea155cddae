"""The real scheduler places steps of pipelines where they belong, and makes them wait where there is no room."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from infra.apps.kubeflow.configuration import STEP_ACCOUNT, WORKFLOWS
from infra.apps.priority import BATCH, SERVICE
from infra.cluster.api import Refused
from infra.settings.cloud import STACKS
from pipelines.cluster import on_cluster
from pipelines.versioning.definitions import component_names, pipelines_of, steps

if TYPE_CHECKING:
    from tests.cluster.scheduling.conftest import Stack

pytestmark = pytest.mark.cluster

Manifest = dict[str, Any]
Wait = Callable[..., Any]
Run = Callable[[Manifest], Manifest]

IMAGE = f"registry.example.com/components@sha256:{'a' * 64}"


@dataclass(frozen=True)
class Step:
    """A step of the training pipeline: its name, and what Kubeflow Pipelines gets for its container and its pod."""

    name: str
    container: Mapping[str, Any]
    pod: Mapping[str, Any]


@pytest.fixture(scope="module")
def training() -> list[Step]:
    """Steps of the training pipeline where the run asks for a GPU."""
    (specification,) = (
        one.specification for one in pipelines_of(dict.fromkeys(component_names(), "0.1.0")) if one.name == "training"
    )
    pipeline, platform = yaml.safe_load_all(on_cluster(specification, IMAGE, cuda=True))
    containers = pipeline["deploymentSpec"]["executors"]
    pods = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return [Step(name, containers[label]["container"], pods[label]) for label, name in steps(pipeline).items()]


def a_step(stack: Stack, step: Step) -> Manifest:
    """The pod that a run has for a step, as Kubeflow Pipelines' driver and Argo make it."""
    asked = step.container["resources"]
    sizes = {
        side: {kind: asked[f"resource{kind.title()}{side.title()}"] for kind in ("cpu", "memory")}
        for side in ("request", "limit")
    }
    if gpu := asked.get("accelerator"):
        sizes["limit"][gpu["resourceType"]] = gpu["resourceCount"]
    (settings,) = (one for one in stack.objects if one["kind"] == "ConfigMap" and one["metadata"]["name"] == WORKFLOWS)
    priority = yaml.safe_load(settings["data"]["workflowDefaults"])["spec"]["podPriorityClassName"]
    container = {
        "name": "main",
        "image": step.container["image"],
        "resources": {f"{side}s": size for side, size in sizes.items()},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    user = {
        key: int(value) if key.startswith("runAs") and key != "runAsNonRoot" else value
        for key, value in step.pod["securityContext"].items()
    }
    return a_pod(
        step.name.replace("_", "-"),
        container,
        serviceAccountName=STEP_ACCOUNT,
        priorityClassName=priority,
        nodeSelector=step.pod.get("nodeSelector", {}).get("labels", {}),
        tolerations=step.pod.get("tolerations", []),
        securityContext={**user, "seccompProfile": {"type": "RuntimeDefault"}},
    )


def a_pod(name: str, container: Manifest, **spec: Any) -> Manifest:
    """A pod in the namespace of runs, under a name that is used once."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{name}-{uuid.uuid4().hex[:8]}", "namespace": "kubeflow"},
        "spec": {"containers": [container], **spec},
    }


def filler(cpu: str, priority: str, **spec: Any) -> Manifest:
    """A pod that asks for processors alone."""
    container = {
        "name": "main",
        "image": IMAGE,
        "resources": {"requests": {"cpu": cpu, "memory": "64Mi"}, "limits": {"cpu": cpu, "memory": "64Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    user = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    return a_pod("filler", container, priorityClassName=priority, securityContext=user, **spec)


def test_steps_with_a_gpu_go_to_gpu_nodes_and_no_other_step_does(
    stack: Stack, training: list[Step], run: Run, eventually: Wait
) -> None:
    pods = [(step, run(a_step(stack, step))) for step in training]
    assert len(pods) == 20
    eventually(lambda: all(stack.node_of(pod) for _, pod in pods))
    on_gpu = [step.name for step, pod in pods if str(stack.node_of(pod)).startswith("gpu")]
    assert on_gpu == [step.name for step in training if "accelerator" in step.container["resources"]] == ["train"]


def with_gpu(training: list[Step]) -> Step:
    (step,) = (one for one in training if "accelerator" in one.container["resources"])
    return step


def test_a_pod_that_does_not_ask_for_a_gpu_is_kept_off_even_where_it_wants_to_go(
    stack: Stack, run: Run, eventually: Wait
) -> None:
    pod = run(filler("1", SERVICE, nodeSelector={"nvidia.com/gpu.present": "true"}))
    assert "untolerated taint" in eventually(lambda: stack.reason(pod))


def test_a_step_waits_with_the_reason_until_a_machine_with_a_gpu_comes(
    stack: Stack, training: list[Step], run: Run, eventually: Wait
) -> None:
    last = f"gpu-{STACKS[stack.name]['gpu']['limit'] - 1}"
    stack.api.delete({"apiVersion": "v1", "kind": "Node", "metadata": {"name": last}})
    eventually(lambda: stack.api.get("v1", "Node", last) is None)
    pods = [run(a_step(stack, with_gpu(training))) for _ in range(STACKS[stack.name]["gpu"]["limit"])]
    waiting = eventually(lambda: [one for one in pods if stack.reason(one)])
    assert len(waiting) == 1
    said = stack.reason(waiting[0])
    assert said is not None
    assert "Insufficient nvidia.com/gpu" in said or "didn't match Pod's node affinity/selector" in said
    stack.api.create(stack.gpu_node(last))
    assert eventually(lambda: stack.node_of(waiting[0])) == last


def test_a_step_beyond_the_stacks_limit_of_gpus_is_refused_with_the_reason(
    stack: Stack, training: list[Step], run: Run, eventually: Wait
) -> None:
    limit = STACKS[stack.name]["gpu"]["limit"]
    pods = [run(a_step(stack, with_gpu(training))) for _ in range(limit)]
    eventually(lambda: all(map(stack.node_of, pods)))
    assert {stack.node_of(one) for one in pods} == {f"gpu-{number}" for number in range(limit)}
    with pytest.raises(
        Refused, match=f"exceeded quota: limits.*nvidia.com/gpu=1, used: .*={limit}, limited: .*={limit}"
    ):
        stack.api.create(a_step(stack, with_gpu(training)))


@pytest.mark.usefixtures("placed")
def test_steps_get_no_more_processors_than_the_stacks_workers_have(stack: Stack) -> None:
    beyond = STACKS[stack.name]["workers"]["cpu-limit"] + 100
    with pytest.raises(Refused, match=r"exceeded quota: limits, requested: requests\.cpu"):
        stack.api.create(filler(str(beyond), BATCH))


def test_a_service_takes_the_room_of_a_step_and_no_step_takes_that_of_another(
    stack: Stack, room: dict[str, Any], run: Run, eventually: Wait
) -> None:
    first = run(filler("1500m", BATCH, **room))
    assert eventually(lambda: stack.node_of(first)) == "room"
    second = run(filler("1500m", BATCH, **room))
    assert "Insufficient cpu" in eventually(lambda: stack.reason(second))
    assert stack.node_of(first) == "room"
    service = run(filler("1500m", SERVICE, **room))
    assert eventually(lambda: stack.node_of(service)) == "room"
    assert stack.pod(first) is None
