"""Stacks on clusters whose nodes are of the stack's shape, and objects alone."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from infra.apps.kubeflow.configuration import STEP_ACCOUNT
from infra.cluster.api import Api
from infra.cluster.down import take_down
from infra.cluster.layout import ClusterLayout
from infra.cluster.record import Nodes
from infra.cluster.simulation import MARK
from infra.scanning.objects import KubernetesObject, as_known
from infra.settings.cloud import STACKS

Manifest = dict[str, Any]
Wait = Callable[..., Any]

GPU = "nvidia.com/gpu"
# vCPU, GiB of memory and GPUs of what the stacks start first.
MACHINES: Mapping[str, tuple[int, int, int]] = {
    "t3a.large": (2, 8, 0),
    "m6i.large": (2, 8, 0),
    "m6i.xlarge": (4, 16, 0),
    "m6i.4xlarge": (16, 64, 0),
    "g4dn.xlarge": (4, 16, 1),
    "g6.xlarge": (4, 16, 1),
}
WORKER = "m6i.4xlarge"
# What a kubelet keeps for itself and the system, as on EKS's image: see tests/infra/test_smallest_stack.py.
KEPT_CPU, KEPT_MEMORY = 70, 2000
# Kinds that are really made. The rest is of operators that are not here, or concerns no pod.
MADE = (
    "ConfigMap StorageClass PersistentVolume PersistentVolumeClaim Service Deployment StatefulSet Job CronJob".split()
)


def a_node(name: str, machine: str, zone: str, labels: Mapping[str, str], taints: Sequence[Any] = ()) -> Manifest:
    cpu, memory, gpus = MACHINES[machine]
    room = {"cpu": f"{cpu * 1000 - KEPT_CPU}m", "memory": f"{memory * 1024 - KEPT_MEMORY}Mi", "pods": "110"}
    room |= {"ephemeral-storage": "80Gi"} | ({GPU: str(gpus)} if gpus else {})
    known = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "node.kubernetes.io/instance-type": machine,
        "topology.kubernetes.io/zone": zone,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": MARK, "labels": {**known, **labels}},
        "spec": {"taints": list(taints)},
        "status": {"capacity": room, "allocatable": room},
    }


def nodes_of(stack: str, objects: list[Manifest]) -> Iterator[Manifest]:
    """System nodes as at rest; workers and GPU machines as the stack's pools make them, up to their limits."""
    row = STACKS[stack]
    for number in range(row["system"]["minimum"]):
        zone = f"us-east-1{'abc'[number % row['system']['zones']]}"
        yield a_node(f"system-{number}", row["system"]["instance-types"][0], zone, {"keelson.dev/pool": "system"})
    for number in range(2):
        yield a_node(f"cpu-{number}", WORKER, f"us-east-1{'ab'[number]}", **of_pool("cpu", objects))
    for number in range(row["gpu"]["limit"]):
        yield a_gpu_node(f"gpu-{number}", stack, objects)


def a_gpu_node(name: str, stack: str, objects: list[Manifest]) -> Manifest:
    return a_node(name, STACKS[stack]["gpu"]["instance-types"][0], "us-east-1a", **of_pool("gpu", objects))


def of_pool(name: str, objects: list[Manifest]) -> dict[str, Any]:
    """Labels and taints that Karpenter gives to the machines of a pool."""
    (pool,) = (one for one in objects if one["kind"] == "NodePool" and one["metadata"]["name"] == name)
    made = pool["spec"]["template"]
    return {"labels": made["metadata"]["labels"], "taints": made["spec"]["taints"]}


@dataclass(frozen=True)
class Stack:
    """A stack that was applied to a cluster with its nodes."""

    name: str
    api: Api
    objects: list[Manifest]

    def pod(self, pod: Manifest) -> Manifest | None:
        """A pod as it is now; None where it is gone."""
        return self.api.get("v1", "Pod", pod["metadata"]["name"], pod["metadata"]["namespace"])

    def gpu_node(self, name: str) -> Manifest:
        """A machine of the GPU pool."""
        return a_gpu_node(name, self.name, self.objects)

    def node_of(self, pod: Manifest) -> str | None:
        """Where a pod was placed; None as long as it was not."""
        found = self.pod(pod)
        return found["spec"].get("nodeName") if found else None

    def reason(self, pod: Manifest) -> str | None:
        """Why a pod waits, in the scheduler's words; None where it does not."""
        conditions = (self.pod(pod) or {}).get("status", {}).get("conditions") or []
        return next((one["message"] for one in conditions if one.get("reason") == "Unschedulable"), None)

    def provision(self) -> None:
        """Make the disks that are asked for, as EBS's driver would: where the pod is about to run."""
        for claim in self.api.every("v1", "PersistentVolumeClaim"):
            metadata, spec = claim["metadata"], claim["spec"]
            chosen = (metadata.get("annotations") or {}).get("volume.kubernetes.io/selected-node")
            if not chosen or spec.get("volumeName"):
                continue
            node = self.api.get("v1", "Node", chosen)
            assert node is not None
            zone = node["metadata"]["labels"]["topology.kubernetes.io/zone"]
            only = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}
            disk = {
                "accessModes": spec["accessModes"],
                "capacity": spec["resources"]["requests"],
                "storageClassName": spec["storageClassName"],
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    **{key: metadata[key] for key in ("name", "namespace", "uid")},
                },
                "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": metadata["uid"]},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [only]}]}},
            }
            name = f"pvc-{metadata['uid']}"
            self.api.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": disk})


@pytest.fixture(scope="module", params=["dev", "prod"])
def stack(
    request: pytest.FixtureRequest,
    new_cluster: Callable[[Nodes], ClusterLayout],
    written: Mapping[str, list[Manifest]],
    in_force: Callable[[Api, list[Manifest]], None],
) -> Iterator[Stack]:
    """The stack with all optional parts. A Rollout stands there as the Deployment whose pods it has."""
    layout, objects = new_cluster("simulated"), written[f"{request.param}-complete"]
    api = Api(layout.kubeconfig)
    for node in nodes_of(request.param, objects):
        api.create(node)
    in_force(api, objects)
    known = [dict(as_known(KubernetesObject(manifest=one, file="")).manifest) for one in objects]
    for one in sorted((one for one in known if one["kind"] in MADE), key=lambda one: MADE.index(one["kind"])):
        api.apply(one)
    api.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": STEP_ACCOUNT, "namespace": "kubeflow"}}
    )
    yield Stack(request.param, api, known)
    # Others are not to share the machine with it.
    take_down(layout)


def copies(stack: Stack) -> dict[str, int]:
    """How many pods each workload has, by ``namespace/name``."""
    return {
        f"{one['metadata']['namespace']}/{one['metadata']['name']}": one["spec"].get("replicas", 1)
        for one in stack.objects
        if one["kind"] in ("Deployment", "StatefulSet", "Job")
    }


def places(stack: Stack) -> dict[str, list[str]]:
    """Nodes of the pods of each workload."""
    found: dict[str, list[str]] = defaultdict(list)
    stack.provision()
    for one in stack.api.every("v1", "Pod"):
        labels, node = one["metadata"]["labels"], one["spec"].get("nodeName")
        owner = labels.get("job-name") or labels.get("app.kubernetes.io/name")
        if node and owner:
            found[f"{one['metadata']['namespace']}/{owner}"].append(node)
    return dict(found)


@pytest.fixture(scope="module")
def placed(stack: Stack, eventually: Wait) -> dict[str, list[str]]:
    """Nodes by workload, once all are placed."""
    wanted = copies(stack)
    eventually(lambda: {name: len(nodes) for name, nodes in places(stack).items()} == wanted)
    return places(stack)


@pytest.fixture
def run(stack: Stack, placed: dict[str, list[str]]) -> Iterator[Callable[[Manifest], Manifest]]:
    """Makes pods that are gone after the test; the stack's own are there already."""
    made: list[Manifest] = []

    def make(pod: Manifest) -> Manifest:
        made.append(pod)
        stack.api.create(pod)
        return pod

    yield make
    for one in made:
        stack.api.delete(one, now=True)


@pytest.fixture
def room(stack: Stack) -> Iterator[dict[str, Any]]:
    """What a pod needs to go to one small node that nobody else goes to."""
    label = {"keelson.dev/room": "alone"}
    closed = {"key": "keelson.dev/room", "effect": "NoSchedule"}
    node = a_node("room", "m6i.large", "us-east-1a", label, [closed])
    stack.api.create(node)
    yield {"nodeSelector": label, "tolerations": [{**closed, "operator": "Exists"}]}
    stack.api.delete(node)
