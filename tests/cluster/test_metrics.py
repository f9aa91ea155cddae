"""A real node tells what it and its pods use, and an autoscaler goes by it, where policies let pods reach nothing."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pytest
from kubernetes import client as kubernetes
from kubernetes.dynamic.exceptions import ForbiddenError
from kubernetes.stream import stream
from kubernetes.utils.quantity import parse_quantity

from infra.cluster import api as cluster_api
from infra.cluster import enclosure, images, metrics
from infra.cluster.api import Api
from infra.cluster.down import take_down
from infra.cluster.layout import ClusterLayout
from infra.cluster.node import NAME as NODE
from infra.cluster.record import NODE_ADDRESS, Nodes

pytestmark = pytest.mark.cluster

Manifest = dict[str, Any]
Wait = Callable[..., Any]

IMAGE = "localhost/keelson/worker:1"
NAMESPACE, WORKER = "work", "worker"
METRICS = "metrics.k8s.io/v1beta1"
REQUEST, LIMIT = "50m", "100m"
# Two looks of metrics-server, 15 s apart, after the first of a new pod, and one of the autoscaler, every 15 s.
PATIENCE = 120
# It rests until it is told to work, and then does so as fast as it may.
SCRIPT = "while :; do [ -e /told/work ] || /bin/busybox sleep 1; done"
READER = "ann"


@pytest.fixture(scope="module")
def node(new_cluster: Callable[[Nodes], ClusterLayout]) -> Iterator[ClusterLayout]:
    """A cluster with a real node, which has an image of a worker, and closed namespaces."""
    layout = new_cluster("real")
    images.load(images.of_program(IMAGE, Path("/bin/busybox"), ["/bin/busybox"]), layout)
    api = Api(layout.kubeconfig)
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    for namespace in (NAMESPACE, "kube-system"):
        api.apply(closed(namespace))
    yield layout
    take_down(layout)


@pytest.fixture(scope="module")
def api(node: ClusterLayout) -> Api:
    return Api(node.kubeconfig)


@pytest.fixture(scope="module")
def worker(api: Api, eventually: Wait) -> str:
    """Name of the one pod of the deployment, which rests."""
    api.apply(deployment())
    eventually(lambda: ready(api) == 1, 60)
    (pod,) = api.every("v1", "Pod", NAMESPACE)
    return pod["metadata"]["name"]


def closed(namespace: str) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "closed", "namespace": namespace},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }


def deployment() -> Manifest:
    labels = {"app": WORKER}
    container = {
        "name": WORKER,
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "args": ["sh", "-c", SCRIPT],
        "resources": {"requests": {"cpu": REQUEST}, "limits": {"cpu": LIMIT}},
        "volumeMounts": [{"name": "told", "mountPath": "/told"}],
    }
    spec = {
        "containers": [container],
        "volumes": [{"name": "told", "emptyDir": {}}],
        "terminationGracePeriodSeconds": 0,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": WORKER, "namespace": NAMESPACE},
        # Without a number of copies, which is the autoscaler's.
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    }


def autoscaler() -> Manifest:
    """One copy or two, which should use half of what they ask for."""
    half = {"type": "Utilization", "averageUtilization": 50}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": WORKER, "namespace": NAMESPACE},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": WORKER},
            "minReplicas": 1,
            "maxReplicas": 2,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": half}}],
        },
    }


def ready(api: Api) -> int:
    found = api.get("apps/v1", "Deployment", WORKER, NAMESPACE) or {}
    return (found.get("status") or {}).get("readyReplicas") or 0


def used(api: Api, pod: str) -> dict[str, Decimal]:
    """What a pod uses; nothing while nobody has looked at it often enough."""
    found = api.get(METRICS, "PodMetrics", pod, NAMESPACE)
    if not found:
        return {}
    (container,) = found["containers"]
    return {what: parse_quantity(amount) for what, amount in container["usage"].items()}


def seen(api: Api) -> tuple[int, int] | None:
    """What the autoscaler sees, in per cent of what is asked for, and how many copies it wants."""
    found = api.get("autoscaling/v2", "HorizontalPodAutoscaler", WORKER, NAMESPACE)
    status = (found or {}).get("status") or {}
    for one in status.get("currentMetrics") or []:
        if (share := one.get("resource", {}).get("current", {}).get("averageUtilization")) is not None:
            return share, status["desiredReplicas"]
    return None


def test_the_node_tells_what_it_uses(api: Api, eventually: Wait) -> None:
    found = eventually(lambda: api.get(METRICS, "NodeMetrics", NODE), PATIENCE)
    usage = {what: parse_quantity(amount) for what, amount in found["usage"].items()}
    assert 0 < usage["cpu"] <= (psutil.cpu_count() or 0)
    assert 0 < usage["memory"] < psutil.virtual_memory().total


def test_an_autoscaler_adds_a_copy_when_there_is_work(
    node: ClusterLayout, api: Api, worker: str, eventually: Wait
) -> None:
    api.apply(autoscaler())
    share, copies = eventually(lambda: seen(api), PATIENCE)
    assert share < 50
    assert (copies, ready(api)) == (1, 1)
    rested = used(api, worker)
    assert rested["memory"] > 0
    call = kubernetes.CoreV1Api(cluster_api.connect(node.kubeconfig)).connect_get_namespaced_pod_exec
    stream(call, worker, NAMESPACE, command=["/bin/busybox", "touch", "/told/work"], stdout=True, stderr=True)
    eventually(lambda: ready(api) == 2, PATIENCE)
    # What is told is a mean of the seconds between two looks, in the first of which it still rested.
    busy = eventually(lambda: (now := used(api, worker)["cpu"]) > parse_quantity(REQUEST) and now, PATIENCE)
    assert rested["cpu"] < parse_quantity(REQUEST)
    # Its limit, and a little that the kernel counts late.
    assert busy < 2 * parse_quantity(LIMIT)
    found = seen(api)
    assert found is not None
    assert found[0] > 50
    assert found[1] == 2


def test_who_may_see_pods_may_see_what_they_use_and_nothing_of_the_node(
    node: ClusterLayout, api: Api, worker: str, eventually: Wait
) -> None:
    group = "rbac.authorization.k8s.io"
    api.apply(
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": READER, "namespace": NAMESPACE},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "view"},
            "subjects": [{"apiGroup": group, "kind": "User", "name": READER}],
        }
    )
    eventually(lambda: used(api, worker), PATIENCE)
    reader = Api(node.kubeconfig, acting_as=[READER])
    assert worker in {one["metadata"]["name"] for one in reader.every(METRICS, "PodMetrics", NAMESPACE)}
    for kind, namespace in (("NodeMetrics", None), ("PodMetrics", "kube-system")):
        with pytest.raises(ForbiddenError):
            reader.every(METRICS, kind, namespace)


# The other one is signed for by the cluster's authority, as every program's of the cluster is.
@pytest.mark.parametrize(("shown", "status"), [("aggregator", 200), ("etcd-client", 403)])
def test_the_api_server_alone_says_who_asks(node: ClusterLayout, shown: str, status: int) -> None:
    settings = {
        "address": f"https://{NODE_ADDRESS}:{metrics.PORT}/apis/{METRICS}/nodes",
        "authority": str(node.keys / "ca.crt"),
        "shown": [str(node.keys / f"{shown}.{kind}") for kind in ("crt", "key")],
    }
    ask = (
        "import httpx, json, ssl, sys\n"
        "given = json.loads(sys.argv[1])\n"
        "trust = ssl.create_default_context(cafile=given['authority'])\n"
        "trust.load_cert_chain(*given['shown'])\n"
        "headers = {'X-Remote-User': 'root', 'X-Remote-Group': 'system:masters'}\n"
        "name = {'sni_hostname': 'metrics-server.kube-system.svc'}\n"
        "with httpx.Client(verify=trust) as client:\n"
        "    print(client.get(given['address'], headers=headers, extensions=name).status_code)\n"
    )
    inside = [*enclosure.inside(node), *enclosure.IN_NETWORK, sys.executable, "-c", ask, json.dumps(settings)]
    assert int(subprocess.run(inside, capture_output=True, text=True, check=True).stdout) == status
