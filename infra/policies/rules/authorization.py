"""Who may do what in Kubernetes."""

from collections.abc import Iterator
from typing import Any

from infra.policies.resource import Finding, Resource, lookup, many
from infra.policies.rule import Severity, rule

_API = "kubernetes:rbac.authorization.k8s.io/v1"
_ROLES = (f"{_API}:Role", f"{_API}:ClusterRole")
_BINDINGS = (f"{_API}:RoleBinding", f"{_API}:ClusterRoleBinding")
_READING = frozenset({"get", "list", "watch", "*"})


def _rules(resource: Resource) -> Iterator[tuple[str, set[Any], set[Any], set[Any]]]:
    """Path, API groups, resources and verbs of each rule of a role."""
    for number, one in enumerate(many(resource.get("rules"))):
        groups, resources, verbs = (set(many(lookup(one, key))) for key in ("apiGroups", "resources", "verbs"))
        yield f"rules.{number}", groups, resources, verbs


@rule(source="CIS EKS 4.1 k8s-cluster-admin-role-binding-minimized", severity=Severity.CRITICAL, types=_BINDINGS)
def k8s_cluster_admin_role_binding_minimized(resource: Resource) -> Iterator[Finding]:
    """Nobody is bound to cluster-admin, nor is anybody to the group of all who are signed in."""
    if resource.get("roleRef.name") == "cluster-admin":
        yield Finding("roleRef.name", "cluster-admin", "a role of the workload's own")
    for number, subject in enumerate(many(resource.get("subjects"))):
        name = lookup(subject, "name")
        if name in ("system:anonymous", "system:unauthenticated", "system:authenticated", "system:masters"):
            yield Finding(f"subjects.{number}.name", name, "a group of people or a service account")


@rule(source="CIS EKS 4.1 k8s-rbac-secret-access-minimized", severity=Severity.HIGH, types=_ROLES)
def k8s_rbac_secret_access_minimized(resource: Resource) -> Iterator[Finding]:
    """A role reads secrets by name, if at all; it never lists them."""
    for path, groups, resources, verbs in _rules(resource):
        reads = verbs & _READING
        if groups & {"", "*"} and "secrets" in resources and reads:
            named = many(resource.get(f"{path}.resourceNames"))
            if not named or reads - {"get"}:
                yield Finding(f"{path}.verbs", sorted(verbs), "get of secrets that resourceNames lists")


@rule(source="CIS EKS 4.1 k8s-rbac-wildcard-use-minimized", severity=Severity.HIGH, types=_ROLES)
def k8s_rbac_wildcard_use_minimized(resource: Resource) -> Iterator[Finding]:
    """A role names API groups, resources and verbs: no wildcards."""
    for path, groups, resources, verbs in _rules(resource):
        for key, values in (("apiGroups", groups), ("resources", resources), ("verbs", verbs)):
            if any("*" in str(one) for one in values):
                yield Finding(f"{path}.{key}", sorted(map(str, values)), "names")


@rule(source="CIS EKS 4.1 k8s-rbac-create-pods-minimized", severity=Severity.HIGH, types=_ROLES)
def k8s_rbac_create_pods_minimized(resource: Resource) -> Iterator[Finding]:
    """No role makes pods, or opens a shell in one: a pod can take on any service account of its namespace."""
    for path, groups, resources, verbs in _rules(resource):
        if groups & {"", "*"} and "create" in verbs and resources & {"pods", "pods/exec", "pods/attach"}:
            yield Finding(f"{path}.resources", sorted(map(str, resources)), "without pods, pods/exec and pods/attach")


@rule(source="CIS EKS 4.1 k8s-rbac-bind-impersonate-escalate-minimized", severity=Severity.CRITICAL, types=_ROLES)
def k8s_rbac_bind_impersonate_escalate_minimized(resource: Resource) -> Iterator[Finding]:
    """No role can give away, or take, rights that it does not have."""
    for path, _, _, verbs in _rules(resource):
        if verbs & {"bind", "impersonate", "escalate"}:
            yield Finding(f"{path}.verbs", sorted(map(str, verbs)), "without bind, impersonate and escalate")
