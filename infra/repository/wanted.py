"""The table in the words of GitHub's API: each setting, and the calls that make and change it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.repository.roles import ROLES
from infra.repository.table import (
    ALLOWED_ACTIONS,
    BRANCHES,
    ENVIRONMENTS,
    RELEASE_TAGS,
    RELEASERS,
    Branch,
    Environment,
)

# GitHub Actions itself: a check of the same name by any other app does not count.
_ACTIONS_APP = 15368

Call = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One thing that GitHub keeps for the repository.

    Attributes:
        where: What it is, for people; unique.
        body: What it must be, as the API takes it. A team's number is its slug here (``numbered`` puts it in).
        make: Method and path of the call that makes it.
        change: The same for changing it, ``{id}`` being what GitHub calls it; None where being there is enough.
    """

    where: str
    body: Mapping[str, Any]
    make: Call
    change: Call | None


@dataclass(frozen=True, kw_only=True)
class Place:
    """The repository that is set up.

    Attributes:
        public: GitHub offers some settings to public repositories alone.
    """

    owner: str
    name: str
    public: bool

    @property
    def path(self) -> str:
        return f"/repos/{self.owner}/{self.name}"


def wanted(place: Place, checks: Sequence[str], variables: Mapping[str, Mapping[str, str]]) -> tuple[Setting, ...]:
    """Everything that must be so, in the order in which one thing needs another.

    Args:
        checks: Names of the checks that a pull request must pass.
        variables: Of each environment: ``{"dev": {"AWS_REGION": "us-east-1"}}``.
    """
    return (
        *_repository(place),
        *_actions(place),
        *_teams(place),
        *(_branch(place, one, checks) for one in BRANCHES),
        *_release_tags(place),
        *(setting for one in ENVIRONMENTS for setting in _environment(place, one, variables.get(one.name, {}))),
    )


def _repository(place: Place) -> Iterator[Setting]:
    body: dict[str, Any] = {
        "allow_merge_commit": True,
        "allow_squash_merge": True,
        "allow_rebase_merge": False,
        "squash_merge_commit_title": "PR_TITLE",
        "squash_merge_commit_message": "PR_BODY",
        # Branches that rulesets keep stay.
        "delete_branch_on_merge": True,
        # Pages that nobody reviews.
        "has_wiki": False,
    }
    if place.public:
        body["security_and_analysis"] = {
            "secret_scanning": {"status": "enabled"},
            "secret_scanning_push_protection": {"status": "enabled"},
        }
    yield _one("repository", ("PATCH", place.path), body)
    if place.public:
        yield _one("private vulnerability reports", ("PUT", f"{place.path}/private-vulnerability-reporting"), {})


def _actions(place: Place) -> Iterator[Setting]:
    path = f"{place.path}/actions/permissions"
    yield _one("Actions", ("PUT", path), {"enabled": True, "allowed_actions": "selected", "sha_pinning_required": True})
    yield _one(
        "allowed actions",
        ("PUT", f"{path}/selected-actions"),
        {"github_owned_allowed": True, "verified_allowed": False, "patterns_allowed": list(ALLOWED_ACTIONS)},
    )
    yield _one(
        "token of jobs",
        ("PUT", f"{path}/workflow"),
        {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False},
    )
    if place.public:
        yield _one(
            "runs for forks",
            ("PUT", f"{path}/fork-pr-contributor-approval"),
            {"approval_policy": "all_external_contributors"},
        )


def _teams(place: Place) -> Iterator[Setting]:
    for role in ROLES:
        yield Setting(
            where=f"team {role.slug}",
            body={"name": role.slug, "description": role.why, "privacy": "closed"},
            make=("POST", f"/orgs/{place.owner}/teams"),
            # What the organization says of a team is its own.
            change=None,
        )
    for role in ROLES:
        path = f"/orgs/{place.owner}/teams/{role.slug}/repos/{place.owner}/{place.name}"
        yield _one(f"access of {role.slug}", ("PUT", path), {"permission": role.may})


def _branch(place: Place, branch: Branch, checks: Sequence[str]) -> Setting:
    rules: list[dict[str, Any]] = [
        {"type": "deletion"},
        {"type": "non_fast_forward"},
        {
            "type": "pull_request",
            "parameters": {
                "allowed_merge_methods": [branch.merge],
                "dismiss_stale_reviews_on_push": True,
                "require_code_owner_review": branch.owners,
                "require_last_push_approval": True,
                "required_approving_review_count": 1,
                "required_review_thread_resolution": True,
            },
        },
        {
            "type": "required_status_checks",
            "parameters": {
                "required_status_checks": [{"context": name, "integration_id": _ACTIONS_APP} for name in checks],
                "strict_required_status_checks_policy": branch.current,
            },
        },
    ]
    if branch.deployed:
        environments = {"required_deployment_environments": list(branch.deployed)}
        rules.append({"type": "required_deployments", "parameters": environments})
    if branch.linear:
        rules.append({"type": "required_linear_history"})
    return _ruleset(place, branch.name, "branch", f"refs/heads/{branch.name}", rules)


def _release_tags(place: Place) -> Iterator[Setting]:
    tags = f"refs/tags/{RELEASE_TAGS}"
    yield _ruleset(place, "release tags stay", "tag", tags, [{"type": "deletion"}, {"type": "update"}])
    yield _ruleset(
        place,
        "release tags are made by releasers",
        "tag",
        tags,
        [{"type": "creation"}],
        [{"actor_type": "Team", "actor_id": RELEASERS, "bypass_mode": "always"}],
    )


def _ruleset(
    place: Place,
    name: str,
    target: str,
    ref: str,
    rules: Sequence[Mapping[str, Any]],
    exempt: Sequence[Mapping[str, Any]] = (),
) -> Setting:
    return Setting(
        where=f"ruleset {name}",
        body={
            "name": name,
            "target": target,
            "enforcement": "active",
            "bypass_actors": list(exempt),
            "conditions": {"ref_name": {"include": [ref], "exclude": []}},
            "rules": list(rules),
        },
        make=("POST", f"{place.path}/rulesets"),
        change=("PUT", f"{place.path}/rulesets/{{id}}"),
    )


def _environment(place: Place, environment: Environment, variables: Mapping[str, str]) -> Iterator[Setting]:
    path = f"{place.path}/environments/{environment.name}"
    yield _one(
        f"environment {environment.name}",
        ("PUT", path),
        {
            "wait_timer": environment.wait_minutes,
            "prevent_self_review": bool(environment.reviewers),
            "reviewers": [{"type": "Team", "id": slug} for slug in environment.reviewers],
            "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True},
        },
    )
    for ref in environment.refs:
        yield Setting(
            where=f"environment {environment.name}: {environment.ref_type} {ref}",
            body={"name": ref, "type": environment.ref_type},
            make=("POST", f"{path}/deployment-branch-policies"),
            change=None,
        )
    for name, value in variables.items():
        yield Setting(
            where=f"environment {environment.name}: variable {name}",
            body={"name": name, "value": value},
            make=("POST", f"{path}/variables"),
            change=("PATCH", f"{path}/variables/{name}"),
        )


def _one(where: str, call: Call, body: Mapping[str, Any]) -> Setting:
    """A setting that the same call makes and changes."""
    return Setting(where=where, body=body, make=call, change=call)
