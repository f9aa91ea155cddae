"""How a workload behaves among others: what it uses, how its health is seen, what it is told."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.policies.resource import Finding, Resource, Stack, Unknown, lookup, many, may_be, shown
from infra.policies.rule import Severity, rule, stack_rule
from infra.policies.workload import SERVERS, WORKLOADS, containers, pod_path

_NAMESPACED = (
    *WORKLOADS,
    "kubernetes:core/v1:Service",
    "kubernetes:core/v1:ConfigMap",
    "kubernetes:core/v1:Secret",
    "kubernetes:core/v1:ServiceAccount",
    "kubernetes:networking.k8s.io/v1:Ingress",
)
_SECRET_NAME = re.compile(r"(?i)(password|passwd|secret|token|api_?key|access_?key|private_?key|credential)s?$")
# AWS access keys, private keys, GitHub tokens, and addresses with a password in them.
_SECRET_VALUE = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    r"|\b[a-z][a-z0-9+]*://[^/\s:@]+:[^/\s:@$<{%][^/\s@]*@"
)
_BETTER = "a file from a Secret, or a variable by secretKeyRef"


@rule(source="NSA/CISA hardening; one container must not starve a node", severity=Severity.MEDIUM, types=WORKLOADS)
def container_resources_set(resource: Resource) -> Iterator[Finding]:
    """Every container says how much CPU and memory it asks for, and how much it may take."""
    for path, container in containers(resource):
        for key in ("requests.cpu", "requests.memory", "limits.cpu", "limits.memory"):
            if lookup(container, f"resources.{key}") in (None, ""):
                yield Finding(f"{path}.resources.{key}", None, "an amount, such as 100m or 256Mi")


@rule(source="without probes a dead server stays in service", severity=Severity.MEDIUM, types=SERVERS)
def container_probes_set(resource: Resource) -> Iterator[Finding]:
    """Every server tells whether it lives and whether it can take requests, and these are not the same question."""
    for path, container in containers(resource, servers_only=True):
        for key in ("livenessProbe", "readinessProbe"):
            if not lookup(container, key):
                yield Finding(f"{path}.{key}", None, "a probe")
        for key in ("httpGet", "exec", "grpc"):
            probe, other = (lookup(container, f"{one}.{key}") for one in ("livenessProbe", "readinessProbe"))
            if isinstance(probe, Mapping) and probe == other:
                yield Finding(f"{path}.livenessProbe.{key}", probe, "another request than readinessProbe's")


@rule(source="a rollout or a lost node must not stop the service", severity=Severity.MEDIUM, types=SERVERS)
def replicas_spread(resource: Resource) -> Iterator[Finding]:
    """A server with several copies spreads them over zones or nodes."""
    replicas = resource.get("spec.replicas")
    path = pod_path(resource)
    if not isinstance(replicas, int | float) or replicas < 2:
        return
    if not resource.get(f"{path}.topologySpreadConstraints") and not resource.get(f"{path}.affinity.podAntiAffinity"):
        yield Finding(f"{path}.topologySpreadConstraints", None, "a constraint by topology.kubernetes.io/zone")


@stack_rule(source="draining a node must not stop a service", severity=Severity.MEDIUM)
def disruption_budget_present(stack: Stack) -> Iterator[tuple[Resource, Finding]]:
    """Every server with several copies has a disruption budget."""
    budgets = [
        (one.get("metadata.namespace"), one.get("spec.selector.matchLabels") or {})
        for one in stack.of_type("kubernetes:policy/v1:PodDisruptionBudget")
    ]
    for server in stack.of_type(*SERVERS):
        replicas, labels = server.get("spec.replicas"), server.get("spec.selector.matchLabels")
        namespace = server.get("metadata.namespace")
        if server.brought or not isinstance(replicas, int | float) or replicas < 2:
            continue
        if not any(_same(namespace, where) and _same(labels, chosen) for where, chosen in budgets):
            yield server, Finding("disruption budget", None, f"a PodDisruptionBudget that selects {shown(labels)}")


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal, or after deployment can be."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return may_be(one, other) or isinstance(other, Unknown)


@rule(source="CIS EKS 4.4-4.5 k8s-secrets-as-files-not-env-vars", severity=Severity.LOW, types=WORKLOADS)
def k8s_secrets_as_files_not_env_vars(resource: Resource) -> Iterator[Finding]:
    """Secrets reach a container as files: variables are inherited by every child process, and land in crash reports."""
    for path, container in containers(resource):
        for number, one in enumerate(many(lookup(container, "env"))):
            if isinstance(lookup(one, "valueFrom.secretKeyRef"), Mapping):
                yield Finding(f"{path}.env.{number}.valueFrom.secretKeyRef", lookup(one, "name"), "a mounted Secret")
        for number, one in enumerate(many(lookup(container, "envFrom"))):
            if isinstance(lookup(one, "secretRef"), Mapping):
                given = lookup(one, "secretRef.name")
                yield Finding(f"{path}.envFrom.{number}.secretRef", given, "a mounted Secret")


@rule(source="CIS EKS 4.4-4.5; state, logs and `kubectl describe` show it", severity=Severity.CRITICAL, types=WORKLOADS)
def environment_without_secrets(resource: Resource) -> Iterator[Finding]:
    """No secret is a plain variable or argument of a container."""
    for path, container in containers(resource):
        for number, one in enumerate(many(lookup(container, "env"))):
            name, value = lookup(one, "name"), lookup(one, "value")
            if _is_secret(str(name), value):
                yield Finding(f"{path}.env.{number}.value", f"a secret in {name}", _BETTER)
        for key in ("command", "args"):
            for number, one in enumerate(many(lookup(container, key))):
                if _is_secret("", one):
                    yield Finding(f"{path}.{key}.{number}", "a secret", _BETTER)


@rule(
    source="a ConfigMap is readable by everybody who may look",
    severity=Severity.CRITICAL,
    types=("kubernetes:core/v1:ConfigMap",),
)
def config_map_without_secrets(resource: Resource) -> Iterator[Finding]:
    """No secret stands in a ConfigMap."""
    data = resource.get("data")
    for key, value in data.items() if isinstance(data, Mapping) else ():
        if _is_secret(key, value):
            yield Finding(f"data.{key}", "a secret", _BETTER)


def _is_secret(name: str, value: Any) -> bool:
    if isinstance(value, Unknown):
        return value.secret
    if not isinstance(value, str) or not value:
        return False
    # A name that ends so and a value without blanks, paths or placeholders: `SECRET_NAME` and `TOKEN_FILE` are none.
    plain = re.fullmatch(r"[^\s/<>$]+", value) is not None and value.lower() not in ("true", "false", "none")
    return bool(_SECRET_VALUE.search(value)) or (bool(_SECRET_NAME.search(name)) and plain)


@rule(
    source="a Secret that Pulumi makes has its value in Pulumi's state",
    severity=Severity.HIGH,
    types=(
        "kubernetes:core/v1:Secret",
        "aws:secretsmanager/secretVersion:SecretVersion",
        "aws:ssm/parameter:Parameter",
    ),
)
def secret_values_outside_the_program(resource: Resource) -> Iterator[Finding]:
    """The program makes places for secrets, and never their values."""
    for path in ("data", "stringData", "secretString", "secretBinary", "value"):
        if resource.get(path) and not (resource.kind == "Parameter" and resource.get("type") != "SecureString"):
            yield Finding(path, "a value", "none; values come from Secrets Manager by an ExternalSecret")


@rule(source="CIS EKS 4.4-4.5 k8s-default-namespace-not-used", severity=Severity.MEDIUM, types=_NAMESPACED)
def k8s_default_namespace_not_used(resource: Resource) -> Iterator[Finding]:
    """Nothing is in the namespace `default`, which has no quota, no labels and no network policies."""
    if resource.get("metadata.namespace") in (None, "", "default"):
        yield Finding("metadata.namespace", resource.get("metadata.namespace"), "a namespace of the stack's own")
