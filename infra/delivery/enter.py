"""`python -m infra.delivery.enter`: may this change enter this environment? If so, its deployment is opened.

Usage: ``enter code --environment prod --why TEXT`` for the checked-out sources, ``enter model --environment prod --name
TAG --digest SHA256 --why TEXT`` for a bundle. The output ``deployment`` is the number in the ledger, which ``settle``
closes. Exit status 1: refused, and each reason stands on standard error.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from infra.delivery import outputs
from infra.delivery.ledger import IN_PROGRESS, Ledger, Record
from infra.delivery.promotion import ENVIRONMENTS, Entry, Kind, environment_before, refusals
from infra.delivery.settings import Job, SettingsError, job
from infra.delivery.sources import SourcesError, tree
from infra.repository.github import GitHubError

cli = typer.Typer(add_completion=False)

Where = Annotated[str, typer.Option("--environment", help=", ".join(ENVIRONMENTS))]
Why = Annotated[str, typer.Option(help="for those who read the deployment")]


class Refused(RuntimeError):
    """The change may not enter; the message says why."""


@cli.command()
def code(environment: Where, why: Why = "") -> None:
    """Ask for the sources that are checked out in the working folder."""
    try:
        told = job()
        outputs.give({"deployment": enter(told, Kind.CODE, environment, tree(Path.cwd()), told.commit[:12], why)})
    except (GitHubError, SettingsError, SourcesError, Refused, ValueError) as error:
        sys.exit(f"enter: {error}")


@cli.command()
def model(
    environment: Where,
    name: Annotated[str, typer.Option(help="the bundle's tag")],
    digest: Annotated[str, typer.Option(help="of the bundle's content")],
    why: Why = "",
) -> None:
    """Ask for a bundle."""
    try:
        outputs.give({"deployment": enter(job(), Kind.MODEL, environment, digest, name, why)})
    except (GitHubError, SettingsError, Refused, ValueError) as error:
        sys.exit(f"enter: {error}")


def enter(told: Job, kind: Kind, environment: str, digest: str, name: str, why: str) -> int:
    """Open the deployment of a change that may enter; returns its number.

    Raises:
        Refused: It may not.
        GitHubError: GitHub does not say.
        ValueError: There is no such environment.
    """
    ledger, rules, before = Ledger(told.github()), told.rules(), environment_before(environment)
    runs = ledger.runs(kind, before, digest) if before else []
    words = ledger.approvers(told.run, environment) if environment in rules.approved else {}
    approvers = tuple(sorted(words))
    entry = Entry(environment=environment, kind=kind, digest=digest, approvers=approvers)
    if found := refusals(entry, runs, rules):
        raise Refused("; ".join(found))
    said = "; ".join([*why.splitlines()[:1], *(f"{who}: {text}" for who, text in sorted(words.items()))]).strip("; ")
    greens = ", ".join(str(run.number) for run in runs if run.green)
    print(
        f"{kind} {name} may enter {environment}: green runs in {before}: {greens}"
        if before
        else f"{kind} {name} begins"
    )
    record = Record(
        number=0,
        environment=environment,
        kind=kind,
        digest=digest,
        name=name,
        commit=told.commit,
        run=told.run,
        by=told.actor,
        approvers=approvers,
        why=said,
        state=IN_PROGRESS,
        says="",
    )
    return ledger.open(record, told.log())


if __name__ == "__main__":
    cli()
