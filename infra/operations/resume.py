"""`make resume`: bring a paused cloud stack back with its data.

Usage: ``python -m infra.operations.resume --stack dev``. Run it again after an interruption.
"""

from collections.abc import Mapping
from typing import Annotated

import typer

from infra.operations import phases, snapshots
from infra.operations.phases import Operation, Stopped


def main(stack: Annotated[str, typer.Option(help="dev, staging or prod")]) -> None:
    """Bring a paused cloud stack back with its data."""

    def work(environment: Mapping[str, str]) -> None:
        resume(phases.begin(stack, environment))

    phases.command("make resume", work)


def resume(operation: Operation) -> None:
    """Point each database at its newest last snapshot, lift the pause, and bring the stack up.

    Of a stack that is not paused, as after an interrupted resume, no setting is touched.

    Raises:
        Stopped: A database has no snapshot to start from; nothing was changed.
    """
    stack = operation.stack
    if stack.settings.paused:
        with operation.phase("Snapshots"):
            chosen = {engine: _snapshot(operation, engine) for engine in snapshots.engines(stack)}
            for engine, snapshot in chosen.items():
                operation.tell(f"{engine} starts from {snapshot}")
            for engine, snapshot in chosen.items():
                operation.pulumi.set(snapshots.SETTINGS[engine], snapshot)
            # Last: until then a second run begins anew.
            operation.pulumi.set("paused", "false")
    else:
        operation.tell(f"stack {stack.name} is not paused: bringing it up as its settings say")
    with operation.phase("Resume: pulumi up"):
        operation.pulumi.up(cluster_gone=False)
    operation.tell(
        f"Stack {stack.name} is back. Leave `database.restore-from` in infra/stacks/Pulumi.{stack.name}.yaml: another "
        "value would replace the database."
    )


def _snapshot(operation: Operation, engine: str) -> str:
    found = snapshots.newest(operation.account, operation.stack, engine)
    if found is None:
        raise Stopped(
            f"There is no complete snapshot {operation.stack.prefix}-{engine}-final-* in {operation.stack.region}: "
            f"{engine} would start empty. If that is right: pulumi config set paused false --stack "
            f"{operation.stack.name}, then pulumi up."
        )
    return found.id


if __name__ == "__main__":
    typer.run(main)
