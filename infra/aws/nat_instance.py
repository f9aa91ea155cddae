"""The cheap way out: one small machine that translates addresses, a tenth of a NAT gateway's price.

It is one machine in one zone: while it restarts, nothing gets out. Stacks that must not wait take gateways.
"""

import base64

import pulumi
import pulumi_aws as aws

from infra.aws.firewall import Opening, security_group

_IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"

# As in AWS's guide to NAT instances (VPC user guide, "NAT instances").
_SETUP = """#!/bin/bash
set -euo pipefail
echo 'net.ipv4.ip_forward = 1' > /etc/sysctl.d/90-nat.conf
sysctl --system
dnf install -y iptables-services
systemctl enable --now iptables
interface=$(ip -o -4 route show to default | awk '{print $5}')
iptables -t nat -A POSTROUTING -o "$interface" -j MASQUERADE
iptables -F FORWARD
service iptables save
"""


class NatInstance(pulumi.ComponentResource):
    """A NAT instance in a public subnet.

    Attributes:
        network_interface_id: Where the private subnets' default routes lead.
    """

    network_interface_id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        vpc_id: pulumi.Input[str],
        vpc_cidr: str,
        subnet_id: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:aws:NatInstance", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = security_group(
            f"{name}-group",
            vpc_id=vpc_id,
            description="What the VPC sends out; nothing comes in from outside",
            inbound=[Opening(name="vpc", cidr=vpc_cidr, port=None, why="everything that the VPC sends out")],
            outbound=[Opening(name="internet", cidr="0.0.0.0/0", port=None, why="to the internet")],
            opts=child,
        )
        template = aws.ec2.LaunchTemplate(
            f"{name}-template",
            image_id=_IMAGE,
            instance_type="t4g.nano",
            user_data=base64.b64encode(_SETUP.encode()).decode(),
            metadata_options={"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
            block_device_mappings=[
                {
                    "device_name": "/dev/xvda",
                    "ebs": {
                        "volume_size": 8,
                        "volume_type": "gp3",
                        "encrypted": "true",
                        "delete_on_termination": "true",
                    },
                }
            ],
            opts=child,
        )
        instance = aws.ec2.Instance(
            f"{name}-machine",
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            subnet_id=subnet_id,
            vpc_security_group_ids=[group.id],
            associate_public_ip_address=True,
            source_dest_check=False,
            tags={"Name": name},
            opts=child,
        )
        self.network_interface_id = instance.primary_network_interface_id
        self.register_outputs({"network_interface_id": self.network_interface_id})
