"""Runs each step of a pipeline as a Job, and takes the Job away when it has ended."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelines.jobs.cluster_api import ClusterApi
from pipelines.jobs.following import follow
from pipelines.jobs.manifest import CompiledStep, step_job
from pipelines.jobs.settings import Allowance
from pipelines.jobs.surroundings import Surroundings
from pipelines.launching import Ended
from pipelines.submission_error import SubmissionError

_LOOK_SECONDS = 1.0
# A node that has gone keeps its pods from ending for some minutes.
_GONE_SECONDS = 600


class StepJobs:
    """A ``Launcher`` whose processes are pods.

    Args:
        api: Of the namespace.
        around: What the orchestrating pod passes on.
        steps: What each executor of the pipeline is on a cluster.
        allowed: What the cluster has for a step.
        waits: Called with each new reason for which a step does not run.
    """

    def __init__(
        self,
        api: ClusterApi,
        around: Surroundings,
        steps: Mapping[str, CompiledStep],
        allowed: Allowance,
        waits: Callable[[str], None],
    ) -> None:
        self._api, self._around, self._steps = api, around, steps
        self._allowed, self._waits = allowed, waits

    def clear(self) -> None:
        """Take away what an orchestrator of the same run left behind: its steps write where nobody looks any more.

        Raises:
            SubmissionError: Something of it does not go.
        """
        self._until_gone(lambda: [job["metadata"]["name"] for job in self._api.jobs_of(self._around.run)])

    def run(self, step: str, executor: str, command: Sequence[str]) -> Ended:
        """See ``Launcher``. A step that Kubernetes does not take has failed."""
        job = step_job(step, self._steps[executor], command, self._around, self._allowed)
        try:
            return self._run(step, job)
        except SubmissionError as refused:
            return Ended(succeeded=False, said=str(refused))

    def _run(self, step: str, job: Mapping[str, Any]) -> Ended:
        name = job["metadata"]["name"]
        if not self._api.create(job):
            self._until_gone(lambda: [name] if self._api.job(name) else [])
            self._api.create(job)
        try:
            found = follow(self._api, name, print, self._tell(step), self._allowed.waiting_seconds)
        finally:
            # Its log and the reason of its end are in the run's log.
            self._api.delete(name)
        return Ended(succeeded=found.phase == "succeeded", said=found.said, attempts=max(found.attempts, 1))

    def _tell(self, step: str) -> Callable[[str], None]:
        return lambda reason: self._waits(f"{step} waits: {reason}")

    def _until_gone(self, left: Callable[[], list[str]]) -> None:
        deadline = time.monotonic() + _GONE_SECONDS
        while found := left():
            if time.monotonic() > deadline:
                raise SubmissionError(
                    f"Jobs of an earlier start of this run do not go: {', '.join(found)}; look at their pods"
                )
            for name in found:
                self._api.delete(name)
            time.sleep(_LOOK_SECONDS)
