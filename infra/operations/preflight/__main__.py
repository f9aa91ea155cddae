"""`make preflight`: what would fail, all of it at once, before anything is made.

Usage: ``python -m infra.operations.preflight --stack dev [--json]``. Exit code 1 if `pulumi up` would fail. Nothing
is changed, in the account or on this machine.
"""

import datetime
import os
import sys
from typing import Annotated

import typer
from rich.console import Console

from infra.operations import pulumi_cli
from infra.operations.findings import any_fails, as_json, render
from infra.operations.preflight.survey import Edge, survey
from infra.operations.stack import StackError, load


def main(
    stack: Annotated[str, typer.Option(help="dev, staging or prod")],
    as_json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what would fail before a cloud stack is brought up."""
    try:
        chosen = load(stack)
    except StackError as error:
        sys.exit(f"make preflight: {error}")
    environment = dict(os.environ)
    edge = Edge(
        backend=environment.get(pulumi_cli.BACKEND, ""),
        environment=environment,
        today=datetime.datetime.now(tz=datetime.UTC).date(),
    )
    with Console(stderr=True).status(f"Asking AWS what stack {stack} would find") as status:
        findings = survey(chosen, edge, lambda subject: status.update(f"Asking AWS: {subject}"))
    if as_json_:
        print(as_json(stack, findings))
    else:
        console = Console()
        console.print(render(findings), soft_wrap=True)
        counts = {verdict: sum(one.verdict == verdict for one in findings) for verdict in ("ok", "warning", "fails")}
        console.print(f"{counts['ok']} ok, {counts['warning']} warnings, {counts['fails']} failures")
    sys.exit(1 if any_fails(findings) else 0)


if __name__ == "__main__":
    typer.run(main)
