"""Start one service in place of this process, after clearing away what an earlier copy of it left behind.

The supervisor restarts a service whose main process died. Workers of that process may outlive it and
hold its port; without this the restart would fail until someone ended them by hand. Its temporary files
would pile up, too: each service has a temporary folder of its own, which it finds empty.

Usage: ``python -m infra.local.launch ROOT SERVICE COMMAND [ARGUMENT ...]``
"""

import os
import shutil
import sys
from pathlib import Path

from infra.local import processes
from infra.local.layout import Layout


def main() -> None:
    """Replace this process by the service's command."""
    root, service, *command = sys.argv[1:]
    processes.end([p for p in processes.of_stack(Path(root), service) if p.pid != os.getppid()], patience=5)
    temporary = Layout(Path(root)).temporary(service)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True, mode=0o700)
    os.execvpe(command[0], command, {**os.environ, "TMPDIR": str(temporary)})


if __name__ == "__main__":
    main()
