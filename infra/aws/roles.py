"""IAM roles below the path and the boundary that a deploy role may make."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from infra.aws.naming import cloud_name
from infra.aws.policy import Statement, document

# infra/bootstrap makes the boundary and allows deploy roles to make roles below this path, with it.
PATH = "/keelson/"
BOUNDARY = "keelson-boundary"


def role(
    name: str,
    *,
    account_id: pulumi.Input[str],
    trust: pulumi.Input[str],
    description: str,
    managed: Mapping[str, str] | None = None,
    statements: Sequence[Statement] = (),
    opts: pulumi.ResourceOptions,
) -> aws.iam.Role:
    """A role with AWS's managed policies, ``{"short name": ARN}``, and one inline policy of its own statements."""
    made = aws.iam.Role(
        f"{name}-role",
        name=cloud_name(name),
        path=PATH,
        description=description,
        permissions_boundary=pulumi.Output.concat("arn:aws:iam::", account_id, f":policy/{BOUNDARY}"),
        assume_role_policy=trust,
        opts=opts,
    )
    for short, arn in (managed or {}).items():
        aws.iam.RolePolicyAttachment(f"{name}-{short}", role=made.name, policy_arn=arn, opts=opts)
    if statements:
        aws.iam.RolePolicy(f"{name}-policy", role=made.name, policy=document(*statements), opts=opts)
    return made
