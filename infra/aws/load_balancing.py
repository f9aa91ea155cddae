"""Rights of the AWS load balancer controller, by the tags that it puts on what it makes."""

import pulumi
import pulumi_aws as aws

from infra.aws.policy import Statement, trusted_pod
from infra.aws.roles import Role, service_linked_role

_TAG = "elbv2.k8s.aws/cluster"


class LoadBalancing(pulumi.ComponentResource):
    """Role of the load balancer controller; only stacks with public pages have it."""

    def __init__(
        self,
        name: str,
        *,
        cluster: str,
        cluster_arn: pulumi.Input[str],
        account_id: pulumi.Input[str],
        region: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:aws:LoadBalancing", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        controller = Role(
            "load-balancer",
            account_id=account_id,
            trust=trusted_pod("kube-system", "aws-load-balancer-controller", cluster_arn),
            description="The load balancer controller makes the balancers of this cluster's ingresses",
            statements=[
                service_linked_role("BalancerFirst", account_id, "elasticloadbalancing.amazonaws.com"),
                *_reads(region),
                *_security_groups(cluster, account_id, region),
                *_balancers(cluster, account_id, region),
            ],
            opts=child,
        )
        aws.eks.PodIdentityAssociation(
            f"{name}-identity",
            # As an output: the association comes after the cluster.
            cluster_name=pulumi.Output.all(cluster_arn).apply(lambda _: cluster),
            namespace="kube-system",
            service_account="aws-load-balancer-controller",
            role_arn=controller.arn,
            opts=child,
        )
        self.register_outputs({})


def _reads(region: str) -> list[Statement]:
    machines = (
        "AccountAttributes Addresses AvailabilityZones CoipPools Instances InternetGateways IpamPools "
        "NetworkInterfaces RouteTables SecurityGroups Subnets Tags VpcPeeringConnections Vpcs"
    ).split()
    balancers = (
        "CapacityReservation ListenerAttributes ListenerCertificates Listeners LoadBalancerAttributes LoadBalancers "
        "Rules SSLPolicies Tags TargetGroupAttributes TargetGroups TargetHealth TrustStores"
    ).split()
    return [
        Statement(
            sid="BalancerReads",
            actions=[
                *(f"ec2:Describe{kind}" for kind in machines),
                "ec2:GetSecurityGroupsForVpc",
                *(f"elasticloadbalancing:Describe{kind}" for kind in balancers),
                "acm:ListCertificates",
                "acm:DescribeCertificate",
            ],
            resources=["*"],
            conditions={"StringEquals": {"aws:RequestedRegion": region}},
        )
    ]


def _security_groups(cluster: str, account_id: pulumi.Input[str], region: str) -> list[Statement]:
    groups = pulumi.Output.concat(f"arn:aws:ec2:{region}:", account_id, ":security-group/*")
    own = {"StringEquals": {f"aws:ResourceTag/{_TAG}": cluster}}
    asked = {"StringEquals": {f"aws:RequestTag/{_TAG}": cluster}}
    return [
        Statement(
            sid="BalancerMakesGroups",
            actions=["ec2:CreateSecurityGroup"],
            resources=[groups, pulumi.Output.concat(f"arn:aws:ec2:{region}:", account_id, ":vpc/*")],
        ),
        Statement(
            sid="BalancerTagsNewGroups",
            actions=["ec2:CreateTags"],
            resources=[groups],
            conditions={"StringEquals": {**asked["StringEquals"], "ec2:CreateAction": "CreateSecurityGroup"}},
        ),
        Statement(
            sid="BalancerChangesGroups",
            actions=[
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:RevokeSecurityGroupIngress",
                "ec2:DeleteSecurityGroup",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
            resources=[groups],
            conditions=own,
        ),
        # The nodes' group lets balancers in; it is the cluster's own, by EKS's tag.
        Statement(
            sid="BalancerOpensNodes",
            actions=["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"],
            resources=[groups],
            conditions={"StringEquals": {"aws:ResourceTag/aws:eks:cluster-name": cluster}},
        ),
    ]


def _balancers(cluster: str, account_id: pulumi.Input[str], region: str) -> list[Statement]:
    def arns(*kinds: str) -> list[pulumi.Input[str]]:
        start = pulumi.Output.concat(f"arn:aws:elasticloadbalancing:{region}:", account_id)
        return [pulumi.Output.concat(start, f":{kind}/*") for kind in kinds]

    own = {"StringEquals": {f"aws:ResourceTag/{_TAG}": cluster}}
    asked = {"StringEquals": {f"aws:RequestTag/{_TAG}": cluster}}
    all_kinds = ("loadbalancer", "targetgroup", "listener", "listener-rule")
    act = "elasticloadbalancing:"
    return [
        Statement(
            sid="BalancerMakesBalancers",
            actions=[f"{act}CreateLoadBalancer", f"{act}CreateTargetGroup"],
            resources=arns("loadbalancer", "targetgroup"),
            conditions=asked,
        ),
        Statement(
            sid="BalancerMakesListeners",
            actions=[f"{act}CreateListener", f"{act}CreateRule"],
            resources=arns("loadbalancer", "listener"),
            conditions=own,
        ),
        Statement(
            sid="BalancerTagsNew",
            actions=[f"{act}AddTags"],
            resources=arns(*all_kinds),
            conditions={
                "StringEquals": {
                    **asked["StringEquals"],
                    "elasticloadbalancing:CreateAction": [
                        "CreateLoadBalancer",
                        "CreateTargetGroup",
                        "CreateListener",
                        "CreateRule",
                    ],
                }
            },
        ),
        Statement(
            sid="BalancerChangesOwn",
            actions=[
                f"{act}{verb}"
                for verb in (
                    "AddListenerCertificates AddTags DeleteListener DeleteLoadBalancer DeleteRule DeleteTargetGroup "
                    "DeregisterTargets ModifyListener ModifyListenerAttributes ModifyLoadBalancerAttributes ModifyRule "
                    "ModifyTargetGroup ModifyTargetGroupAttributes RegisterTargets RemoveListenerCertificates "
                    "RemoveTags SetIpAddressType SetRulePriorities SetSecurityGroups SetSubnets"
                ).split()
            ],
            resources=arns(*all_kinds),
            conditions=own,
        ),
    ]
