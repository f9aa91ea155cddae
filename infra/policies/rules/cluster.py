"""The EKS control plane and its nodes."""

import base64
import binascii
import contextlib
import re
from collections.abc import Iterator, Mapping

from infra.policies.resource import Finding, Resource, Stack, Unknown, document, lookup, many, may_be, may_hold
from infra.policies.rule import Severity, rule, stack_rule

_CLUSTER = ("aws:eks/cluster:Cluster",)
_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
# What weakens a kubelet, in flags, in KubeletConfiguration and in nodeadm's NodeConfig (CIS EKS 3.2.1-3.2.9).
_WEAKENINGS = {
    r"anonymous-auth[=\s]+true|anonymous:\s*\{?\s*[\"']?enabled[\"']?:\s*true": "no anonymous requests",
    r"authorization-mode[=\s]+AlwaysAllow|mode[\"']?:\s*[\"']?AlwaysAllow": "authorization by webhook",
    r"read-only-port[=\s]+[1-9]\d*|readOnlyPort[\"']?:\s*[1-9]\d*": "no read-only port",
    r"streaming-connection-idle-timeout[=\s]+0|streamingConnectionIdleTimeout[\"']?:\s*[\"']?0": "a timeout of streams",
    r"make-iptables-util-chains[=\s]+false|makeIPTablesUtilChains[\"']?:\s*false": "iptables chains made by kubelet",
    r"rotate-certificates[=\s]+false|rotateCertificates[\"']?:\s*false": "client certificates rotated",
    r"RotateKubeletServerCertificate[=\s]+false|RotateKubeletServerCertificate[\"']?:\s*false": "certificates rotated",
    r"event-qps[=\s]+0\b|eventRecordQPS[\"']?:\s*0\b": "events limited in rate",
}


@rule(source="CIS EKS 2.1 eks-cluster-audit-logging-enabled", severity=Severity.HIGH, types=_CLUSTER)
def eks_cluster_audit_logging_enabled(resource: Resource) -> Iterator[Finding]:
    """The cluster logs who asked its API for what."""
    logs = resource.get("enabledClusterLogTypes")
    if not may_hold(logs, "audit"):
        yield Finding("enabledClusterLogTypes", logs, "a list with audit")


@stack_rule(source="CIS EKS 2.1 eks-cluster-cloudwatch-logs-enabled", severity=Severity.MEDIUM)
def eks_cluster_cloudwatch_logs_enabled(stack: Stack) -> Iterator[tuple[Resource, Finding]]:
    """The cluster's logs, of sign-in among others, go to a log group that the stack made, and that ends."""
    groups = [one.get("name") for one in stack.of_type("aws:cloudwatch/logGroup:LogGroup")]
    for cluster in stack.of_type(*_CLUSTER):
        logs = cluster.get("enabledClusterLogTypes")
        if not may_hold(logs, "authenticator"):
            yield cluster, Finding("enabledClusterLogTypes", logs, "a list with authenticator")
        name = f"/aws/eks/{cluster.get('name')}/cluster"
        if not isinstance(cluster.get("name"), Unknown) and not may_hold(groups, name):
            yield cluster, Finding("log group", None, f"a LogGroup named {name}, made before EKS makes one for ever")


@rule(
    source="CIS EKS 3.1-3.2 eks-node-group-launch-template-required",
    severity=Severity.MEDIUM,
    types=("aws:eks/nodeGroup:NodeGroup",),
)
def eks_node_group_launch_template_required(resource: Resource) -> Iterator[Finding]:
    """A node group starts from a launch template, where disks, metadata service and tags are set."""
    yield from resource.must_have("launchTemplate", "the ID and version of a LaunchTemplate")


@rule(
    source="CIS EKS 3.1-3.2 eks-launch-template-kubelet-config",
    severity=Severity.HIGH,
    types=(_TEMPLATE, "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"),
)
def eks_launch_template_kubelet_config(resource: Resource) -> Iterator[Finding]:
    """What a node is told at its start does not weaken its kubelet."""
    path = "userData" if resource.type == _TEMPLATE else "spec.userData"
    text = resource.get(path)
    if not isinstance(text, str):
        return
    # AWS takes it encoded, Karpenter as it is.
    with contextlib.suppress(binascii.Error, UnicodeDecodeError):
        text = base64.b64decode(text, validate=True).decode()
    for pattern, wanted in _WEAKENINGS.items():
        if found := re.search(pattern, text):
            yield Finding(path, found.group(), wanted)


@rule(source="CIS EKS 4.1 eks-cluster-access-manager-enabled", severity=Severity.HIGH, types=_CLUSTER)
def eks_cluster_access_manager_enabled(resource: Resource) -> Iterator[Finding]:
    """Access entries alone decide who enters; whoever made the cluster has no hidden way in."""
    yield from resource.must_be("accessConfig.authenticationMode", "API")
    yield from resource.must_be("accessConfig.bootstrapClusterCreatorAdminPermissions", False)


@rule(
    source="CIS EKS 4.1 eks-iam-authenticator-enabled",
    severity=Severity.HIGH,
    types=("pulumi:providers:kubernetes", "aws:eks/identityProviderConfig:IdentityProviderConfig"),
)
def eks_iam_authenticator_enabled(resource: Resource) -> Iterator[Finding]:
    """Everybody, Pulumi too, signs in at the cluster by IAM: no tokens, client certificates or second provider."""
    if resource.kind == "IdentityProviderConfig":
        yield Finding("type", resource.type, "aws:eks/accessEntry:AccessEntry")
        return
    config = document(resource.get("kubeconfig"))
    if isinstance(config, str):
        yield Finding("kubeconfig", "a path or text that is no JSON", "JSON whose user asks `aws eks get-token`")
    if not isinstance(config, Mapping):
        return
    for number, user in enumerate(many(config.get("users"))):
        command = lookup(user, "user.exec.command")
        if not may_be(command, "aws", "aws-iam-authenticator"):
            given = sorted(lookup(user, "user") or {})
            yield Finding(f"kubeconfig.users.{number}.user", given, "exec of `aws eks get-token`, and nothing else")


@stack_rule(source="CIS EKS 5.4 eks-network-policy-enabled", severity=Severity.HIGH)
def eks_network_policy_enabled(stack: Stack) -> Iterator[tuple[Resource, Finding]]:
    """The cluster's network add-on enforces network policies; without it they are only text."""
    addons = [one for one in stack.of_type("aws:eks/addon:Addon") if may_be(one.get("addonName"), "vpc-cni")]
    wanted = 'an Addon vpc-cni with configurationValues {"enableNetworkPolicy": "true"}'
    for cluster in stack.of_type(*_CLUSTER):
        if not addons:
            yield cluster, Finding("network add-on", None, wanted)
    for addon in addons:
        values = document(addon.get("configurationValues"))
        if not isinstance(values, Unknown) and lookup(values, "enableNetworkPolicy") != "true":
            yield addon, Finding("configurationValues", addon.get("configurationValues"), wanted)


@rule(source="extended support costs six times the price", severity=Severity.MEDIUM, types=_CLUSTER)
def eks_standard_support(resource: Resource) -> Iterator[Finding]:
    """The cluster is upgraded at the end of standard support rather than billed for extended support."""
    yield from resource.must_be("upgradePolicy.supportType", "STANDARD")


@rule(
    source="Security Hub EC2.8; a request forged by a pod must not fetch the node's credentials",
    severity=Severity.HIGH,
    types=(_TEMPLATE, "aws:ec2/instance:Instance", "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"),
    brought=True,
)
def instance_metadata_v2_required(resource: Resource) -> Iterator[Finding]:
    """A machine's metadata service wants a session token, and answers nobody further than one hop away."""
    if resource.kind == "Instance" and resource.get("launchTemplate"):
        return
    path = "spec.metadataOptions" if resource.kind == "EC2NodeClass" else "metadataOptions"
    yield from resource.must_be(f"{path}.httpTokens", "required")
    yield from resource.must_be(f"{path}.httpPutResponseHopLimit", 1)
