"""A network with the way out that its stack pays for, and no way in."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.aws.network import Network
from infra.aws.storage import Bucket
from infra.render.recording import Recording
from infra.settings import CloudSettings

Chosen = Callable[..., CloudSettings]


def network(made: Any, settings: CloudSettings) -> Recording:
    def program() -> None:
        logs = Bucket("logs", bucket="logs", key=None, logs=None, rules=[], protect=False)
        Network("n", settings=settings.network, region=settings.region, cluster="keelson-dev", logs=logs)

    return made(program)


def test_each_zone_has_a_subnet_of_each_tier(made: Any, chosen: Chosen) -> None:
    subnets = network(made, chosen()).of_type("aws:ec2/subnet:Subnet")
    zones = {(one.inputs["availabilityZone"], one.name.split("-")[1]) for one in subnets}
    assert zones == {(f"us-east-1{zone}", tier) for zone in "abc" for tier in ("public", "private", "database")}
    assert not any(one.inputs["mapPublicIpOnLaunch"] for one in subnets)


def test_other_zones_are_a_setting(made: Any, chosen: Chosen) -> None:
    recording = network(made, chosen(network={"zones": ["b", "c", "d"]}))
    assert {one.inputs["availabilityZone"][-1] for one in recording.of_type("aws:ec2/subnet:Subnet")} == set("bcd")


def test_load_balancers_and_karpenter_find_their_subnets_by_tag(made: Any, chosen: Chosen) -> None:
    recording = network(made, chosen())
    public, private = recording.named("n-public-a").inputs["tags"], recording.named("n-private-a").inputs["tags"]
    assert public["kubernetes.io/role/elb"] == "1"
    assert private["kubernetes.io/role/internal-elb"] == "1"
    assert private["karpenter.sh/discovery"] == "keelson-dev"
    assert "karpenter.sh/discovery" not in public


def test_a_nat_instance_takes_what_the_vpc_sends_and_nothing_from_outside(made: Any, chosen: Chosen) -> None:
    recording = network(made, chosen())
    (rule,) = recording.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert rule.inputs["cidrIpv4"] == "10.10.0.0/16"
    machine = recording.named("n-nat-machine").inputs
    assert machine["sourceDestCheck"] is False
    assert machine["subnetId"] == "<n-public-a.id>"


def test_nothing_goes_out_before_the_public_subnets_have_a_route(made: Any, chosen: Chosen) -> None:
    for settings in (chosen(), chosen(network={"nat": "gateway"})):
        recording = network(made, settings)
        out = recording.named("n-public-out").urn
        ways = [one for one in recording.resources if one.kind in {"NatGateway", "NatInstance"}]
        first = [
            one for one in recording.resources if one.parent in {way.urn for way in ways} | {way.urn for way in ways}
        ]
        assert any(out in one.depends_on for one in (*ways, *first))


@pytest.mark.parametrize(("nat", "count"), [("gateway", 1), ("gateway-per-zone", 3)])
def test_a_zone_leaves_by_its_own_gateway_where_each_has_one(made: Any, chosen: Chosen, nat: str, count: int) -> None:
    recording = network(made, chosen(network={"nat": nat}))
    targets = [recording.named(f"n-private-{zone}-out").inputs["natGatewayId"] for zone in "abc"]
    assert len(set(targets)) == count
    if count == 3:
        assert targets == [f"<n-nat-{zone}.id>" for zone in "abc"]


def test_s3_is_reached_inside_the_network_by_nodes_and_databases(made: Any, chosen: Chosen) -> None:
    endpoint = network(made, chosen()).named("n-s3").inputs
    assert endpoint["vpcEndpointType"] == "Gateway"
    assert len(endpoint["routeTableIds"]) == 4


def test_private_endpoints_are_there_only_where_the_stack_pays_for_them(made: Any, chosen: Chosen) -> None:
    def interfaces(settings: CloudSettings) -> list[str]:
        endpoints = network(made, settings).of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
        return [one.name for one in endpoints if one.inputs["vpcEndpointType"] == "Interface"]

    assert interfaces(chosen()) == []
    assert {"n-ecr-dkr", "n-sts", "n-secretsmanager"} <= set(interfaces(chosen(network={"interface-endpoints": True})))


def test_all_traffic_is_logged_into_the_bucket_after_its_policy(made: Any, chosen: Chosen) -> None:
    recording = network(made, chosen())
    log = recording.named("n-flow-log")
    assert (log.inputs["trafficType"], log.inputs["logDestination"]) == ("ALL", "<logs-bucket.arn>/vpc/")
    assert recording.named("logs-policy").urn in log.depends_on


def test_the_default_group_that_admits_itself_is_taken_over_and_closed(made: Any, chosen: Chosen) -> None:
    (group,) = network(made, chosen()).of_type("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert not {"ingress", "egress"} & set(group.inputs)
