"""The roles that workflows take on are those that the bootstrap makes, for the very jobs that take them on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from tests.infra.bootstrap.conftest import Program

ROOT = Path(__file__).parents[3]
STACKS = ("dev", "staging", "prod")
KINDS = ("deploy", "train")
ISSUER = "token.actions.githubusercontent.com"
# As GitHub writes who owns a repository: the older form, and that of repositories made after 2026-07-15.
REPOSITORIES = ("repo:acme/keelson", "repo:acme@1234/keelson@5678")


def jobs() -> list[tuple[str, dict[str, Any]]]:
    """Every job that takes a stack's role on, and its workflow."""
    found = []
    for file in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        for job in yaml.safe_load(file.read_text())["jobs"].values():
            roles = [step.get("with", {}).get("role-to-assume", "") for step in job.get("steps", [])]
            if any(f"keelson-{kind}-" in role for kind in KINDS for role in roles):
                found.append((file.stem, job))
    return found


def filled(text: str, environment: str) -> str:
    """A workflow's text where it was started for an environment."""
    for given in ("${{ inputs.environment }}", "${{ inputs.environment || 'dev' }}"):
        text = text.replace(given, environment)
    return text


def subjects(account: Program, role: str) -> list[str]:
    """Who may take a role on: the subjects of tokens that its trust names, letter by letter."""
    (told,) = [one for one in account.trust(role) if one["Action"] == ["sts:AssumeRoleWithWebIdentity"]]
    assert told["Condition"]["StringEquals"][f"{ISSUER}:aud"] == "sts.amazonaws.com"
    return told["Condition"]["StringEquals"][f"{ISSUER}:sub"]


def test_there_are_jobs_that_take_a_role_on() -> None:
    assert {workflow for workflow, _ in jobs()} >= {"deploy", "train", "release-model"}


@pytest.mark.parametrize("repository", REPOSITORIES)
@pytest.mark.parametrize("environment", STACKS)
@pytest.mark.parametrize(("workflow", "job"), jobs(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_job_may_take_its_environments_role_on_and_no_other(
    account: Program, workflow: str, job: dict[str, Any], environment: str, repository: str
) -> None:
    assert job["permissions"]["id-token"] == "write"
    asked = [step["with"]["role-to-assume"] for step in job["steps"] if "role-to-assume" in step.get("with", {})]
    (role,) = {filled(one, environment).rpartition("/")[2] for one in asked}
    # A job that names an environment has that alone in its token's subject, whatever event or branch it runs for.
    token = f"{repository}:environment:{filled(job['environment'], environment)}"
    assert token in subjects(account, role)
    every = [f"keelson-{kind}-{stack}" for kind in KINDS for stack in STACKS]
    assert [one for one in every if token in subjects(account, one)] == [role]
    assert role.rpartition("-")[0] == ("keelson-train" if workflow == "train" else "keelson-deploy")


def test_a_role_is_asked_for_no_longer_than_it_lasts(account: Program) -> None:
    asked = [
        (filled(told["role-to-assume"], "dev").rpartition("/")[2], told["role-duration-seconds"])
        for _, job in jobs()
        for told in (step.get("with", {}) for step in job["steps"])
        if "role-duration-seconds" in told
    ]
    assert asked
    for role, seconds in asked:
        assert seconds <= account.named("aws:iam/role:Role", role).inputs["maxSessionDuration"]
