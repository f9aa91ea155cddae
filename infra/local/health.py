"""Does a service answer, and waiting until it does."""

import ssl
import subprocess
import time
from collections.abc import Mapping
from typing import Any

import httpx

from infra.local.program import Program
from infra.local.supervisor import FATAL, Supervisor

_TRY_SECONDS = 5.0
_PAUSE_SECONDS = 0.1
_MOST_STARTS = 3


class ServiceFailed(RuntimeError):
    """A service did not come up; the message ends with the last lines of its log."""


def problem(health: Mapping[str, Any]) -> str | None:
    """What is wrong right now, in a few words, or None when the service answers as it should."""
    authority = health.get("authority")
    for address in health.get("http", ()):
        try:
            verify = ssl.create_default_context(cafile=authority) if authority else True
            answer = httpx.get(address, timeout=_TRY_SECONDS, verify=verify)
        except httpx.HTTPError as error:
            return f"{address}: {error}"
        if answer.status_code >= 300:
            return f"{address}: HTTP {answer.status_code}"
    if "command" not in health:
        return None
    try:
        done = subprocess.run(health["command"], capture_output=True, text=True, timeout=_TRY_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"{health['command'][0]} did not end in {_TRY_SECONDS:g} s"
    return None if done.returncode == 0 else (done.stdout + done.stderr).strip()[-200:]


def wait(program: Program, supervisor: Supervisor) -> None:
    """Return as soon as the program is healthy.

    Raises:
        ServiceFailed: It gave up starting, or was not healthy within ``program.startup_seconds``.
    """
    deadline = time.monotonic() + program.startup_seconds
    starts = set()
    while True:
        fault = problem(program.health)
        if fault is None:
            return
        seen = supervisor.info(program.name)
        starts.add(seen["start"])
        # A program that lives for over a second counts as started for the supervisor, which then never gives up.
        gave_up = seen["statename"] == FATAL or len(starts) > _MOST_STARTS
        if gave_up or time.monotonic() > deadline:
            what = "ended each time it was started" if gave_up else f"was not healthy in {program.startup_seconds} s"
            raise ServiceFailed(
                f"Service {program.name} {what} ({fault}). "
                f"Last lines of {supervisor.layout.logs / program.name}.log:\n{supervisor.log_tail(program.name)}"
            )
        time.sleep(_PAUSE_SECONDS)
