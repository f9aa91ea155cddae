"""VPC, its way out, machines and volumes: EC2 names nothing before it makes it, so the stack's tags decide."""

from collections.abc import Sequence

from infra.bootstrap.permissions.scope import Permission, Scope

_MAKES = (
    "AllocateAddress AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateFlowLogs CreateInternetGateway "
    "CreateLaunchTemplate CreateNatGateway CreateRouteTable CreateSecurityGroup CreateSubnet CreateVolume CreateVpc "
    "CreateVpcEndpoint"
).split()
# The same calls name what they make it in: a subnet's VPC, a NAT gateway's subnet and address.
_WITHIN = (
    "AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateFlowLogs CreateNatGateway CreateRouteTable "
    "CreateSecurityGroup CreateSubnet CreateVpcEndpoint"
).split()
_CHANGES = (
    "AssociateAddress AssociateRouteTable AttachInternetGateway AttachVolume CreateLaunchTemplateVersion CreateRoute "
    "DeleteFlowLogs DeleteInternetGateway DeleteLaunchTemplate DeleteLaunchTemplateVersions DeleteNatGateway "
    "DeleteNetworkInterface DeleteRoute DeleteRouteTable DeleteSecurityGroup DeleteSubnet DeleteTags DeleteVpc "
    "DeleteVpcEndpoints DetachInternetGateway DetachNetworkInterface DetachVolume DisassociateAddress "
    "DisassociateRouteTable ModifyInstanceAttribute ModifyInstanceCreditSpecification ModifyInstanceMetadataOptions "
    "ModifyLaunchTemplate ModifySecurityGroupRules ModifySubnetAttribute ModifyVolume ModifyVpcAttribute "
    "ModifyVpcEndpoint ReleaseAddress ReplaceRoute RevokeSecurityGroupEgress RevokeSecurityGroupIngress "
    "StartInstances StopInstances TerminateInstances UpdateSecurityGroupRuleDescriptionsEgress "
    "UpdateSecurityGroupRuleDescriptionsIngress"
).split()
_CLOSES = ("RevokeSecurityGroupEgress", "RevokeSecurityGroupIngress")


def reads(scope: Scope) -> list[Permission]:
    return [
        Permission(sid="ReadsNetwork", actions=["ec2:Describe*"], resources=["*"]),
        Permission(
            sid="ReadsBalancers",
            actions=["elasticloadbalancing:Describe*", "autoscaling:Describe*"],
            resources=["*"],
        ),
        # Amazon Linux publishes its newest images here.
        Permission(
            sid="ReadsImages",
            actions=["ssm:GetParameter", "ssm:GetParameters"],
            resources=["arn:aws:ssm:*::parameter/aws/service/*"],
        ),
    ]


def writes(scope: Scope) -> list[Permission]:
    # Every kind of thing in EC2: the calls say which, the tags say whose.
    every = [scope.arn("ec2", "*/*")]
    volumes = [] if scope.protected else ["ec2:DeleteVolume", "ec2:DeleteSnapshot"]
    return [
        Permission(
            sid="MakesNetwork",
            actions=_ec2(_MAKES),
            resources=every,
            conditions={"StringEquals": scope.asked},
        ),
        Permission(
            sid="MakesWithin",
            actions=_ec2(_WITHIN),
            resources=every,
            conditions={"StringEquals": scope.owned},
        ),
        Permission(
            sid="ChangesNetwork",
            actions=[*_ec2(_CHANGES), *volumes],
            resources=every,
            conditions={"StringEquals": scope.owned},
        ),
        Permission(
            sid="TagsNew",
            actions=["ec2:CreateTags"],
            resources=every,
            conditions={"StringEquals": scope.asked, "Null": {"aws:ResourceTag/stack": "true"}},
        ),
        Permission(
            sid="TagsOwn", actions=["ec2:CreateTags"], resources=every, conditions={"StringEquals": scope.owned}
        ),
        *_machines(scope),
        # A VPC comes with a group that admits all of itself and has no tags: closing it is all that is allowed.
        Permission(
            sid="ClosesDefaultGroup",
            actions=_ec2(_CLOSES),
            resources=_arns(scope, ["security-group"]),
            conditions={"Null": {"aws:ResourceTag/stack": "true"}},
        ),
        Permission(
            sid="EndsBalancers",
            actions=["elasticloadbalancing:DeleteLoadBalancer", "elasticloadbalancing:DeleteTargetGroup"],
            resources=[
                scope.arn("elasticloadbalancing", "loadbalancer/*"),
                scope.arn("elasticloadbalancing", "targetgroup/*"),
            ],
            conditions={"StringEquals": {"aws:ResourceTag/elbv2.k8s.aws/cluster": scope.prefix}},
        ),
        Permission(
            sid="DeliversFlowLogs", actions=["logs:CreateLogDelivery", "logs:DeleteLogDelivery"], resources=["*"]
        ),
    ]


def _machines(scope: Scope) -> list[Permission]:
    """Machines start from the stack's own launch templates, in its own subnets; EKS asks for it with our rights."""
    template = {"ArnLike": {"ec2:LaunchTemplate": scope.arn("ec2", "launch-template/*")}}
    return [
        Permission(
            sid="StartsMachines",
            actions=["ec2:RunInstances"],
            resources=_arns(scope, ["instance", "network-interface", "volume"]),
            conditions=template,
        ),
        Permission(
            sid="StartsFrom",
            actions=["ec2:RunInstances"],
            resources=_arns(scope, ["launch-template", "security-group", "subnet"]),
            conditions={"StringEquals": scope.owned},
        ),
        # The group that EKS makes for the cluster carries EKS's tag alone.
        Permission(
            sid="StartsInCluster",
            actions=["ec2:RunInstances"],
            resources=_arns(scope, ["security-group"]),
            conditions={"StringEquals": {"aws:ResourceTag/aws:eks:cluster-name": scope.prefix}},
        ),
        Permission(
            sid="StartsFromImages",
            actions=["ec2:RunInstances"],
            resources=["arn:aws:ec2:*::image/*", "arn:aws:ec2:*::snapshot/*"],
        ),
    ]


def _ec2(calls: Sequence[str]) -> list[str]:
    return [f"ec2:{call}" for call in calls]


def _arns(scope: Scope, kinds: Sequence[str]) -> list[str]:
    return [scope.arn("ec2", f"{kind}/*") for kind in kinds]
