"""What a stack costs: every resource is priced, known to be free, or named."""

import functools
import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from infra.render import cost
from infra.render.engine import record
from infra.render.prices import FILE, Prices, prices
from infra.render.recording import Recording, Resource
from infra.settings import STACKS

recorded = functools.cache(record)
PAUSED = {"keelson:paused": "true"}
EVERYTHING = {
    "keelson:sign-in": json.dumps(
        {
            "domain": "keelson.example.com",
            "certificate-arn": "arn:aws:acm:us-east-1:123456789012:certificate/1",
            "issuer": "https://id.example.com",
            "client-id": "keelson",
            "email-domain": "example.com",
        }
    ),
    "keelson:replica-region": "us-west-2",
    "keelson:bundle": "serving:1",
    "keelson:people": json.dumps({"reviewer": ["arn:aws:iam::123456789012:role/r"]}),
}


def stack(*resources: Resource) -> Recording:
    cluster = a("aws:eks/cluster:Cluster", name="cluster")
    return Recording(stack="dev", resources=(cluster, *resources), outputs={})


def a(kind: str, name: str = "one", **inputs: Any) -> Resource:
    return Resource(urn=f"urn:pulumi:dev::keelson::{kind}::{name}", type=kind, name=name, inputs=inputs)


def database(instance_class: str = "db.t4g.micro", **inputs: Any) -> Resource:
    given_ = {"instanceClass": instance_class, "allocatedStorage": 20, "manageMasterUserPassword": True, **inputs}
    return a("aws:rds/instance:Instance", name="postgres", **given_)


def idle(*resources: Resource) -> float:
    return cost.report(stack(*resources)).idle - cost.report(stack()).idle


def test_the_smallest_real_stack_costs_at_most_130_dollars_a_month() -> None:
    report = cost.report(recorded("dev"))
    assert report.unknown == ()
    assert report.idle <= 130


def test_a_paused_stack_costs_at_most_5_dollars_a_month() -> None:
    report = cost.report(record("dev", PAUSED))
    assert report.unknown == ()
    assert report.idle <= 5


@pytest.mark.parametrize("name", STACKS)
def test_gpus_cost_nothing_while_nobody_uses_them(name: str) -> None:
    lines = cost.report(recorded(name)).lines
    machines = [line for line in lines if line.resource == "autoscaling-gpu-pool"]
    assert len(machines) == 1
    assert machines[0].idle == 0
    assert machines[0].loaded > 0


@pytest.mark.parametrize("name", STACKS)
def test_the_budget_of_each_stack_covers_its_stated_load(name: str) -> None:
    (budget,) = recorded(name).of_type("aws:budgets/budget:Budget")
    assert cost.report(recorded(name)).loaded <= float(budget.inputs["limitAmount"])


@pytest.mark.parametrize("name", STACKS)
def test_every_resource_of_every_stack_is_priced_or_known_to_be_free(name: str) -> None:
    assert cost.report(record(name, EVERYTHING)).unknown == ()


def test_the_smallest_database_adds_up() -> None:
    # 730 hours at 0.016, 20 GB at 0.115, and the secret of its master user.
    assert idle(database()) == pytest.approx(730 * 0.016 + 20 * 0.115 + 0.40)


def test_a_standby_doubles_machine_and_storage_but_not_the_secret() -> None:
    alone = idle(database(manageMasterUserPassword=False))
    assert idle(database(multiAz=True, manageMasterUserPassword=False)) == pytest.approx(2 * alone)


def test_a_nat_gateway_costs_by_the_hour_at_rest_and_by_the_gigabyte_at_load() -> None:
    report = cost.report(stack(a("aws:ec2/natGateway:NatGateway", name="nat")))
    lines = [line for line in report.lines if line.resource == "nat"]
    assert sum(line.idle for line in lines) == pytest.approx(0.045 * 730)
    assert sum(line.loaded for line in lines) == pytest.approx(0.045 * (730 + prices().load.nat_gb))


def test_machines_count_as_often_as_they_stand_there_with_their_disks() -> None:
    template = a("aws:ec2/launchTemplate:LaunchTemplate", "t", blockDeviceMappings=[{"ebs": {"volumeSize": 40}}])
    group = a(
        "aws:eks/nodeGroup:NodeGroup",
        instanceTypes=["m6i.large"],
        capacityType="ON_DEMAND",
        scalingConfig={"desiredSize": 3},
        launchTemplate={"id": "<t.id>"},
    )
    assert idle(template, group) == pytest.approx(3 * (730 * 0.096 + 40 * 0.08))


def test_spot_costs_the_stated_share_and_is_marked_as_approximate() -> None:
    template = a("aws:ec2/launchTemplate:LaunchTemplate", "t", blockDeviceMappings=[])
    inputs = {"instanceTypes": ["m6i.large"], "scalingConfig": {"desiredSize": 1}, "launchTemplate": {"id": "<t.id>"}}
    report = cost.report(stack(template, a("aws:eks/nodeGroup:NodeGroup", capacityType="SPOT", **inputs)))
    (line,) = [one for one in report.lines if one.what.startswith("m6i.large")]
    assert line.idle == pytest.approx(730 * 0.096 * prices().spot.share)
    assert line.approximate


def test_an_endpoint_in_the_route_table_is_free_and_one_in_a_subnet_costs_for_each_zone() -> None:
    kind = "aws:ec2/vpcEndpoint:VpcEndpoint"
    assert idle(a(kind, vpcEndpointType="Gateway")) == 0
    assert idle(a(kind, vpcEndpointType="Interface", subnetIds=["a", "b"])) == pytest.approx(2 * 730 * 0.01)


def test_a_load_balancer_that_several_pages_share_is_counted_once() -> None:
    def page(name: str) -> Resource:
        metadata = {"name": name, "annotations": {"alb.ingress.kubernetes.io/group.name": "keelson"}}
        return a("kubernetes:networking.k8s.io/v1:Ingress", name=name, metadata=metadata)

    assert idle(page("a"), page("b")) == idle(page("a"))


def test_a_type_that_nobody_thought_of_is_named_and_not_taken_for_free() -> None:
    report = cost.report(stack(a("aws:braket/job:Job", name="quantum")))
    assert report.unknown == ("aws:braket/job:Job: no price and no reason why it is free (quantum)",)
    assert "aws:braket/job:Job" in report.markdown()


def test_a_class_without_a_price_is_named() -> None:
    report = cost.report(stack(database("db.r8g.48xlarge")))
    assert report.unknown == ("databases of class db.r8g.48xlarge (postgres)",)


@given(small=st.integers(20, 500), more=st.integers(1, 500))
def test_a_larger_disk_never_costs_less(small: int, more: int) -> None:
    assert idle(database(allocatedStorage=small)) < idle(database(allocatedStorage=small + more))


@given(dropped=st.integers(0, 10_000))
def test_leaving_a_resource_out_never_raises_the_cost(dropped: int) -> None:
    whole = recorded("staging")
    removable = [one for one in whole.resources if not one.component and "launchTemplate" not in one.type]
    gone = removable[dropped % len(removable)]
    if gone.type == "aws:eks/cluster:Cluster":
        return
    rest = replace(whole, resources=tuple(one for one in whole.resources if one is not gone))
    assert cost.report(rest).idle <= cost.report(whole).idle
    assert cost.report(rest).loaded <= cost.report(whole).loaded


@pytest.mark.parametrize("name", STACKS)
def test_no_line_costs_less_at_load_than_at_rest(name: str) -> None:
    assert all(0 <= line.idle <= line.loaded for line in cost.report(recorded(name)).lines)


def test_the_page_shows_sums_sources_and_what_is_approximate() -> None:
    report = cost.report(recorded("dev"))
    page = report.markdown()
    assert f"**{report.idle:.2f} USD a month idle, {report.loaded:.2f} at the stated load.**" in page
    assert "(approximate)" in page
    assert "karpenter-provider-aws" in page


def table(**changes: Mapping[str, Any]) -> dict[str, Any]:
    return {**tomllib.loads(FILE.read_text()), **changes}


def test_a_price_without_a_source_is_refused() -> None:
    broken = table(databases={"db.t4g.micro": {"usd": 0.016, "source": "hearsay"}})
    with pytest.raises(ValidationError, match=r"db\.t4g\.micro names the source 'hearsay'"):
        Prices.model_validate(broken)


def test_a_price_of_nothing_is_refused() -> None:
    broken = table(databases={"db.t4g.micro": {"usd": 0, "source": "common"}})
    with pytest.raises(ValidationError, match="greater than 0"):
        Prices.model_validate(broken)
