"""IAM roles below the path and the boundary that a deploy role may make."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from infra.aws.naming import cloud_name
from infra.aws.policy import Statement, document

# infra/bootstrap makes the boundary and allows deploy roles to make roles below this path, with it.
PATH = "/keelson/"
BOUNDARY = "keelson-boundary"


class Role(pulumi.ComponentResource):
    """A role with AWS's managed policies and one inline policy of its own statements.

    Whatever needs the rights, not the name alone, depends on this component: then it also goes before they do.

    Attributes:
        arn: ARN of the role.
        role_name: Name of the role.
    """

    arn: pulumi.Output[str]
    role_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        account_id: pulumi.Input[str],
        trust: pulumi.Input[str],
        description: str,
        managed: Mapping[str, str] | None = None,
        statements: Sequence[Statement] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``managed``: AWS's policies, ``{"short name": ARN}``."""
        super().__init__("keelson:aws:Role", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        made = aws.iam.Role(
            f"{name}-role",
            name=cloud_name(name),
            path=PATH,
            description=description,
            permissions_boundary=pulumi.Output.concat("arn:aws:iam::", account_id, f":policy/{BOUNDARY}"),
            assume_role_policy=trust,
            opts=child,
        )
        self.arn, self.role_name = made.arn, made.name
        for short, arn in (managed or {}).items():
            aws.iam.RolePolicyAttachment(f"{name}-{short}", role=made.id, policy_arn=arn, opts=child)
        if statements:
            aws.iam.RolePolicy(f"{name}-policy", role=made.id, policy=document(*statements), opts=child)
        self.register_outputs({"arn": self.arn})


def service_linked_role(sid: str, account_id: pulumi.Input[str], service: str) -> Statement:
    """The right to let AWS make its own role for ``service``, which a new account lacks until it is first used."""
    return Statement(
        sid=sid,
        actions=["iam:CreateServiceLinkedRole"],
        resources=[pulumi.Output.concat("arn:aws:iam::", account_id, f":role/aws-service-role/{service}/*")],
        conditions={"StringEquals": {"iam:AWSServiceName": service}},
    )
