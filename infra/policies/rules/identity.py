"""Who may do what in AWS: nobody for ever, nobody by accident, nothing by `*` without a written reason."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.aws.policy import WILDCARD_REASONS
from infra.policies.allowed import MANAGED_POLICIES, NODE_POLICIES
from infra.policies.resource import Finding, Resource, Stack, Unknown, document, lookup, many
from infra.policies.rule import Severity, rule, stack_rule

_POLICIES = (
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/policy:Policy",
    "aws:iam/groupPolicy:GroupPolicy",
    "aws:kms/key:Key",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:sqs/queuePolicy:QueuePolicy",
    "aws:sns/topicPolicy:TopicPolicy",
    "aws:secretsmanager/secretPolicy:SecretPolicy",
)
_ROLE, _ATTACHMENT = "aws:iam/role:Role", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
_POD_CONDITIONS = (
    "aws:RequestTag/kubernetes-namespace",
    "aws:RequestTag/kubernetes-service-account",
    "aws:RequestTag/eks-cluster-arn",
)
# `repo:*` and `repo:owner/*` let every repository of an owner, or of the world, take the role.
_LOOSE_SUBJECT = re.compile(r"^\*|^repo:\*|^repo:[^/]*/?\*")
_EXPLAINED = "named ones, or a statement whose Sid is explained in WILDCARD_REASONS (infra/aws/policy.py)"


def _statements(text: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, statement in enumerate(many(lookup(document(text), "Statement"))):
        if isinstance(statement, Mapping):
            yield number, statement


def _unexplained(statement: Mapping[str, Any]) -> bool:
    return statement.get("Effect") == "Allow" and statement.get("Sid") not in WILDCARD_REASONS


@rule(source="Security Hub IAM.1, IAM.21; least privilege", severity=Severity.HIGH, types=_POLICIES)
def iam_wildcard_action_explained(resource: Resource) -> Iterator[Finding]:
    """A policy allows actions by name; a wildcard among them has a written reason."""
    for number, statement in _statements(resource.get("policy")):
        wild = [one for one in many(statement.get("Action")) if isinstance(one, str) and ("*" in one or "?" in one)]
        if statement.get("Effect") == "Allow" and "NotAction" in statement:
            yield Finding(f"policy.Statement.{number}.NotAction", statement["NotAction"], "Action with named ones")
        if wild and _unexplained(statement):
            yield Finding(f"policy.Statement.{number}.Action", wild, _EXPLAINED)


@rule(source="Security Hub IAM.1, IAM.21; least privilege", severity=Severity.HIGH, types=_POLICIES)
def iam_wildcard_resource_explained(resource: Resource) -> Iterator[Finding]:
    """A policy allows on resources by name or kind; `*` has a written reason."""
    for number, statement in _statements(resource.get("policy")):
        wild = [one for one in many(statement.get("Resource")) if _everything(one)]
        if statement.get("Effect") == "Allow" and "NotResource" in statement:
            yield Finding(f"policy.Statement.{number}.NotResource", statement["NotResource"], "Resource with ARNs")
        if wild and _unexplained(statement):
            yield Finding(f"policy.Statement.{number}.Resource", wild, _EXPLAINED)


def _everything(arn: Any) -> bool:
    """Whether an ARN leaves open which service, or which kind of resource, it is about."""
    parts = arn.split(":", 5) if isinstance(arn, str) else []
    return arn == "*" or (len(parts) == 6 and ("*" in parts[2] or parts[5].startswith("*")))


@rule(
    source="a long-lived key is stolen sooner or later",
    severity=Severity.CRITICAL,
    types=("aws:iam/user:User", "aws:iam/accessKey:AccessKey", "aws:iam/userLoginProfile:UserLoginProfile"),
)
def iam_no_users(resource: Resource) -> Iterator[Finding]:
    """There are roles only: no IAM users, access keys or console passwords."""
    yield Finding("type", resource.type, f"{_ROLE}, taken on by Pod Identity, OpenID Connect or single sign-on")


@rule(source="AWS IAM best practices: OIDC subjects, Pod Identity tags", severity=Severity.CRITICAL, types=(_ROLE,))
def iam_trust_bounded(resource: Resource) -> Iterator[Finding]:
    """A role says exactly who takes it on: one OIDC subject, one pod's account, one service, one principal."""
    for number, statement in _statements(resource.get("assumeRolePolicy")):
        path = f"assumeRolePolicy.Statement.{number}"
        principal = statement.get("Principal")
        tests = statement.get("Condition") or {}
        if principal == "*" or (isinstance(principal, Mapping) and "*" in many(principal.get("AWS"))):
            yield Finding(f"{path}.Principal", principal, "principals by their ARN")
        if not isinstance(principal, Mapping):
            continue
        if "pods.eks.amazonaws.com" in many(principal.get("Service")):
            keys = {key for test in tests.values() for key in test}
            for wanted in _POD_CONDITIONS:
                if wanted not in keys:
                    yield Finding(f"{path}.Condition.{wanted}", None, "one value, by StringEquals")
        if "Federated" in principal:
            yield from _federated(f"{path}.Condition", tests)


def _federated(path: str, tests: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    rows = [(key, value) for test, found in tests.items() if test.startswith("String") for key, value in found.items()]
    for suffix, what in (
        (":aud", "sts.amazonaws.com"),
        (":sub", "subjects that name a repository and an environment, or one service account"),
    ):
        values = [value for key, found in rows if key.endswith(suffix) for value in many(found)]
        if not values:
            yield Finding(f"{path}.*{suffix}", None, what)
        for value in values:
            if suffix == ":sub" and isinstance(value, str) and _LOOSE_SUBJECT.search(value):
                yield Finding(f"{path}.*{suffix}", value, what)


@rule(source="bootstrap's boundary is what a deploy role can give away at most", severity=Severity.HIGH, types=(_ROLE,))
def iam_role_has_boundary(resource: Resource) -> Iterator[Finding]:
    """Every role has a permissions boundary."""
    yield from resource.must_have("permissionsBoundary", "the ARN of the account's boundary policy")


@rule(source="managed policies are wide and change", severity=Severity.HIGH, types=(_ATTACHMENT, _ROLE))
def iam_managed_policies_listed(resource: Resource) -> Iterator[Finding]:
    """AWS's managed policies are attached only where they are on the list of `infra/policies/allowed.py`."""
    path = "policyArn" if resource.type == _ATTACHMENT else "managedPolicyArns"
    for one in many(resource.get(path)):
        if isinstance(one, str) and ":iam::aws:policy/" in one and one not in MANAGED_POLICIES:
            yield Finding(path, one, "one of MANAGED_POLICIES, or a policy of the stack's own")


@stack_rule(source="CIS EKS 5.2-5.3 eks-node-group-iam-role-minimal-policy", severity=Severity.HIGH)
def eks_node_group_iam_role_minimal_policy(stack: Stack) -> Iterator[tuple[Resource, Finding]]:
    """A node's role can join the cluster, give pods addresses, pull images and be reached: nothing else."""
    for role in stack.of_type(_ROLE):
        if "ec2.amazonaws.com" not in _services(role):
            continue
        for attachment in stack.companions(role, _ATTACHMENT, "role", "name", "id", surely=True):
            arn = attachment.get("policyArn")
            if not isinstance(arn, Unknown) and arn not in NODE_POLICIES:
                yield attachment, Finding("policyArn", arn, "one of NODE_POLICIES in infra/policies/allowed.py")
        for policy in stack.companions(role, "aws:iam/rolePolicy:RolePolicy", "role", "name", "id", surely=True):
            yield policy, Finding("role", policy.get("role"), "the role of a pod: every pod on a node shares its role")


def _services(role: Resource) -> set[str]:
    principals = [statement.get("Principal") for _, statement in _statements(role.get("assumeRolePolicy"))]
    return {one for found in principals if isinstance(found, Mapping) for one in many(found.get("Service"))}


@stack_rule(source="CIS EKS 5.2-5.3 eks-service-accounts-iam-role-binding", severity=Severity.HIGH)
def eks_service_accounts_iam_role_binding(stack: Stack) -> Iterator[tuple[Resource, Finding]]:
    """A pod's AWS rights come from a role that one service account alone is given."""
    given: dict[Any, str] = {}
    for one in stack.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation"):
        account = f"{one.get('namespace')}/{one.get('serviceAccount')}"
        if one.get("serviceAccount") == "default":
            yield one, Finding("serviceAccount", "default", "an account of the workload's own")
        role = one.get("roleArn")
        # Before the role has an ARN, what is known of it is the resource that it comes from.
        known = tuple(one.needs.get("roleArn", ())) if role == Unknown() else role
        if not known:
            continue
        if known in given:
            yield one, Finding("roleArn", role, f"a role of its own; this one is {given[known]}'s")
        given.setdefault(known, account)


@rule(
    source="CIS EKS 4.1; whoever has it can do everything in the cluster",
    severity=Severity.HIGH,
    types=("aws:eks/accessPolicyAssociation:AccessPolicyAssociation",),
)
def eks_cluster_admin_minimized(resource: Resource) -> Iterator[Finding]:
    """Nobody but the role that deploys administers the whole cluster."""
    arn, principal = resource.get("policyArn"), resource.get("principalArn")
    if (
        str(arn).endswith(("AmazonEKSClusterAdminPolicy", "AmazonEKSAdminPolicy"))
        and resource.get("accessScope.type") == "cluster"
        and isinstance(principal, str)
        and ":role/keelson-deploy-" not in principal
    ):
        yield Finding("policyArn", arn, "AmazonEKSViewPolicy, or groups whose rights stand in infra/apps/roles.py")
