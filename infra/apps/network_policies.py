"""Network policies: everything is refused in every namespace, except for the openings of ``openings.OPENINGS``."""

from collections.abc import Collection, Sequence
from typing import Any

import pulumi
from pulumi_kubernetes import meta, networking

from infra.apps.openings import EVERY_POD, SYSTEM, VPC, Addresses, Opening, Pods, everything

DEFAULT_DENY = "default-deny"
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"

Policy = networking.v1.NetworkPolicySpecArgs


def policies(openings: Sequence[Opening], vpc_cidr: str, namespaces: Collection[str]) -> dict[tuple[str, str], Policy]:
    """All network policies, ``{(namespace, name): specification}``.

    Each group of pods has one policy with all that it may receive and open; each namespace has ``default-deny``, which
    comes last.
    """
    made: dict[tuple[str, str], Policy] = {}
    for pods in _managed(openings, namespaces):
        incoming = [_incoming(one, vpc_cidr) for one in openings if one.target == pods]
        outgoing = [_outgoing(one, vpc_cidr) for one in openings if _opens(one, pods)]
        made[pods.namespace, _name(pods)] = _policy(dict(pods.labels), incoming, outgoing)
    return made | {(name, DEFAULT_DENY): _policy({}, [], []) for name in namespaces}


def _managed(openings: Sequence[Opening], namespaces: Collection[str]) -> list[Pods]:
    """All pods of each namespace, then the groups of pods in the openings that are in one of them."""
    whole = [everything(name) for name in namespaces]
    ends = [end for opening in openings for end in (opening.source, opening.target)]
    groups = [end for end in ends if isinstance(end, Pods) and end.namespace in namespaces]
    return list({(pods.namespace, pods.name): pods for pods in (*whole, *groups)}.values())


def _opens(opening: Opening, pods: Pods) -> bool:
    return opening.source == pods or (opening.source == EVERY_POD and pods == everything(pods.namespace))


def _name(pods: Pods) -> str:
    return f"allow-{pods.name.replace(' ', '-')}"


def _policy(labels: dict[str, str], incoming: list[Any], outgoing: list[Any]) -> Policy:
    return Policy(
        pod_selector=meta.v1.LabelSelectorArgs(match_labels=labels),
        policy_types=["Ingress", "Egress"],
        ingress=incoming,
        egress=outgoing,
    )


def _incoming(opening: Opening, vpc_cidr: str) -> networking.v1.NetworkPolicyIngressRuleArgs:
    return networking.v1.NetworkPolicyIngressRuleArgs(from_=_peers(opening.source, vpc_cidr), ports=_ports(opening))


def _outgoing(opening: Opening, vpc_cidr: str) -> networking.v1.NetworkPolicyEgressRuleArgs:
    return networking.v1.NetworkPolicyEgressRuleArgs(to=_peers(opening.target, vpc_cidr), ports=_ports(opening))


def _peers(end: Pods | Addresses, vpc_cidr: str) -> list[networking.v1.NetworkPolicyPeerArgs]:
    if end == EVERY_POD:
        return [networking.v1.NetworkPolicyPeerArgs(namespace_selector=meta.v1.LabelSelectorArgs())]
    if isinstance(end, Pods):
        namespace = meta.v1.LabelSelectorArgs(match_labels={_NAMESPACE_LABEL: end.namespace})
        pods = meta.v1.LabelSelectorArgs(match_labels=dict(end.labels))
        return [networking.v1.NetworkPolicyPeerArgs(namespace_selector=namespace, pod_selector=pods)]
    without = [_resolved(block, vpc_cidr) for block in end.without]
    return [
        networking.v1.NetworkPolicyPeerArgs(
            ip_block=networking.v1.IPBlockArgs(cidr=_resolved(block, vpc_cidr), except_=without)
        )
        for block in end.blocks
    ]


def _resolved(block: str, vpc_cidr: str) -> str:
    return vpc_cidr if block == VPC else block


def _ports(opening: Opening) -> list[networking.v1.NetworkPolicyPortArgs]:
    return [
        networking.v1.NetworkPolicyPortArgs(port=port, protocol=protocol)
        for port in opening.ports
        for protocol in opening.protocols
    ]


class NetworkPolicies(pulumi.ComponentResource):
    """The policies of a stack. They act where the cluster's network knows policies; on EKS that is an agent of the VPC
    CNI."""

    def __init__(
        self,
        name: str,
        openings: Sequence[Opening],
        vpc_cidr: str,
        namespaces: Collection[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:apps:NetworkPolicies", name, None, opts)
        made: dict[tuple[str, str], pulumi.Resource] = {}
        for (namespace, title), policy in policies(openings, vpc_cidr, namespaces).items():
            # kube-system runs before its policies come, and after they go: it is closed last, and opened first.
            last = namespace == SYSTEM and title == DEFAULT_DENY
            made[namespace, title] = networking.v1.NetworkPolicy(
                f"{name}-{namespace}-{title}",
                metadata=meta.v1.ObjectMetaArgs(name=title, namespace=namespace),
                spec=policy,
                opts=pulumi.ResourceOptions(
                    parent=self,
                    depends_on=[one for (inside, _), one in made.items() if inside == SYSTEM] if last else None,
                ),
            )
        self.register_outputs({})
