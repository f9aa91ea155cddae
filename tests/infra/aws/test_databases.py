"""Databases that are restored, paused and ended without losing what they hold."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.aws.databases import Databases, generation
from infra.render.recording import Recording
from infra.settings import CloudSettings
from infra.versions import versions

Chosen = Callable[..., CloudSettings]


def databases(made: Any, settings: CloudSettings, vpc: str | None = "vpc-1") -> Recording:
    def program() -> None:
        found = Databases(
            "databases",
            settings=settings,
            versions=versions(),
            account_id="123456789012",
            key="arn:aws:kms:us-east-1:123456789012:key/1",
            vpc_id=vpc,
            subnet_ids=["subnet-1", "subnet-2"],
        )
        if vpc:
            found.admit("sg-cluster")

    return made(program)


def test_logs_have_an_end_before_the_database_would_make_them_without(made: Any, chosen: Chosen) -> None:
    recording = databases(made, chosen("staging"))
    for engine, log in (
        ("postgres", "postgresql"),
        ("postgres", "upgrade"),
        ("mysql", "error"),
        ("mysql", "slowquery"),
    ):
        group = recording.named(f"{engine}-{log}-log")
        assert group.inputs["retentionInDays"] == 14
        assert group.inputs["name"].endswith(f"-{engine}/{log}")
        assert group.urn in recording.named(engine).depends_on


def test_postgres_refuses_connections_without_tls(made: Any, chosen: Chosen) -> None:
    parameters = databases(made, chosen()).named("postgres-parameters").inputs
    assert parameters["family"] == f"postgres{versions().databases.postgres}"
    assert {"name": "rds.force_ssl", "value": "1", "applyMethod": "pending-reboot"} in parameters["parameters"]


def test_mysql_signs_in_as_kubeflows_metadata_service_can(made: Any, chosen: Chosen) -> None:
    parameters = databases(made, chosen("staging")).named("mysql-parameters").inputs
    values = {one["name"]: one["value"] for one in parameters["parameters"]}
    assert values == {"authentication_policy": "*:mysql_native_password", "require_secure_transport": "0"}


def test_mysql_on_the_cluster_has_a_volume_that_stays_and_no_machine(made: Any, chosen: Chosen) -> None:
    for vpc in ("vpc-1", None):
        recording = databases(made, chosen(), vpc)
        volume = recording.named("mysql-volume").inputs
        assert volume["availabilityZone"] == "us-east-1a"
        assert volume["encrypted"] is True
        assert not [one for one in recording.resources if one.name == "mysql"]


def test_the_cluster_alone_is_let_in_and_only_to_what_is_there(made: Any, chosen: Chosen) -> None:
    for stack, ports in (("dev", {5432}), ("staging", {5432, 3306})):
        rules = databases(made, chosen(stack)).of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        assert {rule.inputs["fromPort"] for rule in rules} == ports
        assert {rule.inputs["referencedSecurityGroupId"] for rule in rules} == {"sg-cluster"}


@pytest.mark.parametrize(("stack", "insights"), [("dev", False), ("prod", True)])
def test_insights_are_on_where_the_class_has_room_for_them(
    made: Any, chosen: Chosen, stack: str, insights: bool
) -> None:
    assert databases(made, chosen(stack)).named("postgres").inputs["performanceInsightsEnabled"] is insights


def test_storage_grows_by_itself_and_not_without_end(made: Any, chosen: Chosen) -> None:
    inputs = databases(made, chosen()).named("postgres").inputs
    assert inputs["maxAllocatedStorage"] == 4 * inputs["allocatedStorage"]


def test_a_paused_stack_has_no_database_machine(made: Any, chosen: Chosen) -> None:
    assert not databases(made, chosen("staging"), None).of_type("aws:rds/instance:Instance")


@given(first=st.text(max_size=20), second=st.text(max_size=20))
def test_two_lives_of_a_database_never_leave_snapshots_of_one_name(first: str, second: str) -> None:
    assert (generation(first) == generation(second)) == (first == second)
    assert generation(None) == generation("")
