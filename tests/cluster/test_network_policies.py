"""A real node lets pods of stack `cluster` talk as the table of openings says, and refuses everything else."""

import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client as kubernetes
from kubernetes.stream import stream

from infra import settings
from infra.apps.charts import CONTAINER_SECURITY, POD_SECURITY
from infra.apps.openings import SYSTEM, Addresses, Opening, Pods, everything
from infra.cluster import api as cluster_api
from infra.cluster import images, metrics, policies
from infra.cluster.api import Api
from infra.cluster.down import take_down
from infra.cluster.layout import ClusterLayout
from infra.cluster.record import API_PORT, API_SERVICE, NODE_ADDRESS, Nodes
from infra.local import processes
from infra.render.engine import record
from infra.render.manifests import manifests
from infra.self_hosted import boundaries
from infra.settings.cluster import ClusterSettings

pytestmark = pytest.mark.cluster

Manifest = dict[str, Any]
Wait = Callable[..., Any]
# Who opened a connection to whom, at which port; ends as `<namespace>/<pod>`.
Reached = set[tuple[str, str, int]]

IMAGE = "localhost/keelson/talker:1"
# A namespace that the stack knows nothing of, and a port that no opening names.
STRANGER, NOWHERE = everything("elsewhere"), 7777
DNS = Pods(namespace=SYSTEM, name="dns", labels={"k8s-app": "kube-dns"})
DNS_PORTS = (53, 8181, 9153)
NODE, NODE_PORTS = "node", (API_PORT, 10250, metrics.PORT)
# The kernel tells of few refusals a second; the others are silences.
TRY = (
    'for one in "$@"; do '
    "(/bin/busybox nc -w 3 ${one%:*} ${one#*:} </dev/null >/dev/null 2>&1 && echo $one) & done; wait"
)
RESOLVE = "/bin/busybox nslookup -type=a kubernetes.default.svc.cluster.local"
AT_ONCE, LOOKS = 12, 5


@dataclass(frozen=True)
class Walls:
    """A cluster with the stack's namespaces and policies, and a pod of each kind that the openings know.

    Attributes:
        table: The stack's openings.
        walled: Namespaces that the stack closes.
        pods: What stands for each kind of pod.
    """

    layout: ClusterLayout
    table: tuple[Opening, ...]
    walled: Collection[str]
    pods: tuple[Pods, ...]

    @property
    def api(self) -> Api:
        return Api(self.layout.kubeconfig)

    def ports(self, pods: Pods) -> tuple[int, ...]:
        """What a pod listens on: what openings name, and a port that none does."""
        if pods is DNS:
            return DNS_PORTS
        named = {port for one in self.table if covers(one.target, pods) for port in one.ports}
        return (*sorted(named), NOWHERE)

    def said(self, pods: Pods, script: str, *arguments: str) -> str:
        """What a script prints in a pod."""
        core = kubernetes.CoreV1Api(cluster_api.connect(self.layout.kubeconfig))
        command = ["/bin/busybox", "sh", "-c", script, "sh", *arguments]
        call = core.connect_get_namespaced_pod_exec
        return stream(call, title(pods), pods.namespace, command=command, stdout=True, stderr=True)

    def targets(self) -> dict[str, tuple[str, int]]:
        """What there is to try, ``{"<address>:<port>": (<namespace>/<pod>, port)}``."""
        found: list[tuple[str, str, tuple[int, ...]]] = [(NODE, str(NODE_ADDRESS), NODE_PORTS)]
        for pods in self.pods:
            pod = self.api.get("v1", "Pod", title(pods), pods.namespace)
            assert pod is not None
            found.append((place(pods), pod["status"]["podIP"], self.ports(pods)))
        (server,) = self.api.every("v1", "Pod", SYSTEM, "k8s-app=kube-dns")
        found.append((place(DNS), server["status"]["podIP"], DNS_PORTS))
        return {f"{address}:{port}": (name, port) for name, address, ports in found for port in ports}

    def reached(self) -> Reached:
        """What every pod reaches."""
        targets = self.targets()

        def of(pods: Pods) -> Reached:
            return {(place(pods), *targets[one]) for one in self.said(pods, TRY, *targets).split()}

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return set[tuple[str, str, int]]().union(*pool.map(of, self.pods))

    def open(self) -> Reached:
        """What every pod should reach."""
        of_pods = {
            (place(source), place(target), port)
            for source in self.pods
            for target in (*self.pods, DNS)
            for port in self.ports(target)
            if self._is_open(source, target, port)
        }
        of_node = {
            (place(source), NODE, port)
            for source in self.pods
            for port in NODE_PORTS
            if source.namespace not in self.walled or self._leads_out(source, port)
        }
        return of_pods | of_node

    def _is_open(self, source: Pods, target: Pods, port: int) -> bool:
        # No policy keeps a pod from itself.
        if source == target or not {source.namespace, target.namespace} & set(self.walled):
            return True
        return any(
            covers(one.source, source) and covers(one.target, target) and port in (one.ports or (port,))
            for one in self.table
        )

    def _leads_out(self, source: Pods, port: int) -> bool:
        return any(
            covers(one.source, source)
            and isinstance(one.target, Addresses)
            and any(ip_address(str(NODE_ADDRESS)) in ip_network(block) for block in one.target.blocks)
            and port in one.ports
            for one in self.table
        )


def covers(end: Pods | Addresses, pods: Pods) -> bool:
    """Whether an end of an opening is, or holds, these pods."""
    return (
        isinstance(end, Pods)
        and end.namespace in ("", pods.namespace)
        and set(end.labels.items()) <= set(pods.labels.items())
    )


def title(pods: Pods) -> str:
    return pods.name.replace(" ", "-")


def place(pods: Pods) -> str:
    return f"{pods.namespace}/{title(pods)}"


def a_talker(pods: Pods, ports: Collection[int]) -> Manifest:
    """A pod that takes connections and says nothing."""
    listen = " ".join(f"/bin/busybox nc -ll -p {port} -e /bin/busybox true &" for port in ports)
    container = {
        "name": "talker",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "args": ["sh", "-c", f"{listen} exec /bin/busybox sleep 3600"],
        "readinessProbe": {"tcpSocket": {"port": NOWHERE}, "periodSeconds": 1},
        "securityContext": dict(CONTAINER_SECURITY),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": title(pods), "namespace": pods.namespace, "labels": dict(pods.labels)},
        "spec": {
            "containers": [container],
            "securityContext": dict(POD_SECURITY),
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
        },
    }


def kinds(table: Collection[Opening], walled: Collection[str]) -> tuple[Pods, ...]:
    """One of each kind of pod of the openings but the cluster's own, one that is of no kind in each namespace, and a
    stranger."""
    ends = [end for one in table for end in (one.source, one.target)]
    named = [end for end in ends if isinstance(end, Pods) and end.namespace not in ("", SYSTEM)]
    every = (*named, *map(everything, walled), STRANGER)
    return tuple({place(pods): pods for pods in every}.values())


@pytest.fixture(scope="module")
def walls(
    new_cluster: Callable[[Nodes], ClusterLayout], any_kubernetes: Mapping[str, Any], eventually: Wait
) -> Iterator[Walls]:
    known = settings.load("cluster", "keelson", any_kubernetes)
    assert isinstance(known, ClusterSettings)
    table, walled = boundaries.of_stack(known), tuple(boundaries.namespaces(known))
    layout = new_cluster("real")
    made = Walls(layout, table, walled, kinds(table, walled))
    images.load(images.of_program(IMAGE, Path("/bin/busybox"), ["/bin/busybox"]), layout)
    written = [yaml.safe_load(text) for text in manifests(record("cluster", any_kubernetes)).values()]
    for kind in ("Namespace", "NetworkPolicy"):
        for one in written:
            if one["kind"] == kind:
                made.api.apply(one)
    for name in {pods.namespace for pods in made.pods} - set(walled):
        made.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for pods in made.pods:
        made.api.create(a_talker(pods, made.ports(pods)))
    eventually(lambda: all(is_ready(made.api.get("v1", "Pod", title(one), one.namespace)) for one in made.pods), 120)
    yield made
    take_down(layout)


def is_ready(pod: Manifest | None) -> bool:
    conditions = ((pod or {}).get("status") or {}).get("conditions") or []
    return ("Ready", "True") in {(one["type"], one["status"]) for one in conditions}


@pytest.fixture(scope="module")
def reached(walls: Walls) -> Reached:
    """What pods reach, looked at again where the node may not know of the last of them yet."""
    found, wanted = walls.reached(), walls.open()
    for _ in range(LOOKS):
        if found == wanted:
            break
        time.sleep(1)
        found = walls.reached()
    return found


def test_pods_reach_what_the_openings_name_and_nothing_else(walls: Walls, reached: Reached) -> None:
    wanted = walls.open()
    assert sorted(reached - wanted) == []
    assert sorted(wanted - reached) == []


@pytest.mark.parametrize(
    ("server", "port", "callers"),
    [
        (
            "database/postgres",
            5432,
            "mlflow/mlflow mlflow/mlflow-schema feast/feast feast/feast-registry feast/feast-materialisation "
            "serving/serving monitoring/monitor database/database-bootstrap "
            "pipelines/all-pods pipelines/training",
        ),
        (
            "mlflow/mlflow",
            5000,
            "monitoring/monitor monitoring/prometheus pipelines/all-pods pipelines/training",
        ),
        ("serving/serving", 3000, "monitoring/prometheus"),
    ],
)
def test_a_server_is_reached_by_those_that_work_with_it(reached: Reached, server: str, port: int, callers: str) -> None:
    found = {source for source, target, at in reached if (target, at) == (server, port)}
    # No policy keeps a pod from itself.
    assert found - {server} == set(callers.split())


def test_pods_of_closed_namespaces_reach_the_node_for_what_they_need_alone(walls: Walls, reached: Reached) -> None:
    found = {(source, port) for source, target, port in reached if target == NODE}
    inside = {(source, port) for source, port in found if source.split("/")[0] in walls.walled}
    monitoring = {place(pods) for pods in walls.pods if pods.namespace == "monitoring"}
    # What orchestrates a run of a pipeline makes its steps there; the steps have nothing to ask.
    asking = {*monitoring, "pipelines/training"}
    assert inside == {(source, API_PORT) for source in asking} | {("monitoring/prometheus", 10250)}


def test_every_pod_resolves_names(walls: Walls) -> None:
    told = {place(pods): walls.said(pods, RESOLVE) for pods in walls.pods}
    assert {name: text for name, text in told.items() if text.split()[-1:] != [str(API_SERVICE)]} == {}


def test_walls_stand_while_nobody_keeps_them_and_are_kept_again(walls: Walls, eventually: Wait) -> None:
    (database,) = (f"{address}" for address, known in walls.targets().items() if known == ("database/postgres", 5432))

    def is_open() -> bool:
        return database in walls.said(STRANGER, TRY, database)

    keepers = list(processes.of_stack(walls.layout.root, policies.TOOL))
    assert keepers
    for process in keepers:
        os.kill(process.pid, signal.SIGKILL)
    assert not is_open()
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": STRANGER.namespace}}}
    opening: Manifest = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "for-a-stranger", "namespace": "database"},
        "spec": {"podSelector": {}, "ingress": [{"from": [peer], "ports": [{"port": 5432}]}]},
    }
    walls.api.apply(opening)
    eventually(is_open, 60)
    walls.api.delete(opening)
    eventually(lambda: not is_open(), 60)
