"""The metrics API of a real node: what pods and the node use, by which autoscalers decide.

metrics-server asks the kubelet, and the API server passes questions on to metrics-server. It is outside of any pod, so
that no image of it is needed.
"""

import base64
from collections.abc import Mapping
from typing import Any

from infra.cluster import rights
from infra.cluster.api import Api
from infra.cluster.control_plane import Plan, pair
from infra.cluster.record import NODE_ADDRESS
from infra.local.program import Program

TOOL = "metrics-server"
# As the add-on of EKS has it: 10250 is the kubelet's.
PORT = 10251

_USER = "system:metrics-server"
_NAMESPACE = "kube-system"
_SERVICE = {"name": TOOL, "namespace": _NAMESPACE}
_PORT_NAME = "https"
_GROUP, _VERSION = "metrics.k8s.io", "v1beta1"
_API, _API_VERSION = f"{_VERSION}.{_GROUP}", "apiregistration.k8s.io/v1"
_RBAC = "rbac.authorization.k8s.io"


def server(plan: Plan) -> Program:
    """The server, which wants its own rights to be there when it starts."""
    kubeconfig = plan.file("metrics-server.kubeconfig")
    flags: dict[str, object] = {
        "kubeconfig": kubeconfig,
        # Whom the API server asks for, and whether they may know.
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "bind-address": NODE_ADDRESS,
        "secure-port": PORT,
        "tls-cert-file": plan.file("metrics-server.crt"),
        "tls-private-key-file": plan.file("metrics-server.key"),
        "kubelet-certificate-authority": plan.file("ca.crt"),
        "kubelet-preferred-address-types": "InternalIP",
        # As its own page has it.
        "metric-resolution": "15s",
    }
    files = {
        "metrics-server.kubeconfig": plan.user(_USER),
        **pair("metrics-server", plan.authority.server(TOOL, [f"{TOOL}.{_NAMESPACE}.svc"])),
    }
    return plan.program(TOOL, flags, files)


def fault(api: Api) -> str | None:
    """Why the API server does not pass questions on; None where it does."""
    found = api.get(_API_VERSION, "APIService", _API) or {}
    for one in (found.get("status") or {}).get("conditions") or []:
        if one["type"] == "Available":
            return None if one["status"] == "True" else one["message"]
    return "nobody has looked for it yet"


def objects() -> list[Mapping[str, Any]]:
    """The server's rights, and people's."""
    rules = [
        rights.rule("", ("nodes/metrics",), "get"),
        rights.rule("", ("pods", "nodes"), "get", "list", "watch"),
        rights.rule("authorization.k8s.io", ("subjectaccessreviews",), "create"),
    ]
    return [
        *rights.granted(_USER, rules, rights.user(_USER)),
        _sees_whom_the_api_server_speaks_for(),
        _for_people(),
    ]


def announcement(authority: str) -> list[Mapping[str, Any]]:
    """Where the server is, and that the API server trusts it if it is signed for by ``authority`` (PEM).

    It is for a server that runs: who is not found is looked for less and less often, in the end every half minute.
    """
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _SERVICE,
            "spec": {"ports": [{"name": _PORT_NAME, "port": 443, "targetPort": PORT}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**_SERVICE, "labels": {"kubernetes.io/service-name": TOOL}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [str(NODE_ADDRESS)], "conditions": {"ready": True}}],
            "ports": [{"name": _PORT_NAME, "port": PORT, "protocol": "TCP"}],
        },
        {
            "apiVersion": _API_VERSION,
            "kind": "APIService",
            "metadata": {"name": _API},
            "spec": {
                "group": _GROUP,
                "version": _VERSION,
                "service": {**_SERVICE, "port": 443},
                "caBundle": base64.b64encode(authority.encode()).decode(),
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
            },
        },
    ]


def _sees_whom_the_api_server_speaks_for() -> Mapping[str, Any]:
    """The right to know by which certificate the API server's word about a user is its own."""
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": _USER, "namespace": _NAMESPACE},
        "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": "extension-apiserver-authentication-reader"},
        "subjects": [rights.user(_USER)],
    }


def _for_people() -> Mapping[str, Any]:
    """Who may see pods may see what they use, as where the add-on of EKS is."""
    to = {f"{_RBAC}/aggregate-to-{role}": "true" for role in ("view", "edit", "admin")}
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "system:aggregated-metrics-reader", "labels": to},
        "rules": [rights.rule(_GROUP, ("pods", "nodes"), "get", "list", "watch")],
    }
