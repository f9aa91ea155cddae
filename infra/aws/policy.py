"""IAM policy documents from typed statements; a wildcard needs a written reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

# Why each statement with a wildcard (an action or resource of `*`, or an action such as `ec2:Describe*`) needs it.
# By statement ID; the policy pack refuses a wildcard whose statement is not here.
WILDCARD_REASONS: Mapping[str, str] = {
    "AccountAdministersKey": "in a key policy `*` is the key itself; without this row nobody could mend it",
    "LogsUseKey": "in a key policy `*` is the key itself; the condition admits this account's log groups only",
    "MachinesUseKey": "in a key policy `*` is the key itself; only this account, and only through EC2",
    "MachinesGrantKey": "in a key policy `*` is the key itself; only grants to AWS resources, through EC2",
    "EventsSealNotices": "in a key policy `*` is the key itself; the condition admits this account's events only",
    "KarpenterReads": "EC2's describe calls have no resource-level permissions",
    "KarpenterReadsPrices": "the price list has no resource-level permissions",
    "KarpenterReadsProfiles": "listing instance profiles has no resource-level permissions",
    "BalancerReads": "EC2's and ELB's describe calls have no resource-level permissions",
    "BalancerMakesGroups": "a security group has no name before it is made; its tag is demanded by the condition",
    "BalancerMakesBalancers": "a load balancer has no name before it is made; its tag is demanded by the condition",
    "BalancerChangesOwn": "names are made by the controller; its own tag is demanded by the condition",
    "BalancerChangesGroups": "names are made by the controller; its own tag is demanded by the condition",
    "BalancerRules": "listeners and rules are named by AWS; they hang below load balancers of the controller",
    "PeopleReadRegistry": "an ECR login has no resource-level permissions",
    "DenyPlainTransport": "a denial: every action without TLS is refused",
}


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a policy.

    Attributes:
        sid: Statement ID; what the statement is for, in CamelCase.
        principals: ``{"Service": [...]}`` or ``{"AWS": [...]}`` or ``{"*": ["*"]}``; empty in identity policies.
        resources: ARNs; empty in trust policies.
        conditions: ``{"StringEquals": {"key": value}}``.
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[pulumi.Input[str]] = ()
    effect: str = "Allow"
    principals: Mapping[str, Sequence[pulumi.Input[str]]] = field(default_factory=dict)
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wild = [one for one in (*self.actions, *self.resources) if isinstance(one, str) and _is_wild(one)]
        if wild and self.effect == "Allow" and self.sid not in WILDCARD_REASONS:
            raise ValueError(
                f"statement {self.sid} uses the wildcard {wild[0]!r} without a reason: name what it needs, "
                "or write the reason into WILDCARD_REASONS in infra/aws/policy.py"
            )


def _is_wild(text: str) -> bool:
    return text == "*" or (text.endswith("*") and text.count(":") == 1)


def document(*statements: Statement) -> pulumi.Output[str]:
    """The JSON text of a policy with these statements."""
    return pulumi.Output.json_dumps(
        {"Version": "2012-10-17", "Statement": [_plain(one) for one in statements]}, separators=(",", ":")
    )


def _plain(statement: Statement) -> dict[str, Any]:
    everyone = "*" in statement.principals
    whole = {
        "Sid": statement.sid,
        "Effect": statement.effect,
        "Principal": "*" if everyone else {key: list(value) for key, value in statement.principals.items()},
        "Action": list(statement.actions),
        "Resource": list(statement.resources),
        "Condition": {test: dict(rows) for test, rows in statement.conditions.items()},
    }
    return {key: value for key, value in whole.items() if value}


def trusted_service(*services: str) -> pulumi.Output[str]:
    """Trust policy for roles that AWS services take on, such as ``eks.amazonaws.com``."""
    return document(Statement(sid="ServiceTakesRole", actions=["sts:AssumeRole"], principals={"Service": services}))


def trusted_pod(namespace: str, service_account: str, cluster: pulumi.Input[str]) -> pulumi.Output[str]:
    """Trust policy for one Kubernetes service account of one cluster, by EKS Pod Identity.

    Args:
        cluster: ARN of the cluster.
    """
    return document(
        Statement(
            sid="PodTakesRole",
            # Pod Identity needs both: it tags the session with namespace and service account.
            actions=["sts:AssumeRole", "sts:TagSession"],
            principals={"Service": ["pods.eks.amazonaws.com"]},
            conditions={
                "StringEquals": {
                    "aws:RequestTag/kubernetes-namespace": namespace,
                    "aws:RequestTag/kubernetes-service-account": service_account,
                    "aws:RequestTag/eks-cluster-arn": cluster,
                }
            },
        )
    )
