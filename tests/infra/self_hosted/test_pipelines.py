"""Pipelines of stack `cluster`: what a run is made of, and what may be done in its namespace."""

import functools
import json
from collections.abc import Mapping
from typing import Any

import pytest

from infra.render.engine import record, stack_file
from infra.render.manifests import objects
from infra.render.recording import Recording

NAMESPACE = "pipelines"


@functools.cache
def recorded(pipelines: str = "{}") -> Recording:
    return record("cluster", {**stack_file("cluster"), "keelson:pipelines": pipelines})


def of_kind(kind: str, **pipelines: Any) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Inputs by namespace and name."""
    found = [one.inputs for one in objects(recorded(json.dumps(pipelines))) if one.inputs["kind"] == kind]
    return {(one["metadata"].get("namespace", ""), one["metadata"]["name"]): one for one in found}


def run(**pipelines: Any) -> Mapping[str, Any]:
    return of_kind("CronJob", **pipelines)[NAMESPACE, "training"]["spec"]


def pod(**pipelines: Any) -> Mapping[str, Any]:
    return run(**pipelines)["jobTemplate"]["spec"]["template"]["spec"]


def test_nothing_starts_by_the_clock_unless_it_is_said_when() -> None:
    assert run()["suspend"] is True
    asked = run(schedule="0 3 * * 1")
    assert (asked["suspend"], asked["schedule"], asked["timeZone"]) == (False, "0 3 * * 1", "Etc/UTC")
    assert asked["concurrencyPolicy"] == "Forbid"


def test_a_killed_orchestrator_is_followed_by_another_and_a_failed_run_by_none() -> None:
    spec = run()["jobTemplate"]["spec"]
    (rule,) = spec["podFailurePolicy"]["rules"]
    assert (rule["action"], rule["onExitCodes"]["operator"]) == ("FailJob", "In")
    assert 1 in rule["onExitCodes"]["values"]
    assert not {137, 143} & set(rule["onExitCodes"]["values"])
    assert spec["backoffLimit"] > 0
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_pods_that_share_the_volume_share_a_node() -> None:
    (term,) = pod()["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == "kubernetes.io/hostname"
    labels = run()["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    assert term["labelSelector"]["matchLabels"].items() <= labels.items()


def test_who_asks_kubernetes_has_a_token_that_runs_out_and_nobody_else_has_one() -> None:
    asking = set()
    for kind in ("Deployment", "StatefulSet", "CronJob", "Job"):
        for (namespace, name), one in of_kind(kind).items():
            spec = one["spec"].get("jobTemplate", one)["spec"] if kind == "CronJob" else one["spec"]
            volumes = spec["template"]["spec"].get("volumes", ())
            tokens = [
                source["serviceAccountToken"]
                for volume in volumes
                for source in volume.get("projected", {}).get("sources", ())
                if "serviceAccountToken" in source
            ]
            if tokens:
                assert tokens[0]["expirationSeconds"] <= 3600
                asking.add((namespace, name))
    assert asking == {(NAMESPACE, "training"), ("monitoring", "monitor")}


def test_orchestrators_may_do_what_they_need_and_no_more() -> None:
    roles = {name: one["rules"] for (namespace, name), one in of_kind("Role").items() if namespace == NAMESPACE}
    allowed = {
        name: {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}
        for name, rules in roles.items()
    }
    seen = {("pods", "list"), ("pods/log", "get"), ("events", "list"), ("jobs", "create"), ("jobs", "list")}
    assert allowed["orchestrates-runs"] == {*seen, ("jobs", "delete"), ("pods", "get")}
    assert allowed["asks-for-runs"] == {*seen, ("cronjobs", "get")}
    (template,) = [rule for rule in roles["asks-for-runs"] if rule["resources"] == ["cronjobs"]]
    assert template["resourceNames"] == ["training"]
    bound = {
        (one["roleRef"]["name"], subject["namespace"], subject["name"])
        for (namespace, _), one in of_kind("RoleBinding").items()
        if namespace == NAMESPACE
        for subject in one["subjects"]
        if subject["kind"] == "ServiceAccount"
    }
    assert bound == {("orchestrates-runs", NAMESPACE, "training"), ("asks-for-runs", "monitoring", "monitor")}


def test_only_orchestrators_reach_the_kubernetes_api_from_the_namespace() -> None:
    policies = {
        name: one["spec"] for (namespace, name), one in of_kind("NetworkPolicy").items() if namespace == NAMESPACE
    }
    to_api = {
        name for name, one in policies.items() for rule in one["egress"] if 6443 in [p["port"] for p in rule["ports"]]
    }
    assert to_api == {"allow-training"}
    assert not any(one["ingress"] for one in policies.values())
    ports = {port["port"] for rule in policies["allow-all-pods"]["egress"] for port in rule["ports"]}
    assert ports == {53, 5000, 5432, 6566, 7070}


def test_steps_may_ask_for_what_the_settings_say() -> None:
    hard = of_kind("ResourceQuota", cpus=12, gpus=2)[NAMESPACE, "limits"]["spec"]["hard"]
    assert (hard["requests.cpu"], hard["requests.nvidia.com/gpu"]) == ("13", "2")
    said = {
        one["name"]: one.get("value") for one in pod(**{"step-cpu": 0.5, "wait-minutes": 3})["containers"][0]["env"]
    }
    assert (said["KEELSON_STEP_CPU"], said["KEELSON_STEP_WAITING_SECONDS"]) == ("0.5", "180")
    assert said["KEELSON_STEP_MEMORY_GIB"] == "4"


@pytest.mark.parametrize(
    ("engine", "said", "there"),
    [("jobs", "jobs", True), ("kubeflow", "http://ml-pipeline.kubeflow.svc.cluster.local:8888", False)],
)
def test_the_contract_says_by_which_door_a_run_is_asked_for(engine: str, said: str, there: bool) -> None:
    told = of_kind("ConfigMap", engine=engine)["monitoring", "platform"]["data"]["KEELSON_KFP_ENDPOINT"]
    assert told == said
    assert (("", NAMESPACE) in of_kind("Namespace", engine=engine)) is there
    assert ((NAMESPACE, "training") in of_kind("CronJob", engine=engine)) is there


def test_who_brings_kubeflow_pipelines_has_the_stack_open_for_it() -> None:
    for engine, open_for_it in (("kubeflow", True), ("jobs", False)):
        spec = of_kind("NetworkPolicy", engine=engine)["mlflow", "allow-mlflow"]["spec"]
        sources = json.dumps(spec["ingress"])
        assert ('"kubeflow"' in sources) is open_for_it
        assert ('"pipelines"' in sources) is not open_for_it
