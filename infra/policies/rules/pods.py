"""What a pod may do to its node and to other pods: Kubernetes' restricted Pod Security Standard, and a little more."""

from collections.abc import Iterator, Mapping

from infra.policies.resource import Finding, Resource, lookup, many, may_be, may_hold
from infra.policies.rule import Severity, rule
from infra.policies.workload import WORKLOADS, containers, pod, pod_path

_BINDINGS = (
    "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
    "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
)
_RESTRICTED = "Pod Security Standard 'restricted'"
_VOLUMES = frozenset("configMap csi downwardAPI emptyDir ephemeral persistentVolumeClaim projected secret".split())


@rule(
    source="CIS EKS 4.2 k8s-pod-security-privileged-containers-minimized",
    severity=Severity.CRITICAL,
    types=WORKLOADS,
    brought=True,
)
def k8s_pod_security_privileged_containers_minimized(resource: Resource) -> Iterator[Finding]:
    """No container is privileged."""
    for path, container in containers(resource):
        if lookup(container, "securityContext.privileged") is True:
            yield Finding(f"{path}.securityContext.privileged", True, "false")


@rule(source="CIS EKS 4.2 k8s-pod-security-host-pid-minimized", severity=Severity.HIGH, types=WORKLOADS, brought=True)
def k8s_pod_security_host_pid_minimized(resource: Resource) -> Iterator[Finding]:
    """No pod sees the processes of its node."""
    yield from resource.must_be(f"{pod_path(resource)}.hostPID", None, False)


@rule(source="CIS EKS 4.2 k8s-pod-security-host-ipc-minimized", severity=Severity.HIGH, types=WORKLOADS, brought=True)
def k8s_pod_security_host_ipc_minimized(resource: Resource) -> Iterator[Finding]:
    """No pod shares memory with its node."""
    yield from resource.must_be(f"{pod_path(resource)}.hostIPC", None, False)


@rule(
    source="CIS EKS 4.2 k8s-pod-security-host-network-minimized",
    severity=Severity.HIGH,
    types=WORKLOADS,
    brought=True,
)
def k8s_pod_security_host_network_minimized(resource: Resource) -> Iterator[Finding]:
    """No pod uses its node's network, by which it would reach the node's credentials past every policy."""
    yield from resource.must_be(f"{pod_path(resource)}.hostNetwork", None, False)
    for path, container in containers(resource):
        for number, port in enumerate(many(lookup(container, "ports"))):
            if not may_be(lookup(port, "hostPort"), None, 0):
                yield Finding(f"{path}.ports.{number}.hostPort", lookup(port, "hostPort"), "none; use a Service")


@rule(
    source="CIS EKS 4.2 k8s-pod-security-allow-privilege-escalation-minimized",
    severity=Severity.HIGH,
    types=WORKLOADS,
)
def k8s_pod_security_allow_privilege_escalation_minimized(resource: Resource) -> Iterator[Finding]:
    """No process in a container gains rights that its parent did not have."""
    for path, container in containers(resource):
        given = lookup(container, "securityContext.allowPrivilegeEscalation")
        if not may_be(given, False):
            yield Finding(f"{path}.securityContext.allowPrivilegeEscalation", given, "false")


@rule(source=_RESTRICTED, severity=Severity.HIGH, types=WORKLOADS)
def pod_runs_as_non_root(resource: Resource) -> Iterator[Finding]:
    """Every container runs as a user other than root."""
    for path, container in containers(resource):
        for key, good in (("runAsNonRoot", lambda given: given is True), ("runAsUser", lambda given: given != 0)):
            own = lookup(container, f"securityContext.{key}")
            given = lookup(pod(resource), f"securityContext.{key}") if own is None else own
            if not good(given) and not (key == "runAsNonRoot" and may_be(given, True)):
                yield Finding(f"{path}.securityContext.{key}", given, "true" if key == "runAsNonRoot" else "above 0")


@rule(source=_RESTRICTED, severity=Severity.HIGH, types=WORKLOADS)
def container_capabilities_dropped(resource: Resource) -> Iterator[Finding]:
    """Every container gives up all of Linux's capabilities."""
    for path, container in containers(resource):
        dropped = lookup(container, "securityContext.capabilities.drop")
        added = lookup(container, "securityContext.capabilities.add")
        if not may_hold(dropped, "ALL"):
            yield Finding(f"{path}.securityContext.capabilities.drop", dropped, "ALL")
        if not all(may_be(one, "NET_BIND_SERVICE") for one in many(added)):
            yield Finding(f"{path}.securityContext.capabilities.add", added, "none, or NET_BIND_SERVICE")


@rule(source=_RESTRICTED, severity=Severity.MEDIUM, types=WORKLOADS)
def pod_seccomp_default(resource: Resource) -> Iterator[Finding]:
    """Every container may make the system calls of the runtime's own profile, no others."""
    for path, container in containers(resource):
        own = lookup(container, "securityContext.seccompProfile.type")
        given = lookup(pod(resource), "securityContext.seccompProfile.type") if own is None else own
        if not may_be(given, "RuntimeDefault", "Localhost"):
            yield Finding(f"{path}.securityContext.seccompProfile.type", given, "RuntimeDefault")


@rule(source="NSA/CISA hardening; what breaks in leaves nothing behind", severity=Severity.MEDIUM, types=WORKLOADS)
def container_root_read_only(resource: Resource) -> Iterator[Finding]:
    """No container can change its own program: the root file system is read-only."""
    for path, container in containers(resource):
        given = lookup(container, "securityContext.readOnlyRootFilesystem")
        if not may_be(given, True):
            yield Finding(f"{path}.securityContext.readOnlyRootFilesystem", given, "true, with volumes where it writes")


@rule(source=_RESTRICTED, severity=Severity.HIGH, types=WORKLOADS)
def pod_volumes_restricted(resource: Resource) -> Iterator[Finding]:
    """No pod mounts a folder of its node: volumes are of the kinds that the restricted standard admits."""
    for number, volume in enumerate(many(lookup(pod(resource), "volumes"))):
        kinds = set(volume) - {"name"} if isinstance(volume, Mapping) else set()
        if kinds - _VOLUMES:
            path = f"{pod_path(resource)}.volumes.{number}"
            yield Finding(path, sorted(kinds), " or ".join(sorted(_VOLUMES)))


@rule(
    source="CIS EKS 4.1 k8s-default-service-accounts-not-used", severity=Severity.MEDIUM, types=(*WORKLOADS, *_BINDINGS)
)
def k8s_default_service_accounts_not_used(resource: Resource) -> Iterator[Finding]:
    """Every pod runs as an account of its own; a namespace's default account runs nothing and has no rights."""
    own = "an account of the workload's own"
    if resource.type in _BINDINGS:
        for number, subject in enumerate(many(resource.get("subjects"))):
            if lookup(subject, "kind") == "ServiceAccount" and lookup(subject, "name") == "default":
                yield Finding(f"subjects.{number}.name", "default", own)
    elif pod(resource):
        path = f"{pod_path(resource)}.serviceAccountName"
        if resource.get(path) in (None, "", "default"):
            yield Finding(path, resource.get(path), own)


@rule(
    source="CIS EKS 4.1 k8s-service-account-token-mounted-minimized",
    severity=Severity.MEDIUM,
    types=(*WORKLOADS, "kubernetes:core/v1:ServiceAccount"),
)
def k8s_service_account_token_mounted_minimized(resource: Resource) -> Iterator[Finding]:
    """No pod gets a token for the Kubernetes API by itself; AWS credentials come from a token of their own."""
    if resource.kind == "ServiceAccount":
        yield from resource.must_be("automountServiceAccountToken", False)
    elif pod(resource):
        yield from resource.must_be(f"{pod_path(resource)}.automountServiceAccountToken", False)
