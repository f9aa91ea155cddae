"""What a part of a real node may do by way of the API server."""

from collections.abc import Mapping, Sequence
from typing import Any

Manifest = dict[str, Any]

_GROUP = "rbac.authorization.k8s.io"
_READ = ("list", "watch")


def rule(group: str, resources: Sequence[str], *verbs: str) -> Manifest:
    """One rule of a role; without ``verbs`` it lets see."""
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs or _READ)}


def user(name: str) -> Manifest:
    """Who has a certificate of this name."""
    return {"apiGroup": _GROUP, "kind": "User", "name": name}


def account(name: str, namespace: str) -> Manifest:
    """Who has a pod's token of this account."""
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def granted(name: str, rules: Sequence[Mapping[str, Any]], subject: Mapping[str, Any]) -> list[Manifest]:
    """A role in all namespaces, and who has it."""
    role, version = {"name": name}, f"{_GROUP}/v1"
    return [
        {"apiVersion": version, "kind": "ClusterRole", "metadata": role, "rules": list(rules)},
        {
            "apiVersion": version,
            "kind": "ClusterRoleBinding",
            "metadata": role,
            "roleRef": {"apiGroup": _GROUP, "kind": "ClusterRole", "name": name},
            "subjects": [subject],
        },
    ]
