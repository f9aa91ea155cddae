"""Callers of the bundle, who ask all along."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client as kubernetes

from infra.cluster import api as cluster_api
from infra.cluster import images
from infra.tools.program import program
from serving.trips import EXAMPLE_TRIP

Manifest = dict[str, Any]
Wait = Callable[..., Any]

CALLERS_IMAGE = "localhost/keelson/callers:1"
REQUESTS_PER_SECOND, ROUND_SECONDS = 40, 4


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

    def __init__(self, serving: Any, eventually: Wait) -> None:
        self._api, self._eventually = serving.api, eventually
        self._core = kubernetes.CoreV1Api(cluster_api.connect(serving.layout.kubeconfig))

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


@pytest.fixture(scope="session")
def callers(serving: Any, eventually: Wait) -> Callers:
    """Callers, once they are answered."""
    beside = {"vegeta": program("vegeta", group="load")}
    images.load(images.of_program(CALLERS_IMAGE, Path("/bin/busybox"), ["/bin/busybox"], beside=beside), serving.layout)
    made = Callers(serving, eventually)
    made.start()
    return made
