"""A real API server takes every object of the cloud stacks, and refuses what it should."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from infra.apps.kubeflow.admission import SECRETS
from infra.apps.kubeflow.configuration import STEP_ACCOUNT
from infra.apps.namespaces import NAMESPACES
from infra.cluster.api import Api, Refused, version
from infra.versions import versions

Manifest = dict[str, Any]
Written = Mapping[str, list[Manifest]]

pytestmark = pytest.mark.cluster

# Everything of these runs in restricted pods.
ANYWHERE = ("cluster", "cluster-complete")
RESTRICTED = sorted(name for name, one in NAMESPACES.items() if one.level == "restricted")


@pytest.fixture(scope="module")
def api(kubeconfig: Path) -> Api:
    """The administrator's."""
    return Api(kubeconfig)


@pytest.fixture(
    scope="module", params=["dev", "dev-complete", "staging", "staging-complete", "prod", "prod-complete", *ANYWHERE]
)
def objects(
    request: pytest.FixtureRequest, api: Api, written: Written, in_force: Callable[[Api, list[Manifest]], None]
) -> list[Manifest]:
    """All objects of a stack, whose boundaries are in force."""
    in_force(api, written[request.param])
    return written[request.param]


@pytest.fixture(scope="module")
def dev(api: Api, written: Written, in_force: Callable[[Api, list[Manifest]], None]) -> list[Manifest]:
    """All objects of stack dev with every part, whose boundaries are in force."""
    in_force(api, written["dev-complete"])
    return written["dev-complete"]


def place(one: Mapping[str, Any]) -> str:
    metadata = one["metadata"]
    name = metadata.get("name") or metadata["generateName"]
    return "/".join(part for part in (one["kind"], metadata.get("namespace"), name) if part)


def pods_of(objects: Sequence[Manifest]) -> Iterator[Manifest]:
    """A pod of each object that makes pods."""
    for one in objects:
        spec = one.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if isinstance(template, dict) and "containers" in template.get("spec", {}):
            metadata = {**template.get("metadata", {}), "namespace": one["metadata"]["namespace"]}
            metadata["generateName"] = f"{one['metadata']['name']}-"
            yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def said_against(api: Api, objects: Sequence[Manifest]) -> list[str]:
    """Refusals and warnings of the API server; each object is tried, and none is stored."""
    said: list[str] = []
    for one in objects:
        try:
            answer = (api.apply if "name" in one["metadata"] else api.create)(one, dry=True)
        except Refused as refusal:
            said.append(f"{place(one)} is refused: {refusal}")
        else:
            said += [f"{place(one)}: {warning}" for warning in answer.warnings]
    return said


def changed(one: Manifest, path: str, value: Any) -> Manifest:
    """A copy with another value at ``path``, such as ``spec/replicas``."""
    made = copy.deepcopy(one)
    *way, last = (int(part) if part.isdigit() else part for part in path.split("/"))
    where: Any = made
    for part in way:
        where = where[part]
    where[last] = value
    return made


def the(kind: str, objects: Sequence[Manifest], name: str | None = None) -> Manifest:
    """The first object of a kind, or the one of this name."""
    return next(one for one in objects if one["kind"] == kind and name in (None, one["metadata"]["name"]))


def test_the_server_is_of_the_stacks_own_version(kubeconfig: Path) -> None:
    assert version(kubeconfig).startswith(f"v{versions().kubernetes.version}.")


def test_every_object_is_accepted_without_a_warning(api: Api, objects: list[Manifest]) -> None:
    assert len(objects) > 140
    said = said_against(api, objects)
    # Of a namespace that is not restricted, the server tells what `restricted` would refuse.
    assert [one for one in said if not one.startswith("DaemonSet/logging/log-collector: would violate")] == []
    assert len(said) == len([one for one in objects if one["kind"] == "DaemonSet"])


def test_every_workloads_pods_are_admitted_by_their_namespace(api: Api, objects: list[Manifest]) -> None:
    pods = list(pods_of(objects))
    assert len(pods) >= 7
    collectors = [one for one in pods if one["metadata"]["namespace"] == "logging"]
    assert len(collectors) == len([one for one in objects if one["kind"] == "DaemonSet"])
    assert said_against(api, [one for one in pods if one not in collectors]) == []
    for collector in collectors:
        (warning,) = said_against(api, [collector])
        assert "would violate PodSecurity" in warning


@pytest.mark.parametrize(
    ("kind", "path", "value", "reason"),
    [
        ("Deployment", "spec/replcas", 1, "field not declared in schema"),
        ("Deployment", "spec/template/spec/containers/0/imagePulPolicy", "Always", "field not declared in schema"),
        ("Deployment", "spec/replicas", "two", "expected numeric"),
        ("Deployment", "spec/selector", {"matchLabels": {"app": "other"}}, "`selector` does not match template"),
        ("Service", "spec/ports/0/port", 70000, "must be between 1 and 65535"),
        ("NetworkPolicy", "spec/policyTypes", ["Inside"], "supported values"),
        ("CronJob", "spec/schedule", "often", "spec.schedule: Invalid value"),
        ("NodePool", "spec/template/spec/expiresAfter", "8h", "field not declared in schema"),
        ("NodePool", "spec/weight", 200, "should be less than or equal to 100"),
        # A rule in CEL, which no scanner of ours evaluates.
        ("EC2NodeClass", "spec/amiSelectorTerms", [{"alias": "al2023"}], "alias' is improperly formatted"),
        ("ExternalSecret", "spec/refreshPolicy", "Sometimes", "Unsupported value"),
        ("ValidatingAdmissionPolicy", "spec/validations/0/expression", "object.spec.", "compilation failed"),
    ],
)
def test_a_wrong_object_is_refused_with_the_reason(
    api: Api, dev: list[Manifest], kind: str, path: str, value: Any, reason: str
) -> None:
    right = the(kind, dev)
    assert said_against(api, [right]) == []
    with pytest.raises(Refused, match=reason):
        api.apply(changed(right, path, value), dry=True)


def a_pod(namespace: str, **changes: Any) -> Manifest:
    """A pod that every namespace admits, with other values at paths such as ``spec/hostNetwork``."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    user = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    made: Manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "tried-", "namespace": namespace},
        "spec": {
            "securityContext": user,
            "containers": [{"name": "main", "image": "registry.example.org/main:1", "securityContext": security}],
        },
    }
    for path, value in changes.items():
        made = changed(made, path, value)
    return made


@pytest.mark.parametrize("namespace", RESTRICTED)
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec/hostNetwork", True),
        ("spec/securityContext/runAsNonRoot", False),
        ("spec/securityContext/runAsUser", 0),
        ("spec/securityContext/seccompProfile", {"type": "Unconfined"}),
        ("spec/containers/0/securityContext", {"privileged": True}),
        ("spec/containers/0/securityContext/capabilities", {"drop": []}),
        ("spec/volumes", [{"name": "host", "hostPath": {"path": "/"}}]),
    ],
)
@pytest.mark.usefixtures("dev")
def test_a_pod_that_is_not_restricted_is_refused(api: Api, namespace: str, path: str, value: Any) -> None:
    assert said_against(api, [a_pod(namespace)]) == []
    with pytest.raises(Refused, match='violates PodSecurity "restricted:latest"'):
        api.create(a_pod(namespace, **{path: value}), dry=True)


@pytest.mark.usefixtures("dev")
@pytest.mark.parametrize("namespace", [name for name, one in NAMESPACES.items() if one.level == "privileged"])
def test_a_pod_that_needs_its_node_is_admitted_where_the_reason_stands(api: Api, namespace: str) -> None:
    path = "spec/volumes"
    answer = api.create(a_pod(namespace, **{path: [{"name": "host", "hostPath": {"path": "/"}}]}), dry=True)
    assert any("would violate PodSecurity" in warning for warning in answer.warnings)


@pytest.mark.usefixtures("dev")
@pytest.mark.parametrize("namespace", sorted(NAMESPACES))
@pytest.mark.parametrize(("type", "quota"), [("LoadBalancer", "loadbalancers"), ("NodePort", "nodeports")])
def test_no_service_opens_a_way_in_from_outside(api: Api, namespace: str, type: str, quota: str) -> None:
    metadata = {"name": "tried", "namespace": namespace}
    one = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"type": type, "ports": [{"port": 80}]}}
    with pytest.raises(Refused, match=rf"exceeded quota: limits, .*limited: .*services\.{quota}=0"):
        api.create(one, dry=True)


@pytest.mark.usefixtures("dev")
def test_a_container_that_names_no_resources_gets_those_of_its_namespace(api: Api) -> None:
    (container,) = api.create(a_pod("mlflow"), dry=True).content["spec"]["containers"]
    assert container["resources"]["requests"] == {"cpu": "10m", "memory": "64Mi", "ephemeral-storage": "64Mi"}
    assert container["resources"]["limits"]["memory"] == f"{NAMESPACES['mlflow'].limit}Mi"
    assert "nvidia.com/gpu" not in container["resources"]["limits"]


def of_a_run(**changes: Any) -> Manifest:
    """A pod as Argo makes it for a step."""
    return a_pod("kubeflow", **{"spec/serviceAccountName": STEP_ACCOUNT, **changes})


@pytest.fixture(scope="module")
def argo(kubeconfig: Path, dev: list[Manifest]) -> Api:
    """Who makes the pods of runs. Its rights come with Kubeflow Pipelines' own objects, which no render holds."""
    api = Api(kubeconfig)
    account = {"apiVersion": "v1", "kind": "ServiceAccount"}
    api.apply({**account, "metadata": {"name": STEP_ACCOUNT, "namespace": "kubeflow"}})
    return Api(kubeconfig, acting_as=("system:serviceaccount:kubeflow:argo", "system:masters"))


def reading(secret: str) -> dict[str, Any]:
    variable = {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": secret, "key": "key"}}}
    return {"spec/containers/0/env": [variable]}


@pytest.mark.parametrize("secret", SECRETS)
def test_a_step_may_read_the_platforms_secrets(argo: Api, secret: str) -> None:
    volume = {"spec/volumes": [{"name": "it", "secret": {"secretName": secret}}]}
    assert [argo.create(of_a_run(**part), dry=True).content["kind"] for part in (reading(secret), volume)] == [
        "Pod"
    ] * 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"spec/serviceAccountName": "default"}, f"steps run as the service account {STEP_ACCOUNT}"),
        (reading("mysql-secret"), "variables of steps may come from these Secrets only"),
        (
            {"spec/containers/0/envFrom": [{"secretRef": {"name": "mysql-secret"}}]},
            "variables of steps may come from these Secrets only",
        ),
        (
            {"spec/volumes": [{"name": "it", "secret": {"secretName": "mysql-secret"}}]},
            "volumes of steps may hold these Secrets only",
        ),
        (
            {"spec/volumes": [{"name": "it", "projected": {"sources": [{"secret": {"name": "mysql-secret"}}]}}]},
            "volumes of steps may hold these Secrets only",
        ),
        (
            {"spec/volumes": [{"name": "it", "csi": {"driver": "secrets-store.csi.k8s.io", "readOnly": True}}]},
            "volumes of steps may hold these Secrets only",
        ),
    ],
    ids=["account", "variable", "variables", "volume", "projected", "driver"],
)
def test_a_step_reaches_for_nothing_that_is_not_its_own(argo: Api, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        argo.create(of_a_run(**changes), dry=True)


def test_the_rule_for_steps_is_for_argo_alone(api: Api, argo: Api) -> None:
    assert api.create(of_a_run(**reading("mysql-secret")), dry=True).content["kind"] == "Pod"
