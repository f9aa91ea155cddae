"""`make pause`: take everything down that costs by the hour; data stay.

Usage: ``python -m infra.operations.pause --stack dev``. Buckets, keys, images, the volume of MySQL and a last snapshot
of each RDS database stay; `make resume` brings the stack back with them. Run it again after an interruption.
"""

from collections.abc import Mapping
from typing import Annotated

import typer

from infra.operations import phases, snapshots
from infra.operations.phases import Operation, Stopped


def main(stack: Annotated[str, typer.Option(help="dev, staging or prod")]) -> None:
    """Take everything of a cloud stack down that costs by the hour."""

    def work(environment: Mapping[str, str]) -> None:
        pause(phases.begin(stack, environment))

    phases.command("make pause", work)


def pause(operation: Operation) -> None:
    """Drain, destroy what costs by the hour, and make sure that each database left its snapshot.

    Raises:
        Stopped: The stack is protected, was never up, or a snapshot is not there at the end.
    """
    name = operation.stack.name
    if operation.stack.settings.protect:
        raise Stopped(f"Stack {name} is protected: its databases are not taken down, so it cannot be paused.")
    resources = operation.pulumi.resources()
    if not resources:
        raise Stopped(f"Stack {name} is not up: there is nothing to pause.")
    endings = phases.check_endings(operation, resources)
    with operation.phase("Drain: balancers, volumes, machines"):
        cluster_gone = phases.drain(operation)
    with operation.phase("Pause: pulumi up"):
        operation.pulumi.set("paused", "true")
        operation.pulumi.up(cluster_gone=cluster_gone)
    if left := snapshots.missing(operation.account, endings):
        raise Stopped(
            f"The stack is down, but {', '.join(left)} is not complete: look at it with `aws rds describe-db-snapshots "
            f"--region {operation.stack.region}` before you rely on it."
        )
    kept = ", ".join(one.snapshot for one in endings) or "those of its earlier pause"
    operation.tell(f"Stack {name} is paused. Its databases are in {kept}. Back with: make resume STACK={name}")


if __name__ == "__main__":
    typer.run(main)
