"""Follow a Job to its end, with what it says."""

import time
from collections.abc import Callable

from pipelines.jobs.cluster_api import ClusterApi
from pipelines.jobs.verdict import Verdict, has_ended, has_started, verdict

_LOOK_SECONDS = 1.0


def follow(
    api: ClusterApi, job: str, said: Callable[[str], None], waits: Callable[[str], None], waiting_seconds: float
) -> Verdict:
    """Wait until a Job ends, or has waited for too long for a process of it to run.

    Args:
        api: Of its namespace.
        job: Its name.
        said: Called with each line of its pods' logs.
        waits: Called with each new reason for which it does not run.
        waiting_seconds: How long it may be without a process.

    Returns:
        ``succeeded`` or ``failed``.
    """
    logs = _Logs(api, said)
    told, since = "", time.monotonic()
    while True:
        found = api.job(job)
        if found is None:
            return Verdict(phase="failed", said="its Job is gone: somebody has deleted it, or the run was ended")
        pods = api.pods_of(job)
        now = verdict(found, pods, [] if pods else api.events_of(found))
        for pod in pods:
            if has_started(pod):
                logs.read(pod["metadata"]["name"], ended=has_ended(pod))
        if now.phase in ("succeeded", "failed"):
            return now
        if now.phase == "running":
            told, since = "", time.monotonic()
        elif now.said and now.said != told:
            told = now.said
            waits(told)
        if time.monotonic() - since > waiting_seconds:
            reason = now.said or "its pod did not start"
            return Verdict(
                phase="failed", said=f"waited {waiting_seconds:.0f} s: {reason}", pod=now.pod, attempts=now.attempts
            )
        time.sleep(_LOOK_SECONDS)


class _Logs:
    """Reads each line of pods' logs once, though a connection breaks off."""

    def __init__(self, api: ClusterApi, said: Callable[[str], None]) -> None:
        self._api, self._said = api, said
        self._read: dict[str, str] = {}
        self._done: set[str] = set()

    def read(self, pod: str, *, ended: bool) -> None:
        """Read what is new, until the pod ends or is silent; one that had ended before is read to its end once."""
        if pod in self._done:
            return
        if ended:
            self._done.add(pod)
        for at, line in self._api.log(pod):
            if at > self._read.get(pod, ""):
                self._read[pod] = at
                self._said(line)
