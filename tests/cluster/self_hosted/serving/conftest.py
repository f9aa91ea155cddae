"""The bundle of the stack `staging` on a real node, under Argo Rollouts' controller and Prometheus, with callers."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import lightgbm
import pytest
import yaml
from kubernetes import client as kubernetes

from infra.cluster import api as cluster_api
from infra.cluster import images, operators
from infra.cluster.api import Api
from infra.cluster.down import take_down
from infra.cluster.layout import ClusterLayout
from infra.cluster.record import NODE_ADDRESS, Nodes
from infra.render.engine import record, stack_file
from infra.render.manifests import additions, manifests
from infra.scanning.custom_resources import definitions
from infra.tools.program import program
from infra.versions import versions
from serving.trips import EXAMPLE_TRIP

Manifest = dict[str, Any]
Wait = Callable[..., Any]

STACK = "staging"
CALLERS_IMAGE = "localhost/keelson/callers:1"
# What takes minutes by the program's constants is divided by this: pauses, the analysis's delay, intervals and windows,
# and Prometheus' scrapes of the bundle. Nothing else of them is changed.
PACE = 5
REQUESTS_PER_SECOND, ROUND_SECONDS = 40, 4
ROLLOUT = ("argoproj.io/v1alpha1", "Rollout", "serving", "serving")
# What is applied of the stack besides what `in_force` does, in the order in which it is needed.
MONITORED = ("PodMonitor", "PrometheusRule")
KINDS = (
    *MONITORED,
    *"Role RoleBinding ConfigMap Service PodDisruptionBudget AnalysisTemplate Rollout HorizontalPodAutoscaler".split(),
)
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


def hastened(text: str) -> str:
    """``2m`` as the test has it: ``24s``."""
    seconds = int(text[:-1]) * {"s": 1, "m": 60}[text[-1]]
    assert seconds % PACE == 0
    return f"{seconds // PACE}s"


def at_pace(one: Manifest) -> Manifest:
    """An object with less time between its steps."""
    spec = one.get("spec", {})
    if one["kind"] == "Rollout":
        for step in spec["strategy"]["canary"]["steps"]:
            if "pause" in step:
                step["pause"]["duration"] = hastened(step["pause"]["duration"])
    if one["kind"] == "AnalysisTemplate":
        for metric in spec["metrics"]:
            asked = metric["provider"]["prometheus"]
            asked["query"] = re.sub(r"\[(\w+)\]", lambda found: f"[{hastened(found[1])}]", asked["query"])
            metric |= {key: hastened(metric[key]) for key in ("initialDelay", "interval")}
    if one["kind"] == "PodMonitor":
        for endpoint in spec["podMetricsEndpoints"]:
            endpoint |= {key: hastened(endpoint[key]) for key in ("interval",) if key in endpoint}
    return one


def alone(rollout: Manifest, image: str) -> Manifest:
    """The bundle without what is not here: the feature server, the log's tables, disks, and a registry of images."""
    spec = rollout["spec"]["template"]["spec"]
    del spec["initContainers"]
    (server,) = spec["containers"]
    # In place of the stack's registry, whose address AWS gives.
    server |= {"image": image, "imagePullPolicy": "Never"}
    server["env"].append({"name": "KEELSON_FEATURE_LOOKUP", "value": "off"})
    mounted = {mount["name"] for mount in server["volumeMounts"]}
    volumes = [volume for volume in spec["volumes"] if volume["name"] in mounted]
    spec["volumes"] = [{"name": one["name"], "emptyDir": {}} if "ephemeral" in one else one for one in volumes]
    return rollout


def faulty(fault: str) -> dict[str, bytes]:
    """A LightGBM with a fault, in place of the image's own."""
    folder = f"app/.venv/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages/lightgbm"
    source = Path(lightgbm.__file__).with_name("basic.py").read_text() + FAULTY_CALL.format(fault=FAULTS[fault])
    # The image's compiled file is never compared with its source: it has to go.
    compiled = f"{folder}/__pycache__/.wh.basic.{sys.implementation.cache_tag}.pyc"
    return {f"{folder}/basic.py": source.encode(), compiled: b""}


@dataclass(frozen=True)
class Stack:
    """The stack's bundle on its cluster.

    Attributes:
        objects: What the program writes for the stack, as the test applies it.
    """

    layout: ClusterLayout
    api: Api
    objects: list[Manifest]

    def deploy(self, image: str) -> None:
        """What setting `bundle` to another one and `pulumi up` change."""
        made = json.loads(json.dumps(self._rollout))
        made["spec"]["template"]["spec"]["containers"][0]["image"] = image
        self.api.apply(made)

    def rollout(self) -> Manifest:
        """The Rollout as it is."""
        found = self.api.get(*ROLLOUT)
        assert found is not None
        return found

    def pods(self) -> list[Manifest]:
        """The bundle's pods that are not about to end."""
        found = self.api.every("v1", "Pod", "serving", "app.kubernetes.io/name=serving")
        return [one for one in found if not one["metadata"].get("deletionTimestamp")]

    def ask(self, question: str, **query: str) -> Any:
        """An answer of Prometheus' API, which is reached through the cluster's."""
        core = kubernetes.CoreV1Api(cluster_api.connect(self.layout.kubeconfig))
        path = f"/api/v1/namespaces/monitoring/services/prometheus-operated:9090/proxy/api/v1/{question}"
        answer: Any = core.api_client.call_api(
            path, "GET", query_params=list(query.items()), auth_settings=["BearerToken"], _preload_content=False
        )
        return json.loads(answer[0].data)["data"]

    @property
    def _rollout(self) -> Manifest:
        (found,) = (one for one in self.objects if one["kind"] == "Rollout")
        return found


@pytest.fixture(scope="module")
def stack(
    new_cluster: Callable[[Nodes], ClusterLayout],
    in_force: Callable[[Api, list[Manifest]], None],
    bundle: Any,
    eventually: Wait,
) -> Iterator[Stack]:
    """The cluster with what the bundle needs of the stack, and the first bundle ready."""
    network = {"cidr": str(IPv4Network(f"{NODE_ADDRESS}/16", strict=False))}
    config = {"keelson:bundle": bundle.tag, "keelson:network": json.dumps(network)}
    recording = record(STACK, {**stack_file(STACK), **config})
    written = [yaml.safe_load(text) for text in manifests(recording).values()]
    values = {one.name: one.values for one in additions(recording)}
    layout = new_cluster("real")
    api = Api(layout.kubeconfig)
    in_force(api, written)
    for one in written:
        if one["kind"] == "NetworkPolicy":
            api.apply(one)
    for one in definitions(versions()):
        if one["spec"]["group"] in ("argoproj.io", "monitoring.coreos.com"):
            api.apply(one)
    operators.argo_rollouts(layout, api)
    operators.prometheus(layout, api, values["kube-prometheus-stack"])
    mine = [one for one in written if one["kind"] in MONITORED or one["metadata"].get("namespace") == "serving"]
    mine = [at_pace(one) for one in mine if one["kind"] in KINDS]
    mine = [alone(one, bundle.image(bundle.version)) if one["kind"] == "Rollout" else one for one in mine]
    made = Stack(layout, api, mine)
    images.load(bundle.archive, layout)
    for one in sorted(mine, key=lambda one: KINDS.index(one["kind"])):
        api.apply(one)
    eventually(lambda: made.rollout().get("status", {}).get("phase") == "Healthy" and len(made.pods()) == 2, 180)
    eventually(lambda: len(made.ask("query", query='up{namespace="serving"} == 1')["result"]) == 2, 120)
    yield made
    take_down(layout)


@pytest.fixture(scope="module")
def delivered(stack: Stack, bundle: Any) -> Callable[..., str]:
    """Hands a further bundle to the node, sound or with a fault; returns where it is."""

    def hand_over(version: str, fault: str | None = None) -> str:
        name = bundle.image(version)
        more = {"etc/keelson-version": version.encode()} if fault is None else faulty(fault)
        images.load(images.with_layer(bundle.archive, name, more), stack.layout)
        return name

    return hand_over


def callers_objects() -> list[Manifest]:
    """A namespace, what lets it in, what is asked, and the pod that asks."""
    url = "http://serving.serving.svc.cluster.local:3000/predict"
    asked = {
        "targets": f"POST {url}\nContent-Type: application/json\n@/load/trip.json\n",
        "trip.json": json.dumps(EXAMPLE_TRIP),
    }
    rate = f"-rate={REQUESTS_PER_SECOND} -duration={ROUND_SECONDS}s -timeout=10s"
    # A connection goes to one pod for as long as it lasts: with few of them a canary's share would be all or nothing.
    attack = f"vegeta attack -targets=/load/targets -keepalive=false {rate}"
    container = {
        "name": "callers",
        "image": CALLERS_IMAGE,
        "imagePullPolicy": "Never",
        "args": ["sh", "-c", f"while true; do {attack} | vegeta report -type=json; /bin/busybox echo; done"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "load", "mountPath": "/load"}],
    }
    spec = {
        "containers": [container],
        "volumes": [{"name": "load", "configMap": {"name": "callers"}}],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": "callers", "namespace": "callers"}
    # As docs/any-kubernetes.md says: the stack's own policies let in nobody else.
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "callers"}}}
    opening = {"podSelector": {}, "ingress": [{"from": [peer], "ports": [{"port": 3000}]}]}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "callers", "labels": labels}},
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "allow-callers", "namespace": "serving"},
            "spec": opening,
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": asked},
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec},
    ]


class Callers:
    """A pod that calls the bundle through its Service at a steady rate, whether it answers or not."""

    def __init__(self, stack: Stack, eventually: Wait) -> None:
        self._api, self._eventually = stack.api, eventually
        self._core = kubernetes.CoreV1Api(cluster_api.connect(stack.layout.kubeconfig))

    def start(self) -> None:
        """Call, and return once it is answered."""
        for one in callers_objects():
            self._api.apply(one)

        def answered() -> bool:
            phase = (self._api.get("v1", "Pod", "callers", "callers") or {}).get("status", {}).get("phase")
            return phase == "Running" and bool(self.rounds())

        self._eventually(answered, 60)

    def stop(self) -> None:
        """Call no more; what was reported is gone."""
        self._api.delete(callers_objects()[-1], now=True)

    def rounds(self) -> list[Manifest]:
        """What vegeta reports of each round of some seconds."""
        # Not by the client's own reading, which takes a log of one line for an object.
        said: Any = self._core.read_namespaced_pod_log("callers", "callers", _preload_content=False)
        return [json.loads(line) for line in said.data.decode().splitlines() if line.startswith("{")]

    def answers(self, since: int = 0) -> dict[str, int]:
        """How often each status was answered from the round ``since`` on; 0 is no answer."""
        found: dict[str, int] = {}
        for one in self.rounds()[since:]:
            for status, count in one["status_codes"].items():
                found[status] = found.get(status, 0) + count
        return found


@pytest.fixture(scope="module")
def callers(stack: Stack, eventually: Wait) -> Callers:
    """Callers, once they are answered."""
    beside = {"vegeta": program("vegeta", group="load")}
    images.load(images.of_program(CALLERS_IMAGE, Path("/bin/busybox"), ["/bin/busybox"], beside=beside), stack.layout)
    made = Callers(stack, eventually)
    made.start()
    return made
