"""Nothing is open to the internet that is not meant to be."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.policies.resource import Finding, Resource, Stack, Unknown, document, lookup, many, may_be
from infra.policies.rule import Severity, rule, stack_rule

_EVERYWHERE = ("0.0.0.0/0", "::/0")
_INTERNAL = "internal, by annotation service.beta.kubernetes.io/aws-load-balancer-scheme"
_BOUNDING = (
    "aws:SourceAccount aws:SourceArn aws:PrincipalOrgID aws:PrincipalArn aws:PrincipalAccount kms:CallerAccount "
    "aws:SourceVpce aws:SourceVpc"
).split()


@stack_rule(source="Security Hub S3.8", severity=Severity.CRITICAL)
def bucket_public_access_blocked(stack: Stack) -> Iterator[tuple[Resource, Finding]]:
    """Every bucket blocks public access in all four ways."""
    kind = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    switches = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    for bucket in stack.of_type("aws:s3/bucket:Bucket"):
        blocks = stack.companions(bucket, kind, "bucket", "bucket", "id")
        if not blocks:
            yield bucket, Finding("public access block", None, "a BucketPublicAccessBlock with all four switches on")
        for block in blocks:
            for switch in switches:
                for finding in block.must_be(switch, True):
                    yield block, finding


@stack_rule(source="Security Hub S3.5", severity=Severity.HIGH)
def bucket_tls_only(stack: Stack) -> Iterator[tuple[Resource, Finding]]:
    """Every bucket's policy refuses requests without TLS."""
    wanted = "a Deny of s3:* for everybody where aws:SecureTransport is false"
    for bucket in stack.of_type("aws:s3/bucket:Bucket"):
        policies = stack.companions(bucket, "aws:s3/bucketPolicy:BucketPolicy", "bucket", "bucket", "id")
        if not policies:
            yield bucket, Finding("bucket policy", None, wanted)
        for policy in policies:
            known = document(policy.get("policy"))
            if isinstance(known, Mapping) and not any(_denies_plain(one) for one in many(known.get("Statement"))):
                yield policy, Finding("policy", [one.get("Sid") for one in many(known.get("Statement"))], wanted)


def _denies_plain(statement: Mapping[str, Any]) -> bool:
    flags = lookup(statement, "Condition.Bool")
    return (
        statement.get("Effect") == "Deny"
        and statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
        and not {"s3:*", "*"}.isdisjoint(many(statement.get("Action")))
        and isinstance(flags, Mapping)
        and str(flags.get("aws:SecureTransport")).lower() == "false"
    )


@rule(
    source="Security Hub S3.12; an ACL can open single objects behind the bucket's policy",
    severity=Severity.HIGH,
    types=("aws:s3/bucketOwnershipControls:BucketOwnershipControls", "aws:s3/bucketAcl:BucketAcl"),
)
def bucket_without_acl(resource: Resource) -> Iterator[Finding]:
    """A bucket's policy alone decides on access: access control lists are off."""
    if resource.kind == "BucketAcl":
        yield Finding("acl", resource.get("acl"), "no BucketAcl")
    else:
        yield from resource.must_be("rule.objectOwnership", "BucketOwnerEnforced")


@rule(
    source="a policy that names everybody is public, whatever else it says",
    severity=Severity.CRITICAL,
    types=(
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:sqs/queuePolicy:QueuePolicy",
        "aws:sns/topicPolicy:TopicPolicy",
        "aws:kms/key:Key",
        "aws:secretsmanager/secretPolicy:SecretPolicy",
    ),
)
def resource_policy_not_public(resource: Resource) -> Iterator[Finding]:
    """A resource's policy allows nobody by `*`, unless a condition bounds who it is."""
    policy = document(resource.get("policy"))
    for number, statement in enumerate(many(lookup(policy, "Statement"))):
        principal = lookup(statement, "Principal")
        named = many(principal.get("AWS")) if isinstance(principal, Mapping) else many(principal)
        if lookup(statement, "Effect") == "Allow" and "*" in named and not _bounded(statement):
            allowed = "an account, a role or a service; or '*' with a condition on account, organisation or source"
            yield Finding(f"policy.Statement.{number}.Principal", principal, allowed)


def _bounded(statement: Mapping[str, Any]) -> bool:
    tests = statement.get("Condition") or {}
    return any(
        test.startswith(("StringEquals", "ArnEquals", "ArnLike", "StringLike")) and key in _BOUNDING
        for test, rows in tests.items()
        for key in rows
    )


@rule(
    source="CIS EKS 5.1 eks-ecr-private-repository",
    severity=Severity.HIGH,
    types=("aws:ecrpublic/repository:Repository", "aws:ecr/repositoryPolicy:RepositoryPolicy"),
)
def eks_ecr_private_repository(resource: Resource) -> Iterator[Finding]:
    """Images are in private repositories, which no policy hands to other accounts' principals by `*`."""
    if resource.type.startswith("aws:ecrpublic"):
        yield Finding("type", resource.type, "aws:ecr/repository:Repository")
        return
    for number, statement in enumerate(many(lookup(document(resource.get("policy")), "Statement"))):
        principal = lookup(statement, "Principal")
        named = many(principal.get("AWS")) if isinstance(principal, Mapping) else many(principal)
        if lookup(statement, "Effect") == "Allow" and "*" in named:
            yield Finding(f"policy.Statement.{number}.Principal", principal, "roles by their ARN")


@rule(
    source="Security Hub RDS.2",
    severity=Severity.CRITICAL,
    types=("aws:rds/instance:Instance", "aws:rds/clusterInstance:ClusterInstance"),
)
def database_private(resource: Resource) -> Iterator[Finding]:
    """A database has no public address."""
    yield from resource.must_be("publiclyAccessible", False)


@rule(
    source="CIS EKS 5.4 eks-cluster-endpoint-restrict-public-access",
    severity=Severity.CRITICAL,
    types=("aws:eks/cluster:Cluster",),
)
def eks_cluster_endpoint_restrict_public_access(resource: Resource) -> Iterator[Finding]:
    """The cluster's API is reached from inside the VPC; from outside at most from addresses that are listed."""
    yield from resource.must_be("vpcConfig.endpointPrivateAccess", True)
    public, listed = resource.get("vpcConfig.endpointPublicAccess"), many(resource.get("vpcConfig.publicAccessCidrs"))
    if public is False or isinstance(public, Unknown):
        return
    if not listed or any(one in _EVERYWHERE for one in listed):
        path = "vpcConfig.publicAccessCidrs" if public else "vpcConfig.endpointPublicAccess"
        yield Finding(path, listed if public else public, "false, or blocks of addresses other than 0.0.0.0/0")


@rule(
    source="Security Hub EC2.18, EC2.19",
    severity=Severity.CRITICAL,
    types=(
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ec2/securityGroupRule:SecurityGroupRule",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    ),
)
def security_group_ingress_closed(resource: Resource) -> Iterator[Finding]:
    """A security group lets nobody in from the whole internet."""
    allowed = "blocks of addresses that are known, or another security group"
    if resource.kind == "SecurityGroup":
        for number, opening in enumerate(many(resource.get("ingress"))):
            for path in ("cidrBlocks", "ipv6CidrBlocks"):
                if any(one in _EVERYWHERE for one in many(lookup(opening, path))):
                    yield Finding(f"ingress.{number}.{path}", lookup(opening, path), allowed)
        return
    if resource.get("type") == "egress":
        return
    for path in ("cidrIpv4", "cidrIpv6", "cidrBlocks", "ipv6CidrBlocks"):
        if any(one in _EVERYWHERE for one in many(resource.get(path))):
            yield Finding(path, resource.get(path), allowed)


@stack_rule(source="Security Hub EC2.2", severity=Severity.MEDIUM)
def default_security_group_closed(stack: Stack) -> Iterator[tuple[Resource, Finding]]:
    """The default security group of every VPC is taken over, and lets nothing through."""
    kind = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
    for vpc in stack.of_type("aws:ec2/vpc:Vpc"):
        groups = stack.companions(vpc, kind, "vpcId", "id")
        if not groups:
            yield vpc, Finding("default security group", None, "a DefaultSecurityGroup without rules")
        for group in groups:
            for path in ("ingress", "egress"):
                if not may_be(group.get(path), None, []):
                    yield group, Finding(path, group.get(path), "no rules")


@stack_rule(source="Security Hub EC2.6; without it nobody can say later who talked to whom", severity=Severity.MEDIUM)
def network_traffic_logged(stack: Stack) -> Iterator[tuple[Resource, Finding]]:
    """Every VPC keeps flow logs of all traffic."""
    for vpc in stack.of_type("aws:ec2/vpc:Vpc"):
        logs = stack.companions(vpc, "aws:ec2/flowLog:FlowLog", "vpcId", "id")
        if not logs:
            yield vpc, Finding("flow log", None, "a FlowLog with trafficType ALL")
        for log in logs:
            for finding in log.must_be("trafficType", "ALL"):
                yield log, finding


@rule(
    source="a Service of these types opens a port to outside the cluster, past sign-in",
    severity=Severity.HIGH,
    types=("kubernetes:core/v1:Service",),
    brought=True,
)
def service_stays_inside(resource: Resource) -> Iterator[Finding]:
    """A Service opens no port to outside the cluster, unless it is a load balancer marked as internal."""
    kind = resource.get("spec.type")
    scheme = resource.entry("metadata.annotations", "service.beta.kubernetes.io/aws-load-balancer-scheme")
    if kind == "NodePort" or (kind == "LoadBalancer" and not may_be(scheme, "internal")):
        yield Finding("spec.type", kind, f"ClusterIP, or LoadBalancer that is {_INTERNAL}")
    if not may_be(resource.get("spec.externalIPs"), None, []):
        yield Finding("spec.externalIPs", resource.get("spec.externalIPs"), "none")


@rule(
    source="an internet-facing page without sign-in is open to everybody",
    severity=Severity.CRITICAL,
    types=("kubernetes:networking.k8s.io/v1:Ingress",),
    brought=True,
)
def ingress_signed_in(resource: Resource) -> Iterator[Finding]:
    """What a load balancer shows to the internet is a proxy that signs people in: a Service named `sign-in-*`."""
    scheme = resource.entry("metadata.annotations", "alb.ingress.kubernetes.io/scheme")
    # The controller's own default is internal.
    if scheme is None or may_be(scheme, "internal"):
        return
    for number, host in enumerate(many(resource.get("spec.rules"))):
        for index, way in enumerate(many(lookup(host, "http.paths"))):
            name = lookup(way, "backend.service.name")
            if not isinstance(name, Unknown) and not str(name).startswith("sign-in-"):
                path = f"spec.rules.{number}.http.paths.{index}.backend.service.name"
                yield Finding(path, name, "a Service named sign-in-*, or the scheme internal")
