"""What GitHub keeps for the repository now, in the words in which it would be set."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.repository.changes import Found
from infra.repository.github import Absent, GitHub, GitHubError
from infra.repository.table import ENVIRONMENTS
from infra.repository.wanted import Place

Named = tuple[str, Found]


@dataclass(frozen=True, kw_only=True)
class Repository:
    """The repository as it is.

    Attributes:
        settings: Each setting by its place (``Setting.where``).
        teams: Number of each team of the organization, by its slug.
    """

    place: Place
    settings: Mapping[str, Found]
    teams: Mapping[str, int]


def look(github: GitHub, owner: str, name: str) -> Repository:
    """Read everything that the table speaks of; nothing is changed.

    Raises:
        GitHubError: The repository is not there or belongs to a person, or the token may not see its settings.
    """
    repository = github.ask(f"/repos/{owner}/{name}")
    if repository["owner"]["type"] != "Organization":
        raise GitHubError(
            f"{owner} is a person, and roles are teams of an organization: make an organization, which is free, and "
            "transfer the repository to it."
        )
    if not repository.get("permissions", {}).get("admin"):
        raise GitHubError(f"The token does not administer {owner}/{name}; only an administrator sees all its settings.")
    place = Place(owner=owner, name=name, public=not repository["private"])
    teams = {team["slug"]: int(team["id"]) for team in github.pages(f"/orgs/{owner}/teams")}
    slugs = {number: slug for slug, number in teams.items()}
    return Repository(
        place=place,
        settings=dict(
            [
                ("repository", Found(body=repository)),
                *_reports(github, place),
                *_actions(github, place),
                *((f"team {slug}", Found()) for slug in teams),
                *_access(github, place),
                *_rulesets(github, place, slugs),
                *_environments(github, place),
            ]
        ),
        teams=teams,
    )


def _reports(github: GitHub, place: Place) -> Iterator[Named]:
    if place.public and github.ask(f"{place.path}/private-vulnerability-reporting")["enabled"]:
        yield "private vulnerability reports", Found()


def _actions(github: GitHub, place: Place) -> Iterator[Named]:
    path = f"{place.path}/actions/permissions"
    actions = github.ask(path)
    yield "Actions", Found(body=actions)
    # Where all actions are allowed, GitHub has no list of them.
    if actions.get("allowed_actions") == "selected":
        yield "allowed actions", Found(body=github.ask(f"{path}/selected-actions"))
    yield "token of jobs", Found(body=github.ask(f"{path}/workflow"))
    if place.public:
        yield "runs for forks", Found(body=github.ask(f"{path}/fork-pr-contributor-approval"))


def _access(github: GitHub, place: Place) -> Iterator[Named]:
    for team in github.pages(f"{place.path}/teams"):
        yield f"access of {team['slug']}", Found(body={"permission": team["permission"]})


def _rulesets(github: GitHub, place: Place, slugs: Mapping[int, str]) -> Iterator[Named]:
    for short in github.pages(f"{place.path}/rulesets"):
        # The organization's own apply as well, and are not the repository's to change.
        if short.get("source_type") == "Repository":
            ruleset = github.ask(f"{place.path}/rulesets/{short['id']}")
            exempt = [_with_slug(one, slugs) for one in ruleset.get("bypass_actors") or []]
            body = {**ruleset, "bypass_actors": exempt}
            yield f"ruleset {ruleset['name']}", Found(body=body, id=str(ruleset["id"]))


def _with_slug(actor: Mapping[str, Any], slugs: Mapping[int, str]) -> Mapping[str, Any]:
    if actor["actor_type"] != "Team":
        return actor
    return {**actor, "actor_id": slugs.get(actor["actor_id"], str(actor["actor_id"]))}


def _environments(github: GitHub, place: Place) -> Iterator[Named]:
    known = {one.name for one in ENVIRONMENTS}
    for environment in github.pages(f"{place.path}/environments", "environments"):
        name = environment["name"]
        if name not in known:
            continue
        yield f"environment {name}", Found(body=_protection(environment))
        path = f"{place.path}/environments/{name}"
        yield from _refs(github, name, path)
        for variable in github.pages(f"{path}/variables", "variables"):
            yield f"environment {name}: variable {variable['name']}", Found(body=variable)


def _refs(github: GitHub, name: str, path: str) -> Iterator[Named]:
    try:
        for ref in github.pages(f"{path}/deployment-branch-policies", "branch_policies"):
            # Answers from before GitHub knew tags have no type.
            where = f"environment {name}: {ref.get('type', 'branch')} {ref['name']}"
            # One more would be a way around review.
            remove = ("DELETE", f"{path}/deployment-branch-policies/{ref['id']}")
            yield where, Found(body=ref, remove=remove)
    except Absent:
        # The environment allows all branches so far.
        return


def _protection(environment: Mapping[str, Any]) -> dict[str, Any]:
    """An environment's rules, told in the words in which they are set."""
    rules = {rule["type"]: rule for rule in environment.get("protection_rules") or []}
    review = rules.get("required_reviewers", {})
    return {
        "wait_timer": rules.get("wait_timer", {}).get("wait_timer", 0),
        "prevent_self_review": review.get("prevent_self_review", False),
        "reviewers": [
            {"type": one["type"], "id": one["reviewer"].get("slug") or one["reviewer"]["login"]}
            for one in review.get("reviewers", [])
        ],
        "deployment_branch_policy": environment.get("deployment_branch_policy") or "every branch",
    }
