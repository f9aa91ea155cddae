"""IAM roles ``/keelson/keelson-<stack>-*``, always inside the boundary."""

from infra.aws.naming import github_role
from infra.aws.roles import BOUNDARY, PATH
from infra.bootstrap.permissions.scope import Permission, Scope

_READS = (
    "GetRole GetRolePolicy ListAttachedRolePolicies ListInstanceProfilesForRole ListRolePolicies ListRoleTags"
).split()
# IAM looks at the boundary that the role has, or gets, in each of these.
_BOUND = (
    "AttachRolePolicy CreateRole DeleteRolePolicy DetachRolePolicy PutRolePermissionsBoundary PutRolePolicy".split()
)
_CHANGES = "DeleteRole TagRole UntagRole UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription".split()
# Services that the stack's roles are handed to.
_SERVICES = ("ec2", "eks", "monitoring.rds", "pods.eks", "s3", "vpc-flow-logs")
# Services that make a role of their own at their first use in an account.
_OWN_ROLES = ("autoscaling", "eks", "eks-nodegroup", "elasticloadbalancing", "rds", "spot")


def reads(scope: Scope) -> list[Permission]:
    return [
        Permission(sid="ReadsRoles", actions=[f"iam:{one}" for one in _READS], resources=[_roles(scope)]),
        # The cluster admits it, and EKS admits no role that is not there: preflight looks.
        Permission(sid="ReadsTrainingRole", actions=["iam:GetRole"], resources=[_training_role(scope)]),
        Permission(
            sid="ReadsBoundary",
            actions=["iam:GetPolicy", "iam:GetPolicyVersion"],
            resources=[_boundary(scope)],
        ),
        Permission(
            sid="ReadsIssuer",
            actions=["iam:GetOpenIDConnectProvider", "iam:ListOpenIDConnectProviders"],
            resources=[scope.global_arn("iam", "oidc-provider/*")],
        ),
    ]


def writes(scope: Scope) -> list[Permission]:
    return [
        Permission(
            sid="ChangesRolesInBoundary",
            actions=[f"iam:{one}" for one in _BOUND],
            resources=[_roles(scope)],
            conditions={"StringEquals": {"iam:PermissionsBoundary": _boundary(scope)}},
        ),
        Permission(sid="ChangesRoles", actions=[f"iam:{one}" for one in _CHANGES], resources=[_roles(scope)]),
        Permission(
            sid="HandsRolesOver",
            actions=["iam:PassRole"],
            resources=[_roles(scope)],
            conditions={"StringEquals": {"iam:PassedToService": [f"{one}.amazonaws.com" for one in _SERVICES]}},
        ),
        Permission(
            sid="LetsServicesMakeRoles",
            actions=["iam:CreateServiceLinkedRole"],
            resources=[scope.global_arn("iam", "role/aws-service-role/*")],
            conditions={"StringEquals": {"iam:AWSServiceName": [f"{one}.amazonaws.com" for one in _OWN_ROLES]}},
        ),
        # Karpenter's profiles of a cluster that is gone hold on to the node role.
        Permission(
            sid="EndsProfiles",
            actions=["iam:DeleteInstanceProfile", "iam:GetInstanceProfile", "iam:RemoveRoleFromInstanceProfile"],
            resources=[scope.global_arn("iam", "instance-profile/*")],
            conditions={"StringEquals": {f"aws:ResourceTag/kubernetes.io/cluster/{scope.prefix}": "owned"}},
        ),
    ]


def _roles(scope: Scope) -> str:
    return scope.global_arn("iam", f"role{PATH}{scope.prefix}-*")


def _training_role(scope: Scope) -> str:
    return scope.global_arn("iam", f"role/{github_role('train', scope.stack)}")


def _boundary(scope: Scope) -> str:
    return scope.global_arn("iam", f"policy/{BOUNDARY}")
