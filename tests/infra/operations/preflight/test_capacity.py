"""Zones, machine types and database classes: what AWS offers, and whether the stack finds it."""

from typing import TYPE_CHECKING, Any

import pytest

from infra.operations.account import Account, Unknown
from infra.operations.preflight import capacity
from infra.operations.preflight.needs import DatabaseNeed

if TYPE_CHECKING:
    from tests.infra.operations.conftest import StackBuilder

DENIED = Unknown(reason="permission x:Y is missing", permission="x:Y")


DATABASE = DatabaseNeed(
    identifier="keelson-dev-postgres",
    engine="postgres",
    version="17",
    instance_class="db.t4g.micro",
    multi_az=False,
    final_snapshot="keelson-dev-postgres-final-e3b0c442",
)


ZONES = {
    f"us-east-1{letter}": capacity.Zone(id=f"use1-az{number}", available=True)
    for letter, number in (("a", 1), ("b", 2), ("c", 4), ("d", 6))
}


def test_three_open_zones_are_well(a_stack: "StackBuilder") -> None:
    assert capacity.check_zones(a_stack(), ZONES).verdict == "ok"


@pytest.mark.parametrize(
    "zone", [capacity.Zone(id="use1-az3", available=True), capacity.Zone(id="use1-az5", available=False)]
)
def test_a_zone_that_is_closed_or_refused_by_eks_fails(zone: capacity.Zone, a_stack: "StackBuilder") -> None:
    found = capacity.check_zones(a_stack(), {**ZONES, "us-east-1b": zone})
    assert (found.verdict, found.advice.endswith("us-east-1a, us-east-1c, us-east-1d")) == ("fails", True)


def test_a_zone_that_is_not_there_fails(a_stack: "StackBuilder") -> None:
    assert capacity.check_zones(a_stack(), {"us-east-1a": ZONES["us-east-1a"]}).verdict == "fails"


POOL = capacity.Pool(name="GPU nodes", types=("g4dn.xlarge", "g6.xlarge"), zones=("us-east-1a", "us-east-1b"))


@pytest.mark.parametrize(
    ("offered", "verdict"),
    [
        ({"g4dn.xlarge": {"us-east-1a"}, "g6.xlarge": {"us-east-1b"}}, "ok"),
        ({"g4dn.xlarge": {"us-east-1a"}, "g6.xlarge": {"us-east-1a"}}, "warning"),
        ({"g4dn.xlarge": {"us-east-1a", "us-east-1b"}, "g6.xlarge": set()}, "warning"),
        ({"g4dn.xlarge": set(), "g6.xlarge": {"us-east-1f"}}, "fails"),
        (DENIED, "fails"),
    ],
)
def test_a_pool_must_find_a_machine_and_should_find_one_in_each_zone(offered: Any, verdict: str) -> None:
    assert capacity.check_pool(POOL, offered).verdict == verdict


@pytest.mark.parametrize(("offered", "verdict"), [(True, "ok"), (False, "fails"), (DENIED, "fails")])
def test_a_database_class_must_be_sold(offered: bool | Unknown, verdict: str) -> None:
    assert capacity.check_database(DATABASE, offered).verdict == verdict


def test_zones_are_asked_for_with_their_ids(account: Account) -> None:
    found = capacity.zones(account)
    assert isinstance(found, dict)
    assert found["us-east-1a"].id.startswith("use1-az")


def test_offers_are_by_zone_and_an_unknown_type_has_none(account: Account) -> None:
    found = capacity.offers(account, ["g4dn.xlarge", "x9.large"])
    assert isinstance(found, dict)
    assert "us-east-1a" in found["g4dn.xlarge"]
    assert found["x9.large"] == frozenset()


@pytest.mark.parametrize(
    ("engine", "version", "multi_az", "offered"),
    [
        ("postgres", "17", False, True),
        ("postgres", "18", False, False),
        ("postgres", "17", True, False),
        ("mysql", "8.4", False, False),
    ],
)
def test_a_database_class_is_asked_for_by_engine_version_and_standby(
    engine: str, version: str, multi_az: bool, offered: bool, account: Account, sold: None
) -> None:
    need = DatabaseNeed(
        identifier="-",
        engine=engine,
        version=version,
        instance_class="db.t4g.micro",
        multi_az=multi_az,
        final_snapshot="-",
    )
    assert capacity.orderable(account, need) is offered
