"""`make repository` against a GitHub that takes what GitHub's API description allows."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from infra.repository.__main__ import setup
from infra.repository.apply import Interrupted, apply
from infra.repository.changes import changes
from infra.repository.checks import ChecksError, required_checks
from infra.repository.codeowners import FILE, codeowners
from infra.repository.found import look
from infra.repository.github import GitHub, GitHubError
from infra.repository.roles import ROLES
from infra.repository.table import ENVIRONMENTS, training
from infra.repository.variables import by_environment
from infra.repository.wanted import wanted
from infra.settings import STACKS

ROOT = Path(__file__).parents[3]
REPO = "/repos/acme/keelson"
CHECKS = ("lint", "test")
VARIABLES = by_environment({"dev": {"AWS_ACCOUNT_ID": "123456789012"}})


def plan(github: GitHub) -> Any:
    found = look(github, "acme", "keelson")
    return found, changes(wanted(found.place, CHECKS, VARIABLES), found.settings)


def set_up(github: GitHub, tell: Callable[..., None] = lambda change: None) -> None:
    found, todo = plan(github)
    apply(github, todo, found.teams, tell)


def test_a_look_changes_nothing(acme: Any, github: GitHub) -> None:
    _, todo = plan(github)
    assert len(todo) > 20
    assert {method for method, _ in acme.calls} == {"GET"}


def test_a_second_apply_changes_nothing(acme: Any, github: GitHub) -> None:
    set_up(github)
    assert plan(github)[1] == ()
    before = len(acme.calls)
    set_up(github)
    assert {method for method, _ in acme.calls[before:]} == {"GET"}


def test_after_an_apply_github_keeps_what_the_table_says(acme: Any, github: GitHub) -> None:
    set_up(github)
    assert acme.access == {role.slug: role.may for role in ROLES}
    assert acme.workflow == {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False}
    assert acme.actions["sha_pinning_required"] is True
    assert acme.reports is True
    assert {name: [ref["name"] for ref in refs] for name, refs in acme.refs.items()} == {
        one.name: list(one.refs) for one in ENVIRONMENTS
    }
    rules = {one["name"]: {rule["type"] for rule in one["rules"]} for one in acme.rulesets}
    assert {"pull_request", "required_status_checks", "deletion", "non_fast_forward"} <= rules["main"]
    assert acme.variables == VARIABLES


def test_what_may_be_deployed_somewhere_may_train_there_and_nobody_approves(acme: Any, github: GitHub) -> None:
    set_up(github)
    for stack in STACKS:
        rules = acme.environments[training(stack)]["protection_rules"]
        assert [rule["type"] for rule in rules] == ["branch_policy"]
        assert [(ref["type"], ref["name"]) for ref in acme.refs[training(stack)]] == [
            (ref["type"], ref["name"]) for ref in acme.refs[stack]
        ]
    assert VARIABLES["dev-train"] == VARIABLES["dev"]


def test_an_environment_beside_the_table_is_left_alone(acme: Any, github: GitHub) -> None:
    acme.environments["pages"] = {"name": "pages", "protection_rules": [], "deployment_branch_policy": {}}
    acme.refs["pages"] = [{"id": 99, "name": "gh-pages", "type": "branch"}]
    set_up(github)
    assert [ref["name"] for ref in acme.refs["pages"]] == ["gh-pages"]


@pytest.mark.parametrize(
    "tamper",
    [
        lambda acme: acme.repository.update(allow_rebase_merge=True),
        lambda acme: acme.actions.update(allowed_actions="all"),
        lambda acme: acme.workflow.update(can_approve_pull_request_reviews=True),
        lambda acme: acme.access.pop("reviewer"),
        lambda acme: acme.access.update(reviewer="pull"),
        lambda acme: acme.rulesets[0].update(enforcement="disabled"),
        lambda acme: acme.rulesets[0]["bypass_actors"].append({"actor_type": "DeployKey", "actor_id": None}),
        lambda acme: acme.rulesets.pop(),
        lambda acme: acme.environments["prod"]["protection_rules"].clear(),
        lambda acme: acme.environments["prod"].update(deployment_branch_policy=None),
        lambda acme: acme.refs["prod"].append({"id": 99, "name": "*", "type": "branch"}),
        lambda acme: acme.refs["staging"].clear(),
        lambda acme: acme.variables["dev"].update(AWS_ACCOUNT_ID="999999999999"),
    ],
)
def test_what_somebody_changed_by_hand_is_seen_and_put_back(acme: Any, github: GitHub, tamper: Any) -> None:
    set_up(github)
    tamper(acme)
    assert plan(github)[1] != ()
    set_up(github)
    assert plan(github)[1] == ()


def test_a_refused_change_says_how_far_it_came_and_the_next_run_goes_on(acme: Any, github: GitHub) -> None:
    acme.refuse[("POST", f"{REPO}/rulesets")] = [(403, {"message": "Upgrade to GitHub Pro"}, {})]
    told: list[str] = []
    with pytest.raises(Interrupted) as error:
        set_up(github, lambda change: told.append(change.where))
    assert "ruleset develop: " in str(error.value)
    assert "Upgrade to GitHub Pro" in str(error.value)
    assert f"{len(told)} of " in str(error.value)
    assert acme.rulesets == []
    set_up(github)
    assert plan(github)[1] == ()


def test_a_person_has_no_teams_and_a_guest_sees_no_settings(acme: Any, github: GitHub) -> None:
    acme.repository["permissions"] = {"admin": False}
    with pytest.raises(GitHubError, match="does not administer"):
        look(github, "acme", "keelson")
    acme.repository["owner"]["type"] = "User"
    with pytest.raises(GitHubError, match="make an organization"):
        look(github, "acme", "keelson")


def test_the_checks_are_the_jobs_of_ci_by_their_names(tmp_path: Path) -> None:
    file = tmp_path / "ci.yml"
    file.write_text(yaml.safe_dump({"jobs": {"lint": {"name": "Lint and types"}, "test": {}}}))
    assert required_checks(file) == ("Lint and types", "test")
    file.write_text(yaml.safe_dump({"jobs": {"test": {"strategy": {"matrix": {}}}}}))
    with pytest.raises(ChecksError, match="job 'test'"):
        required_checks(file)
    with pytest.raises(ChecksError, match=r"no none\.yml"):
        required_checks(tmp_path / "none.yml")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A clone that is prepared for acme."""
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    (tmp_path / ".github" / "workflows" / "ci.yml").write_text(yaml.safe_dump({"jobs": {"test": {}}}))
    (tmp_path / FILE).write_text(codeowners("acme", tmp_path))
    return tmp_path


def test_a_person_sees_each_change_and_never_the_token(acme: Any, address: str, root: Path) -> None:
    console = Console(record=True, width=200, file=io.StringIO())
    environment = {"GH_TOKEN": "github_pat_never_printed", "GITHUB_API_URL": address}

    def run(*, apply_: bool) -> str:
        setup("acme/keelson", root, environment, console, apply_=apply_)
        return console.export_text()

    shown, made, again = run(apply_=False), run(apply_=True), run(apply_=False)
    assert "make team reviewer" in shown
    assert "default_workflow_permissions: read (is write)" in shown
    assert shown.rstrip().endswith("changes to make")
    assert made == shown.replace("changes to make", "changes")
    assert again.rstrip().endswith("0 changes")
    assert "github_pat" not in shown + made + again


def command(address: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "GITHUB_API_URL": address,
        "GH_TOKEN": "github_pat_never_printed",
        **more,
    }
    return subprocess.run(
        [sys.executable, "-m", "infra.repository", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["acme", "acme/keelson/x", "acme/..", "-x/y", ""])
def test_a_name_that_is_none_is_refused(address: str, name: str) -> None:
    done = command(address, "--repository", name)
    assert done.returncode == 1
    assert "give REPOSITORY=owner/name" in done.stderr


def test_another_organizations_owners_are_refused(acme: Any, address: str) -> None:
    done = command(address, "--repository", "another/keelson")
    assert done.returncode == 1
    assert "make codeowners OWNER=another" in done.stderr
    assert acme.calls == []


def test_the_page_says_what_the_table_says() -> None:
    rows = [line.split("|") for line in (ROOT / "docs" / "repository.md").read_text().splitlines() if line[:1] == "|"]
    told = {row[1].strip(): row[2].strip() for row in rows}
    for role in ROLES:
        assert told[f"`{role.slug}`"] == role.may
    for environment in ENVIRONMENTS:
        named = told[environment.name]
        assert named.removeprefix("tags ") == ", ".join(f"`{ref}`" for ref in environment.refs)
        assert named.startswith("tags ") == (environment.ref_type == "tag")


def test_the_owners_file_is_the_tables_and_each_path_is_there() -> None:
    text = (ROOT / FILE).read_text()
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    owners = {owner for _, *team in lines for owner in team}
    (organization,) = {owner.removeprefix("@").split("/")[0] for owner in owners}
    assert text == codeowners(organization)
    for path, *_ in lines:
        assert path == "*" or (ROOT / path[1:]).exists(), path
        assert path == "*" or (ROOT / path[1:]).is_dir() == path.endswith("/"), path
    may = {role.slug: role.may for role in ROLES}
    assert {may[owner.split("/")[1]] for owner in owners} <= {"push", "maintain"}
