"""What the network policies let through, judged as a cluster would judge it."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.apps import openings
from infra.apps.namespaces import NAMESPACES
from infra.render.engine import record

MakeAll = Callable[..., Any]
GOVERNED = (*NAMESPACES, openings.SYSTEM)
PAGE = Path(__file__).parents[3] / "docs" / "cluster-security.md"


class Cluster:
    """Answers whether a connection is let through by all policies together."""

    def __init__(self, policies: list[dict[str, Any]]) -> None:
        self._policies = policies

    def lets(self, source: Any, target: Any, port: int) -> bool:
        """Ends are ``(namespace, labels)`` of a pod, or an address."""
        return self._allowed(source, target, port, "egress", "to") and self._allowed(
            target, source, port, "ingress", "from"
        )

    def _allowed(self, here: Any, there: Any, port: int, direction: str, side: str) -> bool:
        if isinstance(here, str) or here[0] not in GOVERNED:
            return True
        policies = [one["spec"] for one in self._policies if self._selects(one, here)]
        return any(
            self._matches(rule.get(side), there) and self._has_port(rule, port)
            for policy in policies
            for rule in policy.get(direction, [])
        )

    def _selects(self, policy: dict[str, Any], pod: tuple[str, Mapping[str, str]]) -> bool:
        wanted = policy["spec"]["podSelector"].get("matchLabels", {})
        return policy["metadata"]["namespace"] == pod[0] and wanted.items() <= pod[1].items()

    def _matches(self, peers: list[dict[str, Any]], end: Any) -> bool:
        return any(self._is(peer, end) for peer in peers)

    def _is(self, peer: dict[str, Any], end: Any) -> bool:
        if isinstance(end, str):
            block = peer.get("ipBlock")
            address = ipaddress.ip_address(end)
            return bool(
                block
                and address in ipaddress.ip_network(block["cidr"])
                and not any(address in ipaddress.ip_network(one) for one in block.get("except", []))
            )
        if "ipBlock" in peer:
            return False
        # An absent selector of pods selects all of them, an empty one of namespaces all that there are.
        namespaces = peer["namespaceSelector"].get("matchLabels", {})
        pods = peer.get("podSelector", {}).get("matchLabels", {})
        return namespaces.items() <= {"kubernetes.io/metadata.name": end[0]}.items() and pods.items() <= end[1].items()

    def _has_port(self, rule: dict[str, Any], port: int) -> bool:
        return not rule.get("ports") or port in [one["port"] for one in rule["ports"]]


def pod(namespace: str, name: str = "anything", **labels: str) -> tuple[str, dict[str, str]]:
    return namespace, {"app.kubernetes.io/name": name, **labels}


MLFLOW, FEAST, SERVING = pod("mlflow", "mlflow"), pod("feast", "feast"), pod("serving", "serving")
MONITOR = pod("monitoring", "monitor")
PROXY = pod("ingress", "sign-in-mlflow", **{"app.kubernetes.io/component": "sign-in"})
STEP = ("kubeflow", {"pipelines.kubeflow.org/v2_component": "true"})
DNS, KARPENTER = ("kube-system", {"k8s-app": "kube-dns"}), pod("kube-system", "karpenter")
BALANCERS, METRICS = pod("kube-system", "aws-load-balancer-controller"), pod("kube-system", "metrics-server")
RDS, AGENT, S3, METADATA = "10.10.3.4", "169.254.170.23", "52.216.1.2", "169.254.169.254"


@pytest.fixture
def dev(make_all: MakeAll, sign_in: object) -> Cluster:
    return Cluster(make_all("dev", sign_in=sign_in).of("NetworkPolicy"))


@pytest.mark.parametrize("name", GOVERNED)
def test_a_pod_that_nobody_thought_of_reaches_only_names(dev: Cluster, name: str) -> None:
    stranger = pod(name, "stranger")
    assert dev.lets(stranger, DNS, 53)
    assert not dev.lets(stranger, METADATA, 80)
    assert not dev.lets(stranger, pod("serving", "another"), 3000)


@pytest.mark.parametrize(
    ("source", "target", "port"),
    [
        (MLFLOW, RDS, 5432),
        (MLFLOW, S3, 443),
        (MLFLOW, AGENT, 80),
        (STEP, MLFLOW, 5000),
        (STEP, FEAST, 6566),
        (STEP, AGENT, 80),
        (SERVING, FEAST, 6566),
        (SERVING, RDS, 5432),
        (MONITOR, RDS, 5432),
        (MONITOR, S3, 443),
        (MONITOR, MLFLOW, 5000),
        (MONITOR, ("kubeflow", {"app": "ml-pipeline"}), 8888),
        (MONITOR, pod("monitoring", "evidently"), 8000),
        (pod("monitoring", "prometheus"), MONITOR, 8080),
        (pod("monitoring", "prometheus"), SERVING, 3000),
        (pod("monitoring", "prometheus"), FEAST, 8000),
        (PROXY, MLFLOW, 5000),
        (PROXY, FEAST, 8888),
        (PROXY, ("kubeflow", {"app": "ml-pipeline-ui"}), 3000),
        ("10.10.0.9", PROXY, 4180),
        ("10.10.0.9", ("kubeflow", {"app": "ml-pipeline"}), 8888),
        (STEP, pod("database", "mysql"), 3306),
        (pod("database", "database-bootstrap"), pod("database", "mysql"), 3306),
        (pod("somebody-else", "job"), DNS, 53),
        ("10.10.0.9", DNS, 53),
        (DNS, "10.10.0.2", 53),
        (DNS, "172.20.0.1", 443),
        (KARPENTER, S3, 443),
        (KARPENTER, AGENT, 80),
        (KARPENTER, "172.20.0.1", 443),
        (("kube-system", {"app": "ebs-csi-controller"}), AGENT, 80),
        (BALANCERS, S3, 443),
        ("10.10.0.9", BALANCERS, 9443),
        ("10.10.0.9", METRICS, 10251),
        (METRICS, "10.10.0.9", 10250),
        (pod("monitoring", "prometheus"), KARPENTER, 8080),
        (pod("monitoring", "prometheus"), DNS, 9153),
    ],
)
def test_what_the_design_needs_is_let_through(dev: Cluster, source: Any, target: Any, port: int) -> None:
    assert dev.lets(source, target, port)


@pytest.mark.parametrize(
    ("source", "target", "port"),
    [
        (SERVING, RDS, 3306),
        (SERVING, MLFLOW, 5000),
        (MONITOR, FEAST, 6566),
        (FEAST, S3, 443),
        (FEAST, AGENT, 80),
        (MLFLOW, FEAST, 6566),
        (MLFLOW, METADATA, 80),
        (STEP, METADATA, 80),
        (MLFLOW, METADATA, 443),
        (STEP, METADATA, 443),
        ("10.10.0.9", MLFLOW, 8888),
        ("10.10.0.9", SERVING, 8888),
        (pod("mlflow", "mlflow"), "10.10.3.4", 3306),
        (pod("default"), MLFLOW, 5000),
        ("10.10.0.9", MLFLOW, 5000),
        ("203.0.113.9", PROXY, 4180),
        (PROXY, pod("database", "mysql"), 3306),
        (pod("monitoring", "grafana"), S3, 443),
        (pod("somebody-else", "job"), KARPENTER, 8080),
        (pod("kube-system", "stranger"), AGENT, 80),
        (DNS, S3, 443),
        (DNS, "8.8.8.8", 53),
        (METRICS, AGENT, 80),
        (SERVING, METRICS, 10251),
        (KARPENTER, METADATA, 80),
    ],
)
def test_what_nobody_asked_for_is_refused(dev: Cluster, source: Any, target: Any, port: int) -> None:
    assert not dev.lets(source, target, port)


def test_every_namespace_refuses_by_default(make_all: MakeAll) -> None:
    for name in GOVERNED:
        policy = make_all().one("NetworkPolicy", "default-deny", name)["spec"]
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert not policy["podSelector"].get("matchLabels")
        assert not policy.get("ingress")
        assert not policy.get("egress")


def test_every_policy_has_a_name_that_kubernetes_takes(make_all: MakeAll, sign_in: object) -> None:
    names = {one["metadata"]["name"] for one in make_all("dev", sign_in=sign_in).of("NetworkPolicy")}
    assert [name for name in sorted(names) if not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)] == []


def test_the_namespace_that_runs_already_is_closed_after_all_that_it_needs_is_open() -> None:
    recording = record("dev")
    system = [one for one in recording.of_package("kubernetes") if one.name.startswith("network-policies-kube-system-")]
    (closed,) = [one for one in system if one.name.endswith("default-deny")]
    assert len(system) > 5
    assert {one.urn for one in system if one is not closed} <= set(closed.depends_on)


def test_pages_have_no_openings_where_nobody_can_sign_in(make_all: MakeAll) -> None:
    assert not Cluster(make_all("dev").of("NetworkPolicy")).lets("10.10.0.9", PROXY, 4180)


def test_mysql_is_opened_where_it_is(make_all: MakeAll) -> None:
    prod = Cluster(make_all("prod").of("NetworkPolicy"))
    assert prod.lets(STEP, "10.30.3.4", 3306)
    assert not prod.lets(STEP, pod("database", "mysql"), 3306)


def test_the_drawing_and_the_table_in_the_docs_are_those_of_the_program() -> None:
    page = PAGE.read_text()
    assert re.findall(r"```mermaid\n(.*?)\n```", page, re.DOTALL) == [openings.drawing()]
    assert openings.table() in page
