"""`python -m infra.delivery.settle`: write into the ledger what came of a deployment.

Usage: ``settle --deployment NUMBER --outcome success|failure|cancelled --says TEXT``, where the outcome is what GitHub
calls the job's status. Without a number nothing was opened, and nothing is written.
"""

import sys
from typing import Annotated

import typer

from infra.delivery.ledger import FAILURE, SUCCESS, Ledger
from infra.delivery.settings import SettingsError, job
from infra.repository.github import GitHubError


def main(
    outcome: Annotated[str, typer.Option(help="the job's status")],
    deployment: Annotated[str, typer.Option(help="number that `enter` gave")] = "",
    says: Annotated[str, typer.Option(help="what came of it, in words")] = "",
) -> None:
    """Close a deployment."""
    if not deployment:
        print("no deployment was opened")
        return
    try:
        told = job()
        state = SUCCESS if outcome == "success" else FAILURE
        Ledger(told.github()).close(int(deployment), state, says or outcome, told.log())
    except (GitHubError, SettingsError, ValueError) as error:
        sys.exit(f"settle: {error}")
    print(f"deployment {deployment}: {state}")


if __name__ == "__main__":
    typer.run(main)
