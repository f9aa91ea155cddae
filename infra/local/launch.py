"""Start one service in place of this process, after clearing away what an earlier copy of it left behind.

The supervisor restarts a service whose main process died. Workers of that process may outlive it and
hold its port; without this the restart would fail until someone ended them by hand. Its temporary files
would pile up, too: each service has a temporary folder of its own, which it finds empty.

Usage: ``python -m infra.local.launch ROOT SERVICE TEMPORARY COMMAND [ARGUMENT ...]``
"""

import os
import shutil
import sys
from pathlib import Path

from infra.local import processes


def main() -> None:
    """Replace this process by the service's command."""
    root, service, temporary, *command = sys.argv[1:]
    processes.end([p for p in processes.of_stack(Path(root), service) if p.pid != os.getppid()], patience=5)
    shutil.rmtree(temporary, ignore_errors=True)
    Path(temporary).mkdir(parents=True, mode=0o700)
    os.execvpe(command[0], command, {**os.environ, "TMPDIR": temporary})


if __name__ == "__main__":
    main()
