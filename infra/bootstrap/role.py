"""A role that GitHub's jobs take on."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from infra.aws.naming import PROJECT
from infra.aws.policy import Statement, document


class GitHubRole(pulumi.ComponentResource):
    """``keelson-<name>`` with one managed policy for each entry of ``policies``.

    It lies outside the path below which deploy roles may change roles, so none can widen itself or another.

    Args:
        hours: How long a job may keep the role: IAM allows no less than one.
        boundary: ARN of the policy that the role cannot do more than.

    Attributes:
        arn: ARN of the role.
    """

    arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        description: str,
        trust: pulumi.Input[str],
        policies: Mapping[str, Sequence[Statement]],
        hours: int,
        boundary: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:bootstrap:GitHubRole", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-role",
            name=f"{PROJECT}-{name}",
            description=description,
            assume_role_policy=trust,
            max_session_duration=hours * 3600,
            permissions_boundary=boundary,
            opts=child,
        )
        for part, statements in policies.items():
            policy = aws.iam.Policy(
                f"{name}-{part}",
                name=f"{PROJECT}-{name}-{part}",
                description=f"{description}: {part}",
                policy=document(*statements),
                opts=child,
            )
            aws.iam.RolePolicyAttachment(f"{name}-{part}-attachment", role=role.id, policy_arn=policy.arn, opts=child)
        self.arn = role.arn
        self.register_outputs({"arn": self.arn})
