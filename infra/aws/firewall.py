"""Security groups: each opening is a rule of its own, with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class Opening:
    """One way through.

    Attributes:
        name: Short name, part of the logical name.
        cidr: Address block at the other end.
        port: TCP port; ``None`` for all protocols and ports.
        why: Stands as the rule's description.
    """

    name: str
    cidr: str
    port: int | None
    why: str


def security_group(
    name: str,
    *,
    vpc_id: pulumi.Input[str],
    description: str,
    inbound: Sequence[Opening] = (),
    outbound: Sequence[Opening] = (),
    opts: pulumi.ResourceOptions,
) -> aws.ec2.SecurityGroup:
    """A security group that lets through what it is told and nothing else."""
    group = aws.ec2.SecurityGroup(name, description=description, vpc_id=vpc_id, tags={"Name": name}, opts=opts)
    for rule, direction, openings in (
        (aws.vpc.SecurityGroupIngressRule, "in", inbound),
        (aws.vpc.SecurityGroupEgressRule, "out", outbound),
    ):
        for opening in openings:
            rule(
                f"{name}-{direction}-{opening.name}",
                security_group_id=group.id,
                description=opening.why,
                cidr_ipv4=opening.cidr,
                ip_protocol="-1" if opening.port is None else "tcp",
                from_port=opening.port,
                to_port=opening.port,
                opts=opts,
            )
    return group
