"""A real node runs pods, and takes everything of itself away."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client as kubernetes

from infra.cluster import api as cluster_api
from infra.cluster import control_groups, images
from infra.cluster.api import Api
from infra.cluster.down import leftovers, take_down
from infra.cluster.layout import ClusterLayout
from infra.cluster.record import Nodes
from infra.local import processes

pytestmark = pytest.mark.cluster

Manifest = dict[str, Any]
Wait = Callable[..., Any]

IMAGE = "localhost/keelson/web:1"
NAMESPACE = "web"
# Restricted pod security is in force here as well.
POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "fsGroup": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}
SECURITY = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    return seen()


@pytest.fixture(scope="module")
def node(before: dict[str, str], new_cluster: Callable[[Nodes], ClusterLayout]) -> Iterator[ClusterLayout]:
    """A cluster with a real node, which has an image of a web server."""
    layout = new_cluster("real")
    images.load(images.of_program(IMAGE, Path("/bin/busybox"), ["/bin/busybox"]), layout)
    api = Api(layout.kubeconfig)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}})
    yield layout
    take_down(layout)


@pytest.fixture(scope="module")
def api(node: ClusterLayout) -> Api:
    return Api(node.kubeconfig)


def seen() -> dict[str, str]:
    """What this machine shows of what a node makes: mounts, interfaces, firewall rules, control groups."""
    groups = sorted(str(one) for mount in Path("/sys/fs/cgroup").glob("*") for one in mount.glob("keelson-*"))
    commands = {"interfaces": ["ip", "-brief", "link"], "routes": ["ip", "route"], "rules": ["iptables-save"]}
    said = {
        name: subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for name, command in commands.items()
    }
    # The first two lines of a table tell when it was printed.
    said["rules"] = "\n".join(line for line in said["rules"].splitlines() if not line.startswith(("#", ":")))
    return {**said, "mounts": Path("/proc/self/mounts").read_text(), "groups": "\n".join(groups)}


def a_container(script: str) -> Manifest:
    return {
        "name": "main",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "args": ["sh", "-c", script],
        "securityContext": SECURITY,
        "volumeMounts": [{"name": "pages", "mountPath": "/pages"}],
    }


def a_spec(script: str, **further: Any) -> Manifest:
    volumes = [{"name": "pages", "emptyDir": {}}]
    return {"containers": [a_container(script)], "volumes": volumes, "securityContext": POD_SECURITY, **further}


def web() -> list[Manifest]:
    """Two servers that tell their names, and a Service before them."""
    labels, metadata = {"app": "web"}, {"name": "web", "namespace": NAMESPACE}
    script = "busybox hostname > /pages/index.html; exec busybox httpd -f -p 8080 -h /pages"
    spec = a_spec(script.replace("busybox", "/bin/busybox"))
    spec["containers"][0]["readinessProbe"] = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
        },
    ]


@pytest.fixture(scope="module")
def servers(api: Api, eventually: Wait) -> set[str]:
    """Names of the two servers, once they are ready."""
    for one in web():
        api.apply(one)

    def ready() -> bool:
        found = api.get("apps/v1", "Deployment", "web", NAMESPACE)
        return bool(found) and (found.get("status") or {}).get("readyReplicas") == 2

    eventually(ready, 60)
    return {one["metadata"]["name"] for one in api.every("v1", "Pod", NAMESPACE, "app=web")}


def test_two_servers_answer_by_the_name_of_their_service(
    node: ClusterLayout, api: Api, servers: set[str], eventually: Wait
) -> None:
    script = "for i in $(/bin/busybox seq 40); do /bin/busybox wget -q -O - http://web.web.svc.cluster.local/; done"
    told = told_by("caller", a_spec(script, restartPolicy="Never"), node, api, eventually).split()
    assert len(told) == 40, told
    assert set(told) == servers


def told_by(name: str, spec: Manifest, node: ClusterLayout, api: Api, eventually: Wait) -> str:
    """What a pod prints that ends by itself."""
    metadata = {"name": name, "namespace": NAMESPACE}
    api.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})

    def ended() -> str | None:
        found = api.get("v1", "Pod", name, NAMESPACE)
        phase = found["status"]["phase"] if found else ""
        return phase if phase in ("Succeeded", "Failed") else None

    phase = eventually(ended, 60)
    told = str(kubernetes.CoreV1Api(cluster_api.connect(node.kubeconfig)).read_namespaced_pod_log(name, NAMESPACE))
    assert phase == "Succeeded", told
    return told


def test_a_claim_is_bound_and_what_is_written_outlives_the_pod(node: ClusterLayout, api: Api, eventually: Wait) -> None:
    claim: Manifest = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "kept", "namespace": NAMESPACE},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}},
    }
    api.apply(claim)
    volumes = [{"name": "pages", "persistentVolumeClaim": {"claimName": "kept"}}]
    for name, script in (("writes", "echo it is kept > /pages/note"), ("reads", "/bin/busybox cat /pages/note")):
        spec = {**a_spec(script, restartPolicy="Never"), "volumes": volumes}
        told = told_by(name, spec, node, api, eventually)
        api.delete({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": NAMESPACE}}, now=True)
    assert told == "it is kept\n"
    api.delete(claim)
    eventually(lambda: not api.every("v1", "PersistentVolume"), 60)


def test_a_killed_server_is_replaced(api: Api, servers: set[str], eventually: Wait) -> None:
    victim = sorted(servers)[0]
    api.delete({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": victim, "namespace": NAMESPACE}}, now=True)

    def ready() -> set[str]:
        found = {one["metadata"]["name"]: one for one in api.every("v1", "Pod", NAMESPACE, "app=web")}
        conditions = {name: one["status"].get("conditions") or [] for name, one in found.items()}
        return {
            name
            for name, told in conditions.items()
            for condition in told
            if (condition["type"], condition["status"]) == ("Ready", "True")
        }

    eventually(lambda: victim not in (found := ready()) and len(found) == 2, 60)
    assert ready() & servers == servers - {victim}


@pytest.mark.usefixtures("servers")
def test_nothing_of_the_node_is_seen_outside_of_it_but_its_control_groups(
    node: ClusterLayout, before: dict[str, str]
) -> None:
    now = seen()
    assert control_groups.existing(node)
    assert {name for name in now if now[name] != before[name]} == {"groups"}


@pytest.mark.usefixtures("servers")
def test_a_cluster_whose_every_process_was_killed_is_taken_away_whole(
    node: ClusterLayout, before: dict[str, str]
) -> None:
    for process in processes.of_stack(node.root):
        os.kill(process.pid, signal.SIGKILL)
    take_down(node)
    assert leftovers(node) == []
    assert seen() == before
