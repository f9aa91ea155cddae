"""Puts a pull request's comment, or the issue of drift, in place: one of each, changed as things change."""

from collections.abc import Mapping
from typing import Any

from infra.repository.github import GitHub
from infra.review.markdown import limited

# GitHub's own limit is 65,536.
_CHARACTERS = 65_000
# Who writes with the token of a job.
_AUTHOR = "github-actions[bot]"
PREVIEW = "<!-- keelson: preview -->"
DRIFT = "<!-- keelson: drift -->"


def preview(change: str, plans: Mapping[str, str], address: str) -> str:
    """The comment of a pull request.

    Args:
        change: What is known without an account.
        plans: What Pulumi says, by stack; an empty text where it was not asked.
        address: Of the run that found it out.
    """
    asked = {stack: plan for stack, plan in plans.items() if plan}
    online = "\n".join(f"### {stack}\n\n{plan}" for stack, plan in asked.items())
    if not asked:
        online = "Pulumi was not asked: the change comes from a fork, or the stacks have no account yet.\n"
    text = "\n".join(
        [
            PREVIEW,
            "## What this change does to the stacks",
            "",
            change or "Nothing could be said without an account; the run's log says why.\n",
            "## What Pulumi would do",
            "",
            online,
            f"From [this run]({address}). A newer push replaces this comment's text.",
        ]
    )
    return limited(text, _CHARACTERS, f"\n... and more, in [this run]({address}).")


def upsert_comment(github: GitHub, repository: str, number: int, text: str) -> bool:
    """Write the comment of a pull request, or change it where it is there; returns whether anything changed.

    Only a comment that a job wrote is changed: the marker in somebody else's makes it no other.

    Raises:
        GitHubError: GitHub refused.
    """
    path = f"/repos/{repository}/issues/{number}/comments"
    mine = _mine(github.pages(path), PREVIEW)
    if mine is None:
        github.send("POST", path, {"body": text})
    elif mine["body"] != text:
        github.send("PATCH", f"/repos/{repository}/issues/comments/{mine['id']}", {"body": text})
    else:
        return False
    return True


def upsert_issue(github: GitHub, repository: str, title: str, text: str | None) -> int | None:
    """Keep one open issue while there is something to say; returns its number, or None where there is none.

    Args:
        text: What to say; None closes the issue.

    Raises:
        GitHubError: GitHub refused.
    """
    path = f"/repos/{repository}/issues"
    mine = _mine((one for one in github.pages(path) if "pull_request" not in one), DRIFT)
    if text is None:
        if mine is not None:
            github.send("PATCH", f"{path}/{mine['number']}", {"state": "closed"})
        return None
    body = f"{DRIFT}\n{text}"
    if mine is None:
        return github.send("POST", path, {"title": title, "body": body, "labels": ["drift"]})["number"]
    if mine["body"] != body:
        github.send("PATCH", f"{path}/{mine['number']}", {"body": body})
    return mine["number"]


def _mine(entries: Any, marker: str) -> Mapping[str, Any] | None:
    """The entry that a job wrote before."""
    written = (one for one in entries if one["user"]["login"] == _AUTHOR and (one["body"] or "").startswith(marker))
    return next(written, None)
