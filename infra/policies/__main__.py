"""`python -m infra.policies`: hold the rules against cloud stacks, without an account."""

from typing import Annotated

import typer
from pulumi import RunError
from rich.console import Console

from infra.policies.recorded import stack_of
from infra.policies.report import listing, report
from infra.policies.review import review
from infra.policies.rules import RULES
from infra.render.engine import record
from infra.settings import KUBERNETES_STACKS


def main(
    stack: Annotated[
        list[str] | None, typer.Option(help="Name of a stack on Kubernetes; all of them by default.")
    ] = None,
    rules: Annotated[
        bool, typer.Option("--rules", help="Print the rules as a Markdown table, and nothing else.")
    ] = False,
) -> None:
    """Record each stack and print what breaks a rule; exit status 1 where a mandatory one is broken."""
    if rules:
        print(listing(RULES))
        return
    unknown = [name for name in stack or () if name not in KUBERNETES_STACKS]
    if unknown:
        print(f"'{unknown[0]}' is no stack on Kubernetes; give one of {', '.join(KUBERNETES_STACKS)}.")
        raise typer.Exit(2)
    console = Console(markup=False)
    try:
        broken = [report(name, RULES, review(stack_of(record(name))), console) for name in stack or KUBERNETES_STACKS]
    except (RunError, FileNotFoundError) as error:
        print(error)
        raise typer.Exit(2) from None
    raise typer.Exit(1 if any(broken) else 0)


if __name__ == "__main__":
    typer.run(main)
