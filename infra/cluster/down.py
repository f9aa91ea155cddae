"""`make cluster-down`: take the clone's cluster away, whatever state it is in.

Usage: ``python -m infra.cluster.down``.
"""

import shutil
import sys

from infra.cluster import control_groups
from infra.cluster.layout import ClusterLayout, of_clone
from infra.local import processes
from infra.local.supervisor import Supervisor, SupervisorError


def main() -> None:
    """Take it down; exit 1, naming it, while something is left."""
    try:
        take_down(of_clone())
    except SupervisorError as error:
        sys.exit(f"make cluster-down: {error}")
    print("The cluster is down, and nothing of it is left.")


def take_down(layout: ClusterLayout) -> None:
    """End all processes of a cluster and remove its folder and control groups; nothing happens where there is none.

    Raises:
        SupervisorError: Something of it cannot be ended.
    """
    Supervisor(layout).shut_down()
    control_groups.remove(layout)
    shutil.rmtree(layout.root, ignore_errors=True)
    left = leftovers(layout)
    if left:
        raise SupervisorError(f"still there: {'; '.join(left)}")


def leftovers(layout: ClusterLayout) -> list[str]:
    """What is left of a cluster, a few words each."""
    alive = [processes.describe(process.pid) for process in processes.of_stack(layout.root)]
    groups = [str(group) for group in control_groups.existing(layout)]
    return [
        *(f"process {text}" for text in alive),
        *(f"control group {group}" for group in groups),
        *([str(layout.root)] if layout.root.exists() else []),
    ]


if __name__ == "__main__":
    main()
