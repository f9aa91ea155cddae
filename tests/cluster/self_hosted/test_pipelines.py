"""A training whose steps are Jobs, on a real node within the stack's own network policies, rights and quotas."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import client as kubernetes

from infra.cluster import api as cluster_api
from infra.cluster.api import Api
from infra.cluster.layout import ClusterLayout
from pipelines.jobs.names import COMPONENT, NAMESPACE, STEP, TEMPLATE

pytestmark = pytest.mark.cluster

Manifest = dict[str, Any]
Wait = Callable[..., Any]


def test_a_training_goes_through_its_steps_as_pods_to_a_registered_model(trained: tuple[dict[str, Any], str]) -> None:
    told, progress = trained
    assert told["status"] == "succeeded", f"{told}\n{progress}"
    assert told["model_version"] == 1
    assert told["verdict"]["accepted"] is True
    assert {"ingest", "tune.lightgbm", "train.linear", "select", "register"} <= told["seconds"].keys()


def test_a_killed_orchestrator_begins_anew_and_what_had_ended_is_not_done_again(
    trained: tuple[dict[str, Any], str],
) -> None:
    told, _ = trained
    assert {"ingest", "validate"} <= set(told["cached"]), told["cached"]
    assert "build_features" not in told["cached"]


def test_no_job_and_no_pod_of_a_step_is_left(
    api: Api, trained: tuple[dict[str, Any], str], steps_now: Callable[[], list[str]], eventually: Wait
) -> None:
    label = ",".join("=".join(one) for one in COMPONENT.items())

    def gone() -> bool:
        pods = api.every("v1", "Pod", NAMESPACE, f"{label},{STEP}")
        return not pods and not steps_now()

    assert eventually(gone, 120)


def test_the_model_is_champion_in_the_stacks_registry(
    api: Api, trained: tuple[dict[str, Any], str], in_pod: Callable[..., tuple[str, str]]
) -> None:
    template = api.get("batch/v1", "CronJob", TEMPLATE, NAMESPACE)
    assert template is not None
    pod = template["spec"]["jobTemplate"]["spec"]["template"]
    phase, said = in_pod(NAMESPACE, pod, "python", "-m", "pipelines.status")
    assert phase == "Succeeded", said
    status = json.loads(said.splitlines()[-1])
    assert (status["champion"]["version"], status["champion"]["run_id"]) == (1, trained[0]["run_id"])
    assert status["last_run"]["status"] == "FINISHED"


def test_the_monitor_starts_a_training_and_is_told_why_kubernetes_does_not_run_a_step(
    api: Api,
    trained: tuple[dict[str, Any], str],
    in_pod: Callable[..., tuple[str, str]],
    asked: Callable[..., list[str]],
    steps_now: Callable[[], list[str]],
    eventually: Wait,
) -> None:
    """The stack has no GPU; all before is answered from the cache."""
    monitor = api.get("apps/v1", "Deployment", "monitor", "monitoring")
    assert monitor is not None
    command = ["python", "-m", "pipelines.submit", *asked("device=cuda", 'families=["linear"]'), "--reason", "a drill"]
    phase, said = in_pod("monitoring", monitor["spec"]["template"], *command)
    told = json.loads(said.splitlines()[-1])
    assert (phase, told["status"], told["failed_step"]) == ("Failed", "failed", "train.linear"), said
    assert "waited 120 s: FailedCreate" in told["error"]
    assert "exceeded quota: limits, requested: requests.nvidia.com/gpu=1" in told["error"]
    assert said.count("train.linear waits: FailedCreate") == 1
    assert eventually(lambda: not steps_now(), 120)


def test_steps_may_ask_kubernetes_for_nothing_and_orchestrators_for_no_secret(
    node: ClusterLayout, applied: Any
) -> None:
    authorization = kubernetes.AuthorizationV1Api(cluster_api.connect(node.kubeconfig))

    def may(account: str, verb: str, group: str, resource: str, namespace: str = NAMESPACE) -> bool:
        attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": resource}
        spec = {"user": f"system:serviceaccount:{account}", "resourceAttributes": attributes}
        review: Any = authorization.create_subject_access_review({"spec": spec})
        return bool(review.status.allowed)

    assert may("pipelines:training", "create", "batch", "jobs")
    assert may("monitoring:monitor", "create", "batch", "jobs")
    for account in ("pipelines:training", "monitoring:monitor", "pipelines:pipeline-step"):
        assert not may(account, "get", "", "secrets")
        assert not may(account, "create", "", "pods")
        assert not may(account, "create", "batch", "jobs", "database")
    assert not may("monitoring:monitor", "delete", "batch", "jobs")
    assert not may("pipelines:pipeline-step", "list", "", "pods")
