"""What makes a real node's network policies act: the policy controller of kube-router, and nothing else of it.

k3s has the same one inside. It sets packet filters in the node's own network, which go with that.
"""

from collections.abc import Mapping
from typing import Any

from infra.cluster import enclosure, rights
from infra.cluster.control_plane import Plan
from infra.cluster.record import SERVICES
from infra.local.program import Program

TOOL = "kube-router"

_USER = "system:kube-router"
# The controller makes it before anything else.
_CHAIN = "KUBE-ROUTER-FORWARD"


def enforcer(plan: Plan, node: str, path: str) -> Program:
    """The controller, which wants the node's object and its own rights to be there when it starts.

    Args:
        node: Name of the node.
        path: Where programs of the system are.
    """
    flags = {
        "kubeconfig": plan.file("kube-router.kubeconfig"),
        "hostname-override": node,
        "service-cluster-ip-range": SERVICES,
        "run-firewall": "true",
        # Routes are the network plugins', Services the proxy's.
        "run-router": "false",
        "run-service-proxy": "false",
        "health-port": 0,
    }
    look = ["env", f"PATH={path}", "iptables", "--list-rules", _CHAIN]
    health = {"command": [*enclosure.inside(plan.layout), *enclosure.IN_NETWORK, *look]}
    return plan.program(TOOL, flags, {"kube-router.kubeconfig": plan.user(_USER)}, health)


def objects() -> list[Mapping[str, Any]]:
    """The controller's rights."""
    rules = [
        rights.rule("", ("namespaces", "pods", "services", "endpoints")),
        rights.rule("", ("nodes",), "get", "list", "watch"),
        rights.rule("networking.k8s.io", ("networkpolicies",)),
        # Of its other parts, but it waits until it knows them.
        rights.rule("discovery.k8s.io", ("endpointslices",)),
    ]
    return [*rights.granted(_USER, rules, rights.user(_USER))]
