"""Address blocks, and the way to the cluster's API."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network

from infra.operations.account import Account, Unknown, known, tags_of
from infra.operations.findings import Finding, ok, unknown, warning
from infra.operations.stack import Stack


@dataclass(frozen=True, kw_only=True)
class Vpc:
    """A VPC of the account that is not this stack's."""

    id: str
    name: str
    blocks: tuple[IPv4Network, ...]


def vpcs(account: Account, stack: Stack) -> tuple[Vpc, ...] | Unknown:
    """The region's VPCs, without this stack's own."""

    def ask() -> tuple[Vpc, ...]:
        found = account.every("ec2", "describe_vpcs", "Vpcs")
        foreign = [one for one in found if not stack.tags.items() <= tags_of(one).items()]
        return tuple(
            Vpc(
                id=one["VpcId"],
                name=tags_of(one).get("Name", "default" if one.get("IsDefault") else ""),
                blocks=tuple(
                    IPv4Network(block["CidrBlock"])
                    for block in one.get("CidrBlockAssociationSet") or [{"CidrBlock": one["CidrBlock"]}]
                ),
            )
            for one in foreign
        )

    return known(ask)


def check_vpcs(block: IPv4Network, found: tuple[Vpc, ...] | Unknown) -> Finding:
    """No other VPC of the region uses the same addresses."""
    needed = f"{block}, used by no other VPC that it may ever be joined with"
    if isinstance(found, Unknown):
        return unknown("address block", found, needed)
    clashes = [
        f"{vpc.id} {vpc.name} {other}".replace("  ", " ")
        for vpc in found
        for other in vpc.blocks
        if other.overlaps(block)
    ]
    if clashes:
        advice = "AWS allows it, but such VPCs can never be peered: choose another `network.cidr` before the first `up`"
        return warning("address block", f"overlaps with {', '.join(clashes)}", needed, advice)
    return ok("address block", "free", needed)


def check_stacks(stack: Stack, blocks: Mapping[str, IPv4Network]) -> Finding:
    """No two stacks use the same addresses.

    Args:
        blocks: Address block of each stack, this one included.
    """
    own = stack.settings.network.cidr
    clashes = [
        f"{name} {block}" for name, block in sorted(blocks.items()) if name != stack.name and block.overlaps(own)
    ]
    needed = "a block of its own for each stack"
    if clashes:
        advice = "give each stack its own `network.cidr`; such VPCs can never be peered"
        return warning("address blocks of the stacks", f"{own} overlaps with {', '.join(clashes)}", needed, advice)
    return ok("address blocks of the stacks", f"{own}", needed)


def check_api(stack: Stack) -> Finding:
    """Whoever runs `pulumi up` reaches the cluster's API."""
    allowed = stack.settings.network.api_allowed_cidrs
    needed = "a way to the cluster's API from where `pulumi up` runs"
    if allowed:
        return ok("cluster's API", f"open to {', '.join(str(one) for one in allowed)}", needed)
    command = f"pulumi config set --path 'network.api-allowed-cidrs[0]' <address>/32 --stack {stack.name}"
    advice = f"run `pulumi up` inside the VPC (or over a VPN into it), or open the API to one address: {command}"
    return warning("cluster's API", "private: reachable from inside the VPC alone", needed, advice)
