"""What Karpenter needs in AWS: its rights, its nodes' way into the cluster, and notice of interruptions.

Karpenter rather than cluster-autoscaler: GPU nodes start from zero without hints on auto-scaling groups, spot falls
back to on-demand within one pool, and each pool has a limit and a lifetime, which are the stack's GPU budget.
"""

import json

import pulumi
import pulumi_aws as aws

from infra.aws.naming import cloud_name
from infra.aws.nodes import NODE_POLICIES
from infra.aws.policy import Statement, document, trusted_pod, trusted_service
from infra.aws.roles import Role, service_linked_role

_NOTICES = {
    "health": {"source": ["aws.health"], "detail-type": ["AWS Health Event"]},
    "spot": {"source": ["aws.ec2"], "detail-type": ["EC2 Spot Instance Interruption Warning"]},
    "rebalance": {"source": ["aws.ec2"], "detail-type": ["EC2 Instance Rebalance Recommendation"]},
    "state": {"source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"]},
}


class Karpenter(pulumi.ComponentResource):
    """Rights, queue and rules of Karpenter.

    Attributes:
        queue: Name of the interruption queue.
        node_role: Name of the role of Karpenter's nodes.
    """

    queue: pulumi.Output[str]
    node_role: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        cluster: str,
        cluster_arn: pulumi.Input[str],
        account_id: pulumi.Input[str],
        region: str,
        security_group: pulumi.Input[str],
        key: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:aws:Karpenter", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # As an output: what is declared here comes after the cluster.
        named = pulumi.Output.all(cluster_arn).apply(lambda _: cluster)
        queue = self._notices(name, account_id, key)
        self.queue = queue.name
        nodes = Role(
            "karpenter-node",
            account_id=account_id,
            trust=trusted_service("ec2.amazonaws.com"),
            description="Nodes that Karpenter starts",
            managed={f"karpenter-{short}": arn for short, arn in NODE_POLICIES.items()},
            opts=child,
        )
        self.node_role = nodes.role_name
        controller = Role(
            "karpenter",
            account_id=account_id,
            trust=trusted_pod("kube-system", "karpenter", cluster_arn),
            description="Karpenter starts and ends nodes of this cluster",
            statements=[
                *_node_statements(cluster, account_id, region),
                *_profile_statements(cluster, account_id, region),
                *_read_statements(region),
                *_own_statements(nodes.arn, cluster_arn, queue.arn, key),
                service_linked_role("KarpenterFirstSpot", account_id, "spot.amazonaws.com"),
            ],
            opts=child,
        )
        aws.eks.PodIdentityAssociation(
            f"{name}-identity",
            cluster_name=named,
            namespace="kube-system",
            service_account="karpenter",
            role_arn=controller.arn,
            opts=child,
        )
        # Karpenter's nodes find their subnets by tag, and this group too; EKS makes it, so it is tagged afterwards.
        aws.ec2.Tag(
            f"{name}-group-tag",
            resource_id=security_group,
            key="karpenter.sh/discovery",
            value=cluster,
            opts=child,
        )
        aws.eks.AccessEntry(
            f"{name}-nodes",
            cluster_name=named,
            principal_arn=nodes.arn,
            type="EC2_LINUX",
            opts=child,
        )
        self.register_outputs({"queue": self.queue})

    def _notices(self, name: str, account_id: pulumi.Input[str], key: pulumi.Input[str]) -> aws.sqs.Queue:
        """The queue, and the rules that fill it."""
        child = pulumi.ResourceOptions(parent=self)
        queue = aws.sqs.Queue(
            f"{name}-queue",
            name=cloud_name("interruptions"),
            # A notice older than five minutes is about a node that is gone.
            message_retention_seconds=300,
            kms_master_key_id=key,
            opts=child,
        )
        aws.sqs.QueuePolicy(
            f"{name}-queue-policy", queue_url=queue.url, policy=_queue_policy(queue.arn, account_id), opts=child
        )
        for short, pattern in _NOTICES.items():
            rule = aws.cloudwatch.EventRule(
                f"{name}-{short}",
                name=cloud_name(f"karpenter-{short}"),
                description="Tells Karpenter which nodes are about to go",
                event_pattern=json.dumps(pattern),
                opts=child,
            )
            aws.cloudwatch.EventTarget(f"{name}-{short}-target", rule=rule.id, arn=queue.arn, opts=child)
        return queue


def _queue_policy(queue_arn: pulumi.Input[str], account_id: pulumi.Input[str]) -> pulumi.Output[str]:
    return document(
        Statement(
            sid="EventsArrive",
            actions=["sqs:SendMessage"],
            resources=[queue_arn],
            principals={"Service": ["events.amazonaws.com"]},
            conditions={"StringEquals": {"aws:SourceAccount": account_id}},
        ),
        Statement(
            sid="DenyPlainTransport",
            effect="Deny",
            actions=["sqs:*"],
            resources=[queue_arn],
            principals={"*": ["*"]},
            conditions={"Bool": {"aws:SecureTransport": "false"}},
        ),
    )


def _node_statements(cluster: str, account_id: pulumi.Input[str], region: str) -> list[Statement]:
    """Start and end machines, by the tags that Karpenter must put on them."""

    def arns(*kinds: str) -> list[pulumi.Input[str]]:
        return [pulumi.Output.concat(f"arn:aws:ec2:{region}:", account_id, f":{kind}/*") for kind in kinds]

    owned = f"kubernetes.io/cluster/{cluster}"
    asked = {
        "StringEquals": {f"aws:RequestTag/{owned}": "owned"},
        "StringLike": {"aws:RequestTag/karpenter.sh/nodepool": "*"},
    }
    has = {
        "StringEquals": {f"aws:ResourceTag/{owned}": "owned"},
        "StringLike": {"aws:ResourceTag/karpenter.sh/nodepool": "*"},
    }
    made = ("fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request")
    return [
        Statement(
            sid="KarpenterStartsFrom",
            actions=["ec2:RunInstances", "ec2:CreateFleet"],
            resources=[
                f"arn:aws:ec2:{region}::image/*",
                f"arn:aws:ec2:{region}::snapshot/*",
                *arns("security-group", "subnet", "capacity-reservation"),
            ],
        ),
        Statement(
            sid="KarpenterStartsFromTemplates",
            actions=["ec2:RunInstances", "ec2:CreateFleet"],
            resources=arns("launch-template"),
            conditions=has,
        ),
        Statement(
            sid="KarpenterStarts",
            actions=["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate"],
            resources=arns(*made),
            conditions=asked,
        ),
        Statement(
            sid="KarpenterTagsNew",
            actions=["ec2:CreateTags"],
            resources=arns(*made),
            conditions={
                "StringEquals": {
                    **asked["StringEquals"],
                    "ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"],
                },
                "StringLike": asked["StringLike"],
            },
        ),
        Statement(
            sid="KarpenterTagsOwn",
            actions=["ec2:CreateTags"],
            resources=arns("instance"),
            conditions={
                **has,
                "ForAllValues:StringEquals": {
                    "aws:TagKeys": ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"]
                },
            },
        ),
        Statement(
            sid="KarpenterEnds",
            actions=["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"],
            resources=arns("instance", "launch-template"),
            conditions=has,
        ),
    ]


def _profile_statements(cluster: str, account_id: pulumi.Input[str], region: str) -> list[Statement]:
    """Make and remove instance profiles of this cluster."""
    profiles = [pulumi.Output.concat("arn:aws:iam::", account_id, ":instance-profile/*")]

    def tagged(where: str) -> dict[str, dict[str, str]]:
        return {
            "StringEquals": {
                f"aws:{where}/kubernetes.io/cluster/{cluster}": "owned",
                f"aws:{where}/topology.kubernetes.io/region": region,
            },
            "StringLike": {f"aws:{where}/karpenter.k8s.aws/ec2nodeclass": "*"},
        }

    asked, has = tagged("RequestTag"), tagged("ResourceTag")
    return [
        Statement(
            sid="KarpenterMakesProfiles",
            actions=["iam:CreateInstanceProfile"],
            resources=profiles,
            conditions=asked,
        ),
        Statement(
            sid="KarpenterTagsProfiles",
            actions=["iam:TagInstanceProfile"],
            resources=profiles,
            conditions={test: {**asked[test], **has[test]} for test in asked},
        ),
        Statement(
            sid="KarpenterChangesProfiles",
            actions=["iam:AddRoleToInstanceProfile", "iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile"],
            resources=profiles,
            conditions=has,
        ),
        Statement(sid="KarpenterReadsProfile", actions=["iam:GetInstanceProfile"], resources=profiles),
        Statement(sid="KarpenterReadsProfiles", actions=["iam:ListInstanceProfiles"], resources=["*"]),
    ]


def _own_statements(
    node_role: pulumi.Input[str],
    cluster: pulumi.Input[str],
    queue: pulumi.Input[str],
    key: pulumi.Input[str],
) -> list[Statement]:
    """What concerns this cluster, its nodes' role and its queue, by ARN."""
    return [
        Statement(
            sid="KarpenterGivesNodeRole",
            actions=["iam:PassRole"],
            resources=[node_role],
            conditions={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
        ),
        Statement(sid="KarpenterFindsApi", actions=["eks:DescribeCluster"], resources=[cluster]),
        Statement(
            sid="KarpenterHearsNotices",
            actions=["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage"],
            resources=[queue],
        ),
        Statement(sid="KarpenterOpensNotices", actions=["kms:Decrypt"], resources=[key]),
    ]


def _read_statements(region: str) -> list[Statement]:
    kinds = (
        "AvailabilityZones CapacityReservations Images Instances InstanceStatus InstanceTypeOfferings InstanceTypes "
        "LaunchTemplates PlacementGroups SecurityGroups SpotPriceHistory Subnets"
    ).split()
    return [
        Statement(
            sid="KarpenterReads",
            actions=[f"ec2:Describe{kind}" for kind in kinds],
            resources=["*"],
            conditions={"StringEquals": {"aws:RequestedRegion": region}},
        ),
        Statement(
            sid="KarpenterReadsImages",
            actions=["ssm:GetParameter"],
            resources=[f"arn:aws:ssm:{region}::parameter/aws/service/*"],
        ),
        Statement(sid="KarpenterReadsPrices", actions=["pricing:GetProducts"], resources=["*"]),
    ]
