"""`make sweep`: what a cloud stack left behind, what it costs, and how to remove it.

Usage: ``python -m infra.operations.sweep --stack dev [--json]``. Exit code 1 while something is left that does not
stay on purpose, or something could not be looked at. Run it after a teardown or a pause: of a stack that is up,
everything is found. Nothing is changed.
"""

import sys
from typing import Annotated

import typer
from rich.console import Console

from infra.operations.account import Account, AccountError
from infra.operations.stack import StackError, load
from infra.operations.sweep.leftover import as_json, render
from infra.operations.sweep.search import search
from infra.render.prices import prices


def main(
    stack: Annotated[str, typer.Option(help="dev, staging or prod")],
    as_json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what a cloud stack left behind."""
    try:
        chosen = load(stack)
        account = Account(chosen.region)
        account_id = account.ask("sts", "get_caller_identity")["Account"]
    except (StackError, AccountError) as error:
        sys.exit(f"make sweep: {error}")
    with Console(stderr=True).status(f"Looking for what is left of stack {stack}") as status:
        found = search(chosen, account, account_id, prices(), lambda kind: status.update(f"Looking for {kind}"))
    if as_json_:
        print(as_json(stack, found))
    else:
        Console().print(render(stack, found), soft_wrap=True)
    sys.exit(0 if found.clean else 1)


if __name__ == "__main__":
    typer.run(main)
