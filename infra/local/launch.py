"""Start one service in place of this process, after ending what an earlier copy of it left behind.

The supervisor restarts a service whose main process died. Workers of that process may outlive it and
hold its port; without this the restart would fail until someone ended them by hand.

Usage: ``python -m infra.local.launch ROOT SERVICE COMMAND [ARGUMENT ...]``
"""

import os
import sys
from pathlib import Path

from infra.local import processes


def main() -> None:
    """Replace this process by the service's command."""
    root, service, *command = sys.argv[1:]
    processes.end([p for p in processes.of_stack(Path(root), service) if p.pid != os.getppid()], patience=5)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
