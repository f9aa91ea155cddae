"""`make down`: destroy stack ``local`` and prove that nothing of it is left.

Usage: ``python -m infra.local.down [--purge]``. Data stays unless ``--purge``.
"""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from infra.local import processes, pulumi_cli
from infra.local.layout import Layout
from infra.local.supervisor import Supervisor, SupervisorError

ROOT = Path(__file__).resolve().parent.parent.parent


def main(purge: Annotated[bool, typer.Option(help="Remove the data too.")] = False) -> None:
    """Destroy the stack; exit 1, naming them, while processes, ports or sockets are left."""
    layout = Layout(ROOT)
    try:
        if pulumi_cli.state_file(layout).exists():
            for sentence in pulumi_cli.repair(layout):
                print(sentence)
            pulumi_cli.run(layout, "destroy", "--yes", "--skip-preview", "--stack", pulumi_cli.STACK)
        # Also without a state, or with one that no longer knows of them, no process may stay.
        Supervisor(layout).shut_down()
    except (pulumi_cli.PulumiError, SupervisorError) as error:
        sys.exit(str(error))
    left = leftovers(layout)
    if left:
        sys.exit("Still there: " + "; ".join(left))
    if purge:
        remove_data(layout)
    print("The local stack is down; " + ("its data is gone." if purge else "its data stays (PURGE=1 removes it)."))


def leftovers(layout: Layout) -> list[str]:
    """Processes and sockets of the stack that are still there, one sentence each."""
    alive = [processes.describe(process.pid) for process in processes.of_stack(layout.root)]
    return [f"process {text}" for text in alive] + [f"socket {layout.socket}"] * layout.socket.exists()


def remove_data(layout: Layout) -> None:
    """Data, logs, state, bundles, and the stack file with its bundle. Tools stay, and so does a cluster for tests."""
    for entry in layout.local.iterdir():
        if entry == layout.bin or entry.name in ("tools.json", "cluster"):
            continue
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    (layout.root / "infra" / "stacks" / f"Pulumi.{pulumi_cli.STACK}.yaml").unlink(missing_ok=True)


if __name__ == "__main__":
    typer.run(main)
