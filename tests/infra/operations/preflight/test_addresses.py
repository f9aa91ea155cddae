"""Address blocks and the cluster's API: what clashes, and how the API is reached."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

import pytest

from infra.operations.account import Account, Unknown
from infra.operations.preflight import addresses

if TYPE_CHECKING:
    from tests.infra.operations.conftest import StackBuilder

BLOCK = IPv4Network("10.10.0.0/16")


@pytest.mark.parametrize(
    ("other", "verdict"), [("10.11.0.0/16", "ok"), ("10.10.5.0/24", "warning"), ("10.0.0.0/8", "warning")]
)
def test_an_overlapping_vpc_is_warned_of(other: str, verdict: str) -> None:
    vpc = addresses.Vpc(id="vpc-1", name="office", blocks=(IPv4Network("192.168.0.0/24"), IPv4Network(other)))
    assert addresses.check_vpcs(BLOCK, (vpc,)).verdict == verdict


@pytest.mark.parametrize(("other", "verdict"), [("10.20.0.0/16", "ok"), ("10.10.0.0/17", "warning")])
def test_stacks_with_the_same_addresses_are_warned_of(other: str, verdict: str, a_stack: "StackBuilder") -> None:
    blocks = {"dev": BLOCK, "staging": IPv4Network(other)}
    assert addresses.check_stacks(a_stack(), blocks).verdict == verdict


def test_a_private_api_is_warned_of_with_how_to_open_it(a_stack: "StackBuilder") -> None:
    found = addresses.check_api(a_stack())
    assert found.verdict == "warning"
    assert "pulumi config set --path 'network.api-allowed-cidrs[0]' <address>/32" in found.advice


def test_an_api_open_to_an_address_is_well(a_stack: "StackBuilder") -> None:
    assert addresses.check_api(a_stack(network={"api-allowed-cidrs": ["203.0.113.7/32"]})).verdict == "ok"


OWN = {"project": "keelson", "stack": "dev", "managed-by": "pulumi"}


def as_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def test_networks_of_others_are_listed_and_the_stacks_own_is_not(
    aws: Any, account: Account, a_stack: "StackBuilder"
) -> None:
    own = [{"ResourceType": "vpc", "Tags": as_list(OWN)}]
    aws("ec2").create_vpc(CidrBlock="10.10.0.0/16", TagSpecifications=own)
    aws("ec2").create_vpc(CidrBlock="10.11.0.0/16")
    found = addresses.vpcs(account, a_stack())
    assert not isinstance(found, Unknown)
    assert sorted(str(block) for vpc in found for block in vpc.blocks) == ["10.11.0.0/16", "172.31.0.0/16"]


def test_a_missing_permission_is_a_finding_that_names_it(
    account: Account, a_stack: "StackBuilder", denied: "Callable[[str], AbstractContextManager[None]]"
) -> None:
    with denied("ec2:DescribeVpcs"):
        found = addresses.vpcs(account, a_stack())
    assert found == Unknown(reason="permission ec2:DescribeVpcs is missing", permission="ec2:DescribeVpcs")
