"""The managed node group that runs the system; every other node is Karpenter's."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.aws.naming import cloud_name, tags
from infra.aws.policy import trusted_service
from infra.aws.roles import Role
from infra.settings.cloud import Nodes

# What every node needs: to join, to give pods addresses, to pull images, and to be reached without SSH.
NODE_POLICIES = {
    "worker": "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
    "network": "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",
    "images": "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
    "sessions": "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
}


class SystemNodes(pulumi.ComponentResource):
    """Managed node group with encrypted disks, and IMDSv2 that pods cannot reach.

    Attributes:
        group: The node group; what needs nodes depends on it.
    """

    group: aws.eks.NodeGroup

    def __init__(
        self,
        name: str,
        *,
        settings: Nodes,
        cluster: pulumi.Input[str],
        account_id: pulumi.Input[str],
        kubernetes_version: str,
        ami_type: str,
        subnet_ids: Sequence[pulumi.Input[str]],
        key: pulumi.Input[str],
        needs: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:aws:SystemNodes", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        node = Role(
            "node",
            account_id=account_id,
            trust=trusted_service("ec2.amazonaws.com"),
            # EKS admits this role by itself; an access entry of our own would be the second.
            description="Nodes of the managed group",
            managed=NODE_POLICIES,
            opts=child,
        )
        template = _template(f"{name}-template", settings.disk, key, child)
        self.group = aws.eks.NodeGroup(
            f"{name}-group",
            cluster_name=cluster,
            node_group_name="system",
            node_role_arn=node.arn,
            subnet_ids=list(subnet_ids[: settings.zones]),
            version=kubernetes_version,
            ami_type=ami_type,
            instance_types=list(settings.instance_types),
            capacity_type="SPOT" if settings.spot else "ON_DEMAND",
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            scaling_config={
                "min_size": settings.minimum,
                "desired_size": settings.minimum,
                "max_size": settings.maximum,
            },
            update_config={"max_unavailable": 1},
            node_repair_config={"enabled": True},
            labels={"keelson.dev/pool": "system"},
            opts=pulumi.ResourceOptions(
                parent=self,
                # Nodes join by way of the routes and become ready by the network add-ons; EKS refuses a role that lacks
                # its policies.
                depends_on=[*needs, node],
                # Whoever scales by hand or by automation is not undone by the next `up`.
                ignore_changes=["scalingConfig.desiredSize"],
            ),
        )
        self.register_outputs({})


def _template(name: str, disk: int, key: pulumi.Input[str], opts: pulumi.ResourceOptions) -> aws.ec2.LaunchTemplate:
    return aws.ec2.LaunchTemplate(
        name,
        name=cloud_name("system"),
        # One hop: containers do not reach the node's own credentials.
        metadata_options={"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
        block_device_mappings=[
            {
                "device_name": "/dev/xvda",
                "ebs": {
                    "volume_size": disk,
                    "volume_type": "gp3",
                    "encrypted": "true",
                    "kms_key_id": key,
                    "delete_on_termination": "true",
                },
            }
        ],
        tag_specifications=[
            {"resource_type": kind, "tags": {**tags(), "Name": cloud_name("system")}}
            for kind in ("instance", "volume", "network-interface")
        ],
        opts=opts,
    )
