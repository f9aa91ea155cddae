"""The most that any role made by a stack can ever do, whatever policies it is given."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.aws.naming import PROJECT
from infra.aws.policy import Statement, document
from infra.aws.roles import BOUNDARY
from infra.bootstrap.permissions.scope import Permission

# Services that nodes, controllers and workloads call. A boundary grants nothing: each role still has its own policy.
_SERVICES = (
    "autoscaling cloudwatch ec2 ec2messages ecr eks eks-auth elasticloadbalancing kms logs pricing sqs ssm "
    "ssmmessages tag"
).split()


class Boundary(pulumi.ComponentResource):
    """Managed policy ``keelson-boundary``; deploy roles can neither make a role without it nor change it.

    Attributes:
        arn: ARN of the policy.
    """

    arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        account_id: str,
        state_bucket: str,
        state_key: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:bootstrap:Boundary", name, None, opts)
        self.arn = aws.iam.Policy(
            f"{name}-policy",
            name=BOUNDARY,
            description="The most that a role of a Keelson stack can do",
            policy=document(*statements(account_id, state_bucket, state_key)),
            opts=pulumi.ResourceOptions(parent=self),
        ).arn
        self.register_outputs({"arn": self.arn})


def statements(account_id: str, state_bucket: str, state_key: pulumi.Input[str]) -> Sequence[Statement]:
    """The boundary's statements."""
    roles = f"arn:aws:iam::{account_id}:role"
    state = f"arn:aws:s3:::{state_bucket}"
    return [
        Permission(sid="WorksInBoundary", actions=[f"{one}:*" for one in _SERVICES], resources=["*"]),
        Permission(
            sid="WorksOnBuckets",
            actions=["s3:*"],
            resources=[f"arn:aws:s3:::{PROJECT}-*", f"arn:aws:s3:::{PROJECT}-*/*"],
        ),
        Permission(
            sid="WorksOnSecrets",
            actions=["secretsmanager:*"],
            resources=[
                f"arn:aws:secretsmanager:*:{account_id}:secret:{PROJECT}/*",
                f"arn:aws:secretsmanager:*:{account_id}:secret:rds!*",
            ],
        ),
        # Karpenter hands the node role to machines by instance profiles; controllers use service-linked roles.
        Permission(
            sid="HandsNodeRoleOver",
            actions=["iam:PassRole"],
            resources=[f"{roles}/{PROJECT}/*"],
            conditions={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
        ),
        Permission(
            sid="KeepsProfiles",
            actions=[
                "iam:AddRoleToInstanceProfile",
                "iam:CreateInstanceProfile",
                "iam:DeleteInstanceProfile",
                "iam:GetInstanceProfile",
                "iam:ListInstanceProfiles",
                "iam:RemoveRoleFromInstanceProfile",
                "iam:TagInstanceProfile",
            ],
            resources=[f"arn:aws:iam::{account_id}:instance-profile/*"],
        ),
        Permission(
            sid="LetsServicesMakeRoles",
            actions=["iam:CreateServiceLinkedRole"],
            resources=[f"{roles}/aws-service-role/*"],
        ),
        Permission(sid="StaysOutOfState", effect="Deny", actions=["s3:*"], resources=[state, f"{state}/*"]),
        Permission(sid="LeavesStateLocked", effect="Deny", actions=["kms:*"], resources=[state_key]),
    ]
