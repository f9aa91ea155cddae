"""Support windows, at any day: nothing here asks the clock."""

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.operations.findings import Finding
from infra.operations.preflight import support
from infra.operations.preflight.needs import DatabaseNeed, Needs
from infra.versions import Versions, versions

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


def verdicts(findings: list[Finding]) -> dict[str, str]:
    return {one.check: one.verdict for one in findings}


def supported(today: str, kubernetes: str = "1.35") -> dict[str, str]:
    return verdicts(support.check_support(needs(kubernetes=kubernetes), versions(), datetime.date.fromisoformat(today)))


@pytest.mark.parametrize(
    ("today", "verdict"),
    [
        ("2026-12-01", "ok"),
        ("2026-12-27", "ok"),
        ("2026-12-28", "warning"),
        ("2027-03-27", "warning"),
        ("2027-03-28", "fails"),
    ],
)
def test_a_version_is_warned_of_90_days_before_its_end_and_refused_after_it(today: str, verdict: str) -> None:
    assert supported(today)["support: Kubernetes 1.35"] == verdict


def test_a_version_that_the_table_does_not_know_fails() -> None:
    assert supported("2026-12-01", "1.40")["support: Kubernetes 1.40"] == "fails"


def test_the_databases_engines_are_looked_at_as_well() -> None:
    assert supported("2030-02-01")["support: postgres 17"] == "warning"


@given(days=st.integers(-2000, 2000))
def test_support_never_gets_better_with_time(days: int) -> None:
    order = ["ok", "warning", "fails"]
    table: Versions = versions()

    def verdict(offset: int) -> int:
        today = table.support.dated + datetime.timedelta(days=offset)
        return order.index(support.check_support(needs(), table, today)[0].verdict)

    assert verdict(days) <= verdict(days + 1)
