"""The walls of every namespace: network policies, Pod Security, quotas."""

from collections.abc import Iterator

from infra.policies.resource import Finding, Resource, Stack, Unknown, lookup, many, may_be, may_hold
from infra.policies.rule import Severity, rule, stack_rule

_NAMESPACE = "kubernetes:core/v1:Namespace"
_PREFIX = "pod-security.kubernetes.io"


@stack_rule(source="NSA/CISA hardening: network separation", severity=Severity.HIGH)
def namespace_default_deny(stack: Stack) -> Iterator[tuple[Resource, Finding]]:
    """In every namespace whatever no policy opens is refused, in both directions."""
    closed = [
        policy.get("metadata.namespace")
        for policy in stack.of_type("kubernetes:networking.k8s.io/v1:NetworkPolicy")
        if _denies_everything(policy)
    ]
    for namespace in stack.of_type(_NAMESPACE):
        name = namespace.get("metadata.name")
        if not isinstance(name, Unknown) and not may_hold(closed, name):
            wanted = "a NetworkPolicy for all pods with policyTypes Ingress and Egress and no openings"
            yield namespace, Finding("default-deny policy", None, wanted)


def _denies_everything(policy: Resource) -> bool:
    """Whether the policy refuses all traffic of all pods, or after deployment can."""
    both = all(may_hold(policy.get("spec.policyTypes"), one) for one in ("Ingress", "Egress"))
    empty = ("spec.podSelector.matchLabels", "spec.podSelector.matchExpressions", "spec.ingress", "spec.egress")
    return both and all(may_be(policy.get(path), None, {}, []) for path in empty)


@rule(
    source="an opening to everybody is no wall",
    severity=Severity.HIGH,
    types=("kubernetes:networking.k8s.io/v1:NetworkPolicy",),
)
def network_policy_opens_to_somebody(resource: Resource) -> Iterator[Finding]:
    """What a network policy lets in comes from pods or addresses that it names."""
    for number, opening in enumerate(many(resource.get("spec.ingress"))):
        peers = many(lookup(opening, "from"))
        if not peers:
            yield Finding(f"spec.ingress.{number}.from", None, "pods by labels, or blocks of addresses")
        for index, peer in enumerate(peers):
            if lookup(peer, "ipBlock.cidr") in ("0.0.0.0/0", "::/0"):
                path = f"spec.ingress.{number}.from.{index}.ipBlock.cidr"
                yield Finding(path, lookup(peer, "ipBlock.cidr"), "a block of the VPC, or of known addresses")


@rule(
    source="Kubernetes' Pod Security admission: what no rule here sees, the API server refuses",
    severity=Severity.HIGH,
    types=(_NAMESPACE,),
)
def namespace_pod_security_labelled(resource: Resource) -> Iterator[Finding]:
    """Every namespace enforces the restricted Pod Security Standard, audits against it and warns."""
    for mode in ("enforce", "audit", "warn"):
        level = resource.entry("metadata.labels", f"{_PREFIX}/{mode}")
        if not isinstance(level, Unknown) and level != "restricted":
            yield Finding(f"metadata.labels.{_PREFIX}/{mode}", level, "restricted")


@stack_rule(source="one namespace must not starve the others, nor the budget", severity=Severity.MEDIUM)
def namespace_quota_present(stack: Stack) -> Iterator[tuple[Resource, Finding]]:
    """Every namespace has a quota of CPU, memory, pods and GPUs."""
    quotas = stack.of_type("kubernetes:core/v1:ResourceQuota")
    for namespace in stack.of_type(_NAMESPACE):
        name = namespace.get("metadata.name")
        if isinstance(name, Unknown):
            continue
        own = [one for one in quotas if may_be(one.get("metadata.namespace"), name)]
        if not own:
            yield namespace, Finding("quota", None, "a ResourceQuota of CPU, memory, pods and GPUs")
            continue
        for key in ("requests.cpu", "requests.memory", "requests.nvidia.com/gpu", "pods"):
            if all(one.entry("spec.hard", key) is None for one in own):
                yield own[0], Finding(f"spec.hard.{key}", None, "an amount")
