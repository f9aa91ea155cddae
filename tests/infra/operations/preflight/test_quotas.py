"""Quotas: what a stack asks for by its settings, what AWS grants, and what is made of the two."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.operations.account import Account, Unknown
from infra.operations.preflight import quotas
from infra.operations.preflight.needs import DatabaseNeed, Needs

if TYPE_CHECKING:
    from tests.infra.operations.conftest import StackBuilder

ACCOUNT = "123456789012"


DENIED = Unknown(reason="permission x:Y is missing", permission="x:Y")


DATABASE = DatabaseNeed(
    identifier="keelson-dev-postgres",
    engine="postgres",
    version="17",
    instance_class="db.t4g.micro",
    multi_az=False,
    final_snapshot="keelson-dev-postgres-final-e3b0c442",
)


def needs(**given: Any) -> Needs:
    plain: dict[str, Any] = {
        "parts": (),
        "databases": (DATABASE,),
        "machines": ("t4g.nano",),
        "vpcs": 1,
        "addresses": 1,
        "kubernetes": "1.36",
    }
    return Needs(**{**plain, **given})


MACHINES = {
    "t3a.large": quotas.Machine(vcpus=2, gpus=0),
    "t4g.nano": quotas.Machine(vcpus=2, gpus=0),
    "g4dn.xlarge": quotas.Machine(vcpus=4, gpus=1),
    "g4dn.12xlarge": quotas.Machine(vcpus=48, gpus=4),
    "p3.2xlarge": quotas.Machine(vcpus=8, gpus=1),
}


def asked(stack: Any, **given: Any) -> dict[tuple[str, str], tuple[int, int]]:
    found = quotas.demands(stack.settings, needs(**given), MACHINES)
    return {(one.family, one.market): (one.least, one.most) for one in found}


def test_the_vcpu_of_each_quota_are_added_up_from_the_settings(a_stack: "StackBuilder") -> None:
    found = asked(a_stack(gpu={"instance-types": ["g4dn.xlarge"], "limit": 2, "spot": True}))
    # 1 to 3 nodes of 2 vCPU and 32 vCPU of workers on spot, the NAT instance on demand, 1 to 2 GPU nodes of 4 vCPU.
    assert found == {("standard", "spot"): (2, 38), ("standard", "on-demand"): (2, 2), ("G and VT", "spot"): (4, 8)}


def test_a_machine_with_many_gpus_counts_by_gpu(a_stack: "StackBuilder") -> None:
    found = asked(a_stack(gpu={"instance-types": ["g4dn.12xlarge"], "limit": 8}))
    assert found["G and VT", "spot"] == (48, 96)


def test_one_gpu_of_a_machine_with_many_still_takes_the_whole_machine(a_stack: "StackBuilder") -> None:
    assert asked(a_stack(gpu={"instance-types": ["g4dn.12xlarge"], "limit": 1}))["G and VT", "spot"] == (48, 48)


def test_gpu_types_of_two_families_ask_two_quotas(a_stack: "StackBuilder") -> None:
    found = asked(a_stack(gpu={"instance-types": ["g4dn.xlarge", "p3.2xlarge"], "limit": 1, "spot": False}))
    assert found["G and VT", "on-demand"] == (4, 4)
    assert found["P", "on-demand"] == (8, 8)


def test_a_paused_stack_asks_for_no_nodes(a_stack: "StackBuilder") -> None:
    assert asked(a_stack(), kubernetes=None, machines=()) == {}


@pytest.mark.parametrize(
    ("limit", "used", "verdict"),
    [
        (8, 0, "ok"),
        (12, 4, "ok"),
        (7, 0, "warning"),
        (4, 0, "warning"),
        (3, 0, "fails"),
        (0, 0, "fails"),
        (8, 5, "fails"),
    ],
)
def test_a_quota_must_hold_one_machine_and_should_hold_all(
    limit: float, used: int, verdict: str, a_stack: "StackBuilder"
) -> None:
    demand = quotas.Demand(family="G and VT", market="spot", least=4, most=8, reason="up to 2 GPUs")
    assert quotas.check_vcpus(a_stack(), demand, quotas.Usage(limit=limit, used=used)).verdict == verdict


def test_a_quota_that_is_too_small_comes_with_the_command_that_raises_it(a_stack: "StackBuilder") -> None:
    demand = quotas.Demand(family="G and VT", market="spot", least=4, most=8, reason="up to 2 GPUs")
    advice = quotas.check_vcpus(a_stack(), demand, quotas.Usage(limit=0, used=0)).advice
    assert "--service-code ec2 --quota-code L-3819A6DF --desired-value 8 --region us-east-1" in advice


@given(limit=st.integers(0, 100), used=st.integers(0, 100), least=st.integers(0, 50), more=st.integers(0, 50))
def test_a_verdict_on_vcpu_never_says_ok_without_room_for_all(limit: int, used: int, least: int, more: int) -> None:
    demand = quotas.Demand(family="standard", market="spot", least=least, most=least + more, reason="")
    from infra.operations.stack import load

    found = quotas.check_vcpus(load("dev"), demand, quotas.Usage(limit=limit, used=used))
    assert (found.verdict == "ok") == (limit - used >= least + more)


@pytest.mark.parametrize(
    ("limit", "used", "verdict"), [(5, 4, "ok"), (5, 5, "fails"), (DENIED, 0, "fails"), (5, DENIED, "fails")]
)
def test_a_quota_must_have_room_for_one_more(limit: Any, used: Any, verdict: str, a_stack: "StackBuilder") -> None:
    found = quotas.check_count(a_stack(), quotas.VPCS, 1, quotas.Usage(limit=limit, used=used))
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("type_", "family"),
    [
        ("m6i.large", "standard"),
        ("t4g.nano", "standard"),
        ("g6e.xlarge", "G and VT"),
        ("gr6.4xlarge", "G and VT"),
        ("p5.48xlarge", "P"),
        ("inf2.xlarge", None),
        ("im4gn.large", "standard"),
    ],
)
def test_a_type_counts_against_its_familys_quota(type_: str, family: str | None) -> None:
    assert quotas.family_of(type_) == family


OWN = {"project": "keelson", "stack": "dev", "managed-by": "pulumi"}


def as_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def test_vcpu_and_gpus_of_a_type_are_aws_own(account: Account) -> None:
    found = quotas.machines(account, ["g4dn.xlarge", "t3a.large", "x9.large"])
    assert found == {
        "g4dn.xlarge": quotas.Machine(vcpus=4, gpus=1),
        "t3a.large": quotas.Machine(vcpus=2, gpus=0),
    }


def test_a_quota_is_asked_for_by_its_code(account: Account, quota: Callable[[str, float], None]) -> None:
    quota("L-3819A6DF", 8.0)
    assert quotas.limit(account, quotas.VCPUS["G and VT", "spot"]) == 8


def test_machines_of_others_use_the_quota_and_the_stacks_own_do_not(
    aws: Any, account: Account, a_stack: "StackBuilder"
) -> None:
    image = aws("ec2").register_image(Name="image", RootDeviceName="/dev/xvda")["ImageId"]
    for tags in (OWN, {"project": "other"}):
        aws("ec2").run_instances(
            ImageId=image,
            InstanceType="g4dn.xlarge",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": as_list(tags)}],
        )
    found = quotas.used_vcpus(account, a_stack())
    assert isinstance(found, dict)
    assert found == {("G and VT", "on-demand"): 4}


@pytest.mark.parametrize("counted", [quotas.VPCS, quotas.ADDRESSES, quotas.CLUSTERS, quotas.DATABASES])
def test_what_others_have_is_counted_without_the_stacks_own(
    counted: quotas.Quota, aws: Any, account: Account, a_stack: "StackBuilder"
) -> None:
    before = quotas.count_others(account, a_stack(), counted)
    for tags, name in ((OWN, "keelson-dev"), ({"project": "other"}, "other")):
        kind = {"VPCs": "vpc", "elastic addresses": "elastic-ip"}.get(counted.name, "")
        tagged = {"TagSpecifications": [{"ResourceType": kind, "Tags": as_list(tags)}]}
        if counted is quotas.VPCS:
            aws("ec2").create_vpc(CidrBlock="10.1.0.0/16", **tagged)
        elif counted is quotas.ADDRESSES:
            aws("ec2").allocate_address(Domain="vpc", **tagged)
        elif counted is quotas.CLUSTERS:
            role = f"arn:aws:iam::{ACCOUNT}:role/any"
            aws("eks").create_cluster(name=name, roleArn=role, resourcesVpcConfig={"subnetIds": []})
        else:
            a_database(aws, f"{name}-postgres")
    after = quotas.count_others(account, a_stack(), counted)
    assert isinstance(before, int)
    assert after == before + 1


def a_database(aws: Any, name: str) -> None:
    aws("rds").create_db_instance(
        DBInstanceIdentifier=name,
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="keelson",
        MasterUserPassword="a-password",
        Tags=as_list(OWN),
    )
