"""End a worker whose supervising process is gone."""

import asyncio
import os
import signal


async def end_with_parent(interval: float = 0.5) -> None:
    """Ask this process to stop once its parent has died.

    BentoML's workers survive a supervisor that was killed: they keep the port, and the restarted
    supervisor cannot bind it. Runs until cancelled.

    Args:
        interval: Seconds between looks.
    """
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(interval)
    os.kill(os.getpid(), signal.SIGTERM)
