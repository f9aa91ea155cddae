"""`make teardown`: drain, destroy, and prove that nothing is left.

Usage: ``python -m infra.operations.teardown --stack dev [--yes]``. Exit code 1 while something is left. Each phase
finds what is already done: after an interruption or a failure, run it again.
"""

from collections.abc import Mapping
from typing import Annotated

import typer

from infra.operations import phases
from infra.operations.phases import Operation, Stopped
from infra.operations.stack import Stack, load
from infra.operations.sweep.leftover import Sweep, render
from infra.operations.sweep.search import search
from infra.render.prices import prices


def main(
    stack: Annotated[str, typer.Option(help="dev, staging or prod")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the stack's name.")] = False,
) -> None:
    """Drain and destroy a cloud stack, and look for what is left."""

    def work(environment: Mapping[str, str]) -> None:
        check_protection(load(stack))
        operation = phases.begin(stack, environment)
        if not yes:
            confirm(operation)
        tear_down(operation)

    phases.command("make teardown", work)


def check_protection(stack: Stack) -> None:
    """Refuse a stack whose data are protected.

    Raises:
        Stopped: It is; the message says how to lift it.
    """
    if stack.settings.protect:
        raise Stopped(
            f"Stack {stack.name} is protected. To take it down with all of its data: set `protect` to False in its "
            f"row of infra/settings/cloud.py, run the bootstrap again (docs/bootstrap.md), then `pulumi up --stack "
            f"{stack.name}`, then this again."
        )


def confirm(operation: Operation) -> None:
    """Have the stack's name typed.

    Raises:
        Stopped: Something else was typed.
    """
    name = operation.stack.name
    operation.console.print(
        f"Everything of stack {name} in account {operation.account_id} goes, with its buckets, images and keys. Of "
        "each RDS database a last snapshot stays, readable for as long as its key does."
    )
    if typer.prompt("Type the stack's name to go on", err=True) != name:
        raise Stopped(f"That was not '{name}': nothing was changed.")


def tear_down(operation: Operation) -> None:
    """All phases in order.

    Raises:
        Stopped: A phase cannot go on, or something is left at the end.
    """
    resources = operation.pulumi.resources()
    held = [one["urn"].rsplit("::", 1)[-1] for one in resources if one.get("protect")]
    if held:
        raise Stopped(
            f"Pulumi's state still protects {', '.join(held)}: run `pulumi up --stack {operation.stack.name}` first, "
            "which lifts what the settings no longer ask for."
        )
    phases.check_endings(operation, resources)
    with operation.phase("Drain: balancers, volumes, machines"):
        cluster_gone = phases.drain(operation)
    with operation.phase("Destroy: pulumi destroy"):
        if resources:
            operation.pulumi.destroy(cluster_gone=cluster_gone)
        else:
            operation.tell("Pulumi's state is empty already")
    with operation.phase("Sweep: what is left"):
        found = sweep(operation)
        operation.console.print(render(operation.stack.name, found), soft_wrap=True)
    if not found.clean:
        raise Stopped(f"{len(found.left)} resources are left, {len(found.unseen)} kinds could not be looked at.")


def sweep(operation: Operation) -> Sweep:
    """What is left of the stack."""
    with operation.console.status("Looking") as status:
        return search(
            operation.stack,
            operation.account,
            operation.account_id,
            prices(),
            lambda kind: status.update(f"Looking for {kind}"),
        )


if __name__ == "__main__":
    typer.run(main)
