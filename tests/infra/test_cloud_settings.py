"""The cloud stacks' settings: one table of what differs, overridden key by key, refused with one sentence."""

from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import settings
from infra.aws import addresses
from infra.settings import STACKS, CloudSettings


def load(stack: str = "dev", **config: Any) -> CloudSettings:
    given_ = {f"keelson:{key.replace('_', '-')}": value for key, value in config.items()}
    loaded = settings.load(stack, "keelson", given_)
    assert isinstance(loaded, CloudSettings)
    return loaded


@pytest.mark.parametrize("stack", STACKS)
def test_each_stack_needs_no_configuration_at_all(stack: str) -> None:
    assert load(stack).stack == stack


def test_one_value_of_a_group_is_overridden_and_the_others_stay() -> None:
    chosen = load(gpu='{"limit": 3}')
    assert chosen.gpu.limit == 3
    assert chosen.gpu.hours == load().gpu.hours


def test_stacks_in_one_account_have_address_blocks_of_their_own() -> None:
    blocks = [load(stack).network.cidr for stack in STACKS]
    assert not any(a.overlaps(b) for i, a in enumerate(blocks) for b in blocks[i + 1 :])


def test_the_protected_stack_keeps_a_standby_and_a_way_out_in_each_zone() -> None:
    prod = load("prod")
    assert prod.protect
    assert prod.database.multi_az
    assert prod.network.nat == "gateway-per-zone"
    assert prod.replicas >= 2


def test_the_api_is_private_unless_somebody_opens_it() -> None:
    assert all(load(stack).network.api_allowed_cidrs == () for stack in STACKS)


def test_no_page_is_public_unless_sign_in_is_configured() -> None:
    assert all(load(stack).sign_in is None for stack in STACKS)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"gpu": {"limt": 3}}, ["keelson:gpu.limt", "not known", "limit"]),
        ({"gpu": {"limit": 0}}, ["keelson:gpu.limit", "is 0", "greater than or equal to 1", "GPUs"]),
        ({"network": {"cidr": "8.8.0.0/16"}}, ["keelson:network.cidr", "RFC 1918"]),
        ({"network": {"cidr": "10.0.0.0/24"}}, ["keelson:network.cidr", "/18"]),
        ({"network": {"cidr": "10.0.0.0/8"}}, ["keelson:network.cidr", "/16"]),
        ({"network": {"cidr": "169.254.0.0/16"}}, ["keelson:network.cidr", "RFC 1918"]),
        ({"network": {"cidr": "172.20.128.0/17"}}, ["keelson:network.cidr", "172.20.0.0/16", "services"]),
        ({"network": {"api-allowed-cidrs": ["0.0.0.0/0"]}}, ["api-allowed-cidrs", "203.0.113.7/32"]),
        ({"network": {"nat": "none"}}, ["keelson:network.nat", "'none'", "gateway-per-zone"]),
        ({"system": {"maximum": 1}}, ["keelson:system", "above minimum"]),
        ({"system": {"instance-types": ["huge"]}}, ["keelson:system.instance-types", "'huge'"]),
        ({"replica-region": "us-east-1"}, ["Pulumi.dev.yaml", "replica-region must differ"]),
        ({"account-id": "12345"}, ["keelson:account-id", "12"]),
        ({"sign-in": {"domain": "keelson.example.com"}}, ["keelson:sign-in.certificate-arn", "missing", "ACM"]),
        ({"images": {"prefix": "https://registry.example.com"}}, ["keelson:images.prefix", "https://"]),
        ({"traffic": {"champion": "7"}}, ["Pulumi.dev.yaml", "no bundle is set"]),
        ({"bundle": "b:1", "traffic": {"champion": "seven"}}, ["keelson:traffic.champion", "'seven'"]),
        ({"nodes": 3}, ["keelson:nodes", "not known", "system"]),
    ],
)
def test_a_wrong_setting_is_refused_by_one_sentence_that_names_it(config: dict[str, Any], told: list[str]) -> None:
    with pytest.raises(settings.SettingsError) as refusal:
        load(**config)
    sentence = str(refusal.value)
    assert all(word in sentence for word in told), sentence
    assert "\n" not in sentence


def test_a_protected_stack_cannot_be_paused() -> None:
    with pytest.raises(settings.SettingsError, match="protected database"):
        load("prod", paused=True)


def test_an_account_number_is_taken_as_a_text_whatever_pulumi_makes_of_it() -> None:
    assert load(account_id="123456789012").account_id == "123456789012"
    assert load(account_id="012345678901").account_id == "012345678901"


private_blocks = st.builds(
    lambda start, prefix: IPv4Network((f"{start}.0.0", prefix)),
    st.one_of(
        st.integers(0, 255).map("10.{}".format),
        st.integers(16, 31).filter(lambda second: second != 20).map("172.{}".format),
        st.just("192.168"),
    ),
    st.integers(16, 18),
)


@given(block=private_blocks)
def test_every_private_block_of_a_size_that_aws_makes_is_taken(block: IPv4Network) -> None:
    assert load(network={"cidr": str(block)}).network.cidr == block


@given(block=private_blocks)
def test_subnets_lie_in_their_block_and_never_overlap(block: IPv4Network) -> None:
    zones = addresses.divided(block, ("a", "b", "c"))
    parts = [part for zone in zones for part in (zone.private, zone.public, zone.database)]
    assert all(part.subnet_of(block) for part in parts)
    assert not any(a.overlaps(b) for i, a in enumerate(parts) for b in parts[i + 1 :])


@given(block=private_blocks)
def test_each_zone_has_room_for_pods_and_each_public_subnet_for_a_load_balancer(block: IPv4Network) -> None:
    for zone in addresses.divided(block, ("a", "b", "c")):
        assert zone.private.num_addresses >= 2048
        # A load balancer wants a /27 with eight free addresses.
        assert zone.public.prefixlen <= 27
