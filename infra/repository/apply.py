"""Makes the changes, one call each, and knows how far it came."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infra.repository.changes import Change
from infra.repository.github import GitHub, GitHubError


class Interrupted(RuntimeError):
    """A change was refused; the message says which, why, and that those before it stand."""


def apply(github: GitHub, changes: Sequence[Change], teams: Mapping[str, int], tell: Callable[[Change], None]) -> None:
    """Make every change, in order.

    Args:
        teams: Number of each team that is there, by its slug; those that a change makes are added on the way.
        tell: Called after each change.

    Raises:
        Interrupted: GitHub refused one. Those after it were not tried: run again once its cause is gone.
    """
    numbers = dict(teams)
    for done, change in enumerate(changes):
        method, path = change.call
        try:
            answer = github.send(method, path, numbered(change.body, numbers) or None)
        except GitHubError as error:
            raise Interrupted(
                f"{change.where}: {error} {done} of {len(changes)} changes were made and stay; this one and those "
                "after it were not. Run this again to go on."
            ) from None
        if change.where.startswith("team "):
            numbers[answer["slug"]] = answer["id"]
        tell(change)


def numbered(value: Any, teams: Mapping[str, int]) -> Any:
    """The same with the number of each team in place of its slug, as the API wants it.

    Raises:
        GitHubError: There is no such team.
    """
    if isinstance(value, list):
        return [numbered(one, teams) for one in value]
    if not isinstance(value, Mapping):
        return value
    inner = {key: numbered(one, teams) for key, one in value.items()}
    if "Team" not in (inner.get("type"), inner.get("actor_type")):
        return inner
    key = "id" if "id" in inner else "actor_id"
    if inner[key] not in teams:
        raise GitHubError(f"There is no team '{inner[key]}'.")
    return {**inner, key: teams[inner[key]]}
