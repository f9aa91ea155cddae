"""End a worker whose supervising process is gone.

BentoML's workers survive a supervisor that was killed: they keep the port, and the restarted
supervisor cannot bind it.
"""

import asyncio
import os
import signal

# How the supervisor tells its workers who it is. They cannot ask for their parent when they start:
# a supervisor that died before that would go unnoticed.
SUPERVISOR_VARIABLE = "KEELSON_SERVING_SUPERVISOR"


def announce_supervisor() -> None:
    """Leave this process's id to the workers that it starts from now on."""
    os.environ[SUPERVISOR_VARIABLE] = str(os.getpid())


async def end_with_supervisor(supervisor: int, interval: float = 0.5) -> None:
    """Ask this process to stop once its parent is not ``supervisor`` any more; runs until cancelled.

    Args:
        supervisor: Process id.
        interval: Seconds between looks.
    """
    while os.getppid() == supervisor:
        await asyncio.sleep(interval)
    os.kill(os.getpid(), signal.SIGTERM)
