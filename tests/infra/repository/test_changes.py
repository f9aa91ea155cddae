"""What must change is what differs, whatever else GitHub keeps and in whatever order it tells it."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.repository.changes import Found, changes
from infra.repository.roles import ROLES
from infra.repository.table import BRANCHES, ENVIRONMENTS, RELEASERS
from infra.repository.wanted import Place, Setting, wanted

PLACE = Place(owner="acme", name="keelson", public=True)
VARIABLES = {"dev": {"AWS_ACCOUNT_ID": "123456789012", "AWS_REGION": "us-east-1"}}
SETTINGS = wanted(PLACE, ("lint", "test"), VARIABLES)


def as_found(settings: tuple[Setting, ...]) -> dict[str, Found]:
    return {one.where: Found(body=deepcopy(one.body), id="7") for one in settings}


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Paths of all single values."""
    if isinstance(value, dict):
        return [leaf for key, one in value.items() for leaf in leaves(one, (*path, key))]
    if isinstance(value, list):
        return [leaf for number, one in enumerate(value) for leaf in leaves(one, (*path, number))]
    return [path]


CHANGEABLE = [(one.where, path) for one in SETTINGS if one.change for path in leaves(one.body)]


def test_every_setting_has_a_place_of_its_own() -> None:
    assert len({one.where for one in SETTINGS}) == len(SETTINGS)


def test_of_a_repository_that_was_just_made_everything_is_made() -> None:
    assert [one.where for one in changes(SETTINGS, {})] == [one.where for one in SETTINGS]
    assert {one.verb for one in changes(SETTINGS, {})} == {"make"}


@given(st.randoms(use_true_random=False))
def test_where_everything_is_as_wanted_nothing_changes_in_whatever_order_it_is_told(random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            keys = random.sample(list(value), len(value))
            return {"node_id": "more", **{key: shuffled(value[key]) for key in keys}}
        if isinstance(value, list):
            # A named thing of a list may tell more of itself only where the table knows it by its type.
            return random.sample(value, len(value))
        return value

    found = {where: Found(body=shuffled(one.body), id=one.id) for where, one in as_found(SETTINGS).items()}
    assert changes(SETTINGS, found) == ()


@given(st.sampled_from(CHANGEABLE))
def test_one_value_that_is_not_as_wanted_is_one_change(leaf: tuple[str, tuple[str | int, ...]]) -> None:
    where, path = leaf
    found = as_found(SETTINGS)
    inner: Any = found[where].body
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = "another"
    (change,) = changes(SETTINGS, found)
    assert (change.verb, change.where) == ("change", where)
    assert change.differences
    assert "another" in str(change.differences)


def test_a_rule_that_is_not_in_the_table_is_taken_out() -> None:
    found = as_found(SETTINGS)
    found["ruleset main"].body["rules"].append({"type": "required_signatures"})
    (change,) = changes(SETTINGS, found)
    assert [one.what for one in change.differences] == ["rules.required_signatures"]
    assert change.call == ("PUT", "/repos/acme/keelson/rulesets/7")


def test_what_is_beside_the_table_stays_but_for_what_must_not_be_added() -> None:
    found = as_found(SETTINGS)
    found["ruleset another"] = Found(body={"name": "another"}, id="8")
    found["environment prod: branch hotfix"] = Found(remove=("DELETE", "/policies/9"))
    (change,) = changes(SETTINGS, found)
    assert (change.verb, change.where, change.call) == (
        "remove",
        "environment prod: branch hotfix",
        ("DELETE", "/policies/9"),
    )


def test_what_only_public_repositories_have_is_not_wanted_of_others() -> None:
    private = wanted(Place(owner="acme", name="keelson", public=False), ("test",), {})
    left = {one.where for one in SETTINGS} - {one.where for one in private}
    assert {"private vulnerability reports", "runs for forks"} < left
    (repository,) = [one for one in private if one.where == "repository"]
    assert "security_and_analysis" not in repository.body


@pytest.mark.parametrize("branch", BRANCHES, ids=lambda one: one.name)
def test_no_branch_takes_a_change_without_review_and_checks_and_nobody_is_exempt(branch: Any) -> None:
    (setting,) = [one for one in SETTINGS if one.where == f"ruleset {branch.name}"]
    rules = {rule["type"]: rule.get("parameters", {}) for rule in setting.body["rules"]}
    assert setting.body["bypass_actors"] == []
    assert rules["pull_request"]["required_approving_review_count"] >= 1
    checks = rules["required_status_checks"]["required_status_checks"]
    assert [one["context"] for one in checks] == ["lint", "test"]
    assert {"deletion", "non_fast_forward"} <= rules.keys()


def test_what_gets_into_main_was_reviewed_by_every_owner_on_its_way_to_dev() -> None:
    rules = {
        one.name: {
            rule["type"]: rule.get("parameters", {})
            for setting in SETTINGS
            if setting.where == f"ruleset {one.name}"
            for rule in setting.body["rules"]
        }
        for one in BRANCHES
    }
    assert rules["develop"]["pull_request"]["require_code_owner_review"]
    assert rules["main"]["required_deployments"] == {"required_deployment_environments": ["dev"]}
    (dev,) = [one for one in ENVIRONMENTS if one.name == "dev"]
    assert set(dev.refs) == {"develop", "main"}


def test_prod_is_reached_from_a_release_alone_and_after_another_persons_approval() -> None:
    (prod,) = [one for one in ENVIRONMENTS if one.name == "prod"]
    assert (prod.ref_type, prod.refs) == ("tag", ("v*",))
    (setting,) = [one for one in SETTINGS if one.where == "environment prod"]
    assert setting.body["prevent_self_review"] is True
    assert {one["id"] for one in setting.body["reviewers"]} == {"platform-engineer", "reviewer"}


def test_only_roles_of_the_table_are_named() -> None:
    slugs = {role.slug for role in ROLES}
    assert RELEASERS in slugs
    assert {slug for one in ENVIRONMENTS for slug in one.reviewers} <= slugs
