"""The last step of the workflows ``preview`` and ``drift``: ``python -m infra.review.post comment`` or ``drift``.

A job's outputs come as environment variables: they hold what a change's author wrote, and no shell reads them.
"""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, TypeVar

import typer
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.repository.github import GitHub, GitHubError, access
from infra.review.comment import preview, upsert_comment, upsert_issue
from infra.review.drift import drifted
from infra.settings import STACKS

T = TypeVar("T")

app = typer.Typer(add_completion=False)


class _Run(BaseSettings):
    """The run that this step is part of, and what its jobs found."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    repository: Annotated[str, Field(validation_alias="GITHUB_REPOSITORY", pattern=r"^[A-Za-z0-9-]+/[\w.-]*[\w-]$")]
    server: Annotated[str, Field(validation_alias="GITHUB_SERVER_URL")]
    number: Annotated[str, Field(validation_alias="GITHUB_RUN_ID", pattern=r"^\d+$")]
    change: Annotated[str, Field(validation_alias="CHANGE")] = ""
    result: Annotated[str, Field(validation_alias="RESULT")] = ""

    @property
    def address(self) -> str:
        return f"{self.server}/{self.repository}/actions/runs/{self.number}"


@app.command()
def comment(pull_request: Annotated[int, typer.Option(help="number of the pull request")]) -> None:
    """Write what a change does to the stacks on its pull request (CHANGE, PLAN_DEV, PLAN_STAGING, PLAN_PROD)."""
    run = _run()
    text = preview(run.change, _plans(), run.address)
    changed = _ask(lambda github: upsert_comment(github, run.repository, pull_request, text))
    print("The comment is written." if changed else "The comment says so already.")


@app.command()
def drift() -> None:
    """Keep the issue of drift (PLAN_DEV, PLAN_STAGING, PLAN_PROD, and RESULT of the looks together)."""
    run = _run()
    text = drifted(_plans(), run.result, run.address)
    number = _ask(lambda github: upsert_issue(github, run.repository, "A stack is not what its program says", text))
    print(f"Issue {number}." if number else "No stack drifted.")
    sys.exit(1 if text else 0)


def _run() -> _Run:
    try:
        return _Run()  # pyright: ignore[reportCallIssue]
    except ValidationError as error:
        first = error.errors()[0]
        sys.exit(f"python -m infra.review.post: {first['loc'][0]}: {first['msg']}; GitHub sets it in a job.")


def _plans() -> Mapping[str, str]:
    return {stack: os.environ.get(f"PLAN_{stack.upper()}", "") for stack in STACKS}


def _ask(work: Callable[[GitHub], T]) -> T:
    try:
        with GitHub(access(os.environ)) as github:
            return work(github)
    except GitHubError as error:
        sys.exit(f"python -m infra.review.post: {error}")


if __name__ == "__main__":
    app()
