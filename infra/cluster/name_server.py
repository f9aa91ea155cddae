"""The name server of a real node's pods: CoreDNS in a pod, with the labels by which network policies find it."""

from pathlib import Path
from typing import Any

from infra.cluster import images, rights
from infra.cluster.api import Api
from infra.cluster.record import DOMAIN, NAME_SERVICE

TOOL = "coredns"

_IMAGE = "localhost/keelson/coredns:1"
_NAMESPACE, _NAME = "kube-system", "coredns"
# The Service's name and the label are those of every Kubernetes, whatever serves names there.
_SERVICE, _LABELS = "kube-dns", {"k8s-app": "kube-dns"}
_PORTS = [{"name": name.lower(), "protocol": name, "port": 53} for name in ("UDP", "TCP")]
_READY_PORT = 8181
_NAMES = f""".:53 {{
    errors
    ready :{_READY_PORT}
    prometheus :9153
    kubernetes {DOMAIN} in-addr.arpa
    cache 5
}}
"""


def image(program: Path) -> bytes:
    """The image archive of the tool's program."""
    return images.of_program(_IMAGE, program, [f"/bin/{program.name}"])


def is_ready(api: Api) -> bool:
    """Whether pods' questions are answered."""
    found = api.get("apps/v1", "Deployment", _NAME, _NAMESPACE) or {}
    return (found.get("status") or {}).get("readyReplicas") == 1


def objects() -> list[dict[str, Any]]:
    """Rights, settings, the pod and its Service."""
    metadata = {"name": _NAME, "namespace": _NAMESPACE}
    seen = [
        rights.rule("", ("services", "pods", "namespaces")),
        rights.rule("discovery.k8s.io", ("endpointslices",)),
    ]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        *rights.granted(f"system:{_NAME}", seen, rights.account(_NAME, _NAMESPACE)),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"Corefile": _NAMES}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "selector": {"matchLabels": _LABELS},
                "template": {"metadata": {"labels": _LABELS}, "spec": _pod()},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": _SERVICE, "namespace": _NAMESPACE},
            "spec": {"clusterIP": str(NAME_SERVICE), "selector": _LABELS, "ports": _PORTS},
        },
    ]


def _pod() -> dict[str, Any]:
    container = {
        "name": _NAME,
        "image": _IMAGE,
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": _READY_PORT}, "periodSeconds": 1},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "settings", "mountPath": "/etc/coredns"}],
    }
    return {
        "serviceAccountName": _NAME,
        "priorityClassName": "system-cluster-critical",
        # It does not ask itself.
        "dnsPolicy": "Default",
        "containers": [container],
        "volumes": [{"name": "settings", "configMap": {"name": _NAME}}],
    }
