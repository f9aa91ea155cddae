"""`make repository`: what GitHub would have to be set to, and with APPLY=1 sets it.

Usage: ``python -m infra.repository --repository acme/keelson [--apply]``. Exit status 0 if everything is as the table
has it, 2 if something would change, 1 if GitHub refused or a value is wrong.
"""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from infra.operations.stack import StackError
from infra.render.engine import ROOT
from infra.repository.apply import Interrupted, apply
from infra.repository.changes import Change, changes
from infra.repository.checks import ChecksError, required_checks
from infra.repository.codeowners import FILE, codeowners
from infra.repository.found import look
from infra.repository.github import GitHub, GitHubError, access
from infra.repository.variables import by_environment, of_stack
from infra.repository.wanted import wanted
from infra.settings import STACKS

# GitHub's names, without what could lead a path elsewhere.
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9_.-]*[A-Za-z0-9_-]")
CHANGES = 2


class RepositoryError(ValueError):
    """The name is wrong, or a file is another repository's; the message says what to do."""


def main(
    repository: Annotated[str, typer.Option(help="OWNER/NAME on GitHub")],
    apply_: Annotated[bool, typer.Option("--apply", help="Make the changes; otherwise only show them.")] = False,
) -> None:
    """Show what would change in the repository's settings, or change it."""
    console = Console(markup=False, highlight=False, soft_wrap=True)
    try:
        found = setup(repository, ROOT, os.environ, console, apply_=apply_)
    except (GitHubError, Interrupted, StackError, ChecksError, RepositoryError) as error:
        sys.exit(f"make repository: {error}")
    sys.exit(CHANGES if found and not apply_ else 0)


def setup(
    repository: str, root: Path, environment: Mapping[str, str], console: Console, *, apply_: bool
) -> Sequence[Change]:
    """Compare GitHub with the table, print what differs, and change it if asked to; returns the changes.

    Raises:
        RepositoryError, ChecksError, StackError: Something here is wrong; GitHub was not asked.
        GitHubError: GitHub could not be read; nothing was changed.
        Interrupted: A change was refused; the message says how far it came.
    """
    if not _REPOSITORY.fullmatch(repository):
        raise RepositoryError(f"'{repository}' is no repository: give REPOSITORY=owner/name.")
    owner, name = repository.split("/")
    if (root / FILE).read_text() != codeowners(owner, root):
        # GitHub passes over teams that are not there, and would ask nobody for a review.
        raise RepositoryError(f"{FILE} is not that of {owner}: run `make codeowners OWNER={owner}` and commit it.")
    checks = required_checks(root / ".github" / "workflows" / "ci.yml")
    stacks = {stack: of_stack(stack) for stack in STACKS}
    for stack in (stack for stack, known in stacks.items() if not known):
        console.print(f"variables of {stack}: none, as its file names no account yet (docs/bootstrap.md)")
    with GitHub(access(environment)) as github:
        found = look(github, owner, name)
        todo = changes(wanted(found.place, checks, by_environment(stacks)), found.settings)
        if not apply_:
            for change in todo:
                _show(console, change)
        else:
            apply(github, todo, found.teams, lambda change: _show(console, change))
    console.print(f"{len(todo)} changes{'' if apply_ or not todo else ' to make'}")
    return todo


def _show(console: Console, change: Change) -> None:
    console.print(f"{change.verb} {change.where}")
    for one in change.differences:
        console.print(f"    {one.what}: {one.wanted}" + (f" (is {one.found})" if change.verb == "change" else ""))


if __name__ == "__main__":
    typer.run(main)
