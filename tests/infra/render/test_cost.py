"""What the stacks cost: within the goals, with every resource priced or known to be free."""

import functools
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.render import cost
from infra.render.engine import record
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


@pytest.fixture(scope="module")
def paused() -> cost.CostReport:
    return cost.report(record("dev", PAUSED))


def test_the_smallest_real_stack_costs_at_most_130_dollars_a_month() -> None:
    report = cost.report(recorded("dev"))
    assert report.unknown == ()
    assert report.idle <= 130


def test_a_paused_stack_costs_at_most_5_dollars_a_month(paused: cost.CostReport) -> None:
    assert paused.unknown == ()
    assert paused.idle <= 5


def test_a_paused_stack_pays_for_nothing_by_the_hour(paused: cost.CostReport) -> None:
    assert [line for line in paused.lines if line.price.unit.endswith("hour")] == []


def test_a_paused_stack_keeps_what_was_stored_and_pays_for_no_requests(paused: cost.CostReport) -> None:
    assert {line.item for line in paused.lines if line.at_load > line.at_rest} == {"objects", "images"}


@pytest.mark.parametrize("name", STACKS)
def test_gpus_cost_nothing_while_nobody_uses_them(name: str) -> None:
    lines = [line for line in cost.report(recorded(name)).lines if line.resource == "autoscaling-gpu-pool"]
    assert sum(line.idle for line in lines) == 0
    assert sum(line.loaded for line in lines) > 0


@pytest.mark.parametrize("name", STACKS)
def test_the_budget_of_each_stack_covers_its_stated_load(name: str) -> None:
    (budget,) = recorded(name).of_type("aws:budgets/budget:Budget")
    assert cost.report(recorded(name)).loaded <= float(budget.inputs["limitAmount"])


@pytest.mark.parametrize("name", STACKS)
def test_what_dashboards_say_of_a_stack_at_rest_is_what_it_costs(name: str) -> None:
    assert cost.report(recorded(name)).idle == pytest.approx(STACKS[name]["budget"]["at-rest"], rel=0.01)


@pytest.mark.parametrize("name", STACKS)
def test_every_resource_of_every_stack_is_priced_or_known_to_be_free(name: str) -> None:
    assert cost.report(record(name, EVERYTHING)).unknown == ()


@pytest.mark.parametrize("name", STACKS)
def test_no_line_costs_less_at_load_than_at_rest(name: str) -> None:
    assert all(0 <= line.idle <= line.loaded for line in cost.report(recorded(name)).lines)


@given(dropped=st.integers(0, 10_000))
def test_leaving_a_resource_out_never_raises_the_cost(dropped: int) -> None:
    whole = recorded("staging")
    # A machine is not described without its template, and a stack without its cluster is a paused one.
    needed = ("aws:ec2/launchTemplate:LaunchTemplate", "aws:eks/cluster:Cluster")
    removable = [one for one in whole.resources if not one.component and one.type not in needed]
    gone = removable[dropped % len(removable)]
    rest = replace(whole, resources=tuple(one for one in whole.resources if one is not gone))
    assert cost.report(rest).idle <= cost.report(whole).idle + 1e-9
    assert cost.report(rest).loaded <= cost.report(whole).loaded + 1e-9


def test_the_page_shows_the_sums_and_how_much_of_them_is_approximate() -> None:
    report = cost.report(recorded("dev"))
    page = report.markdown()
    assert f"**{report.idle:.2f} USD a month idle, {report.loaded:.2f} at the stated load.**" in page
    assert f"Of the idle sum, {report.approximate:.2f} are at approximate prices." in page


def test_the_page_shows_amount_price_sums_source_and_note_of_each_line() -> None:
    page = cost.report(recorded("dev")).markdown()
    assert "| cluster-control-plane | control plane | 730 | 0.1 / hour | 73.00 | 73.00 | price_list |  |" in page


def test_the_page_says_where_each_price_comes_from_and_why_something_is_free() -> None:
    page = cost.report(recorded("dev")).markdown()
    assert "\n- spot_feed: AWS's spot price feed" in page
    assert "\n- aws:iam/role:Role: IAM is not charged" in page
