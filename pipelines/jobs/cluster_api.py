"""What is asked of Kubernetes for Jobs: thin, patient calls that give plain mappings."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import tenacity
import urllib3.exceptions
from kubernetes import client as kubernetes
from kubernetes import config
from kubernetes.client.exceptions import ApiException

from pipelines.jobs.names import RUN
from pipelines.submission_error import SubmissionError

# Seconds to connect, and to wait for an answer or for the next line of a log.
_PATIENCE = (5, 30)
# An API server that is started anew, and a network that does not know a new pod yet, are waited for.
_GIVE_UP_SECONDS = 120
_NOT_FOUND, _CONFLICT = 404, 409


def _passes(error: BaseException) -> bool:
    busy = isinstance(error, ApiException) and (error.status in (0, 429) or (error.status or 0) >= 500)
    return busy or isinstance(error, urllib3.exceptions.HTTPError)


_patient = tenacity.retry(
    retry=tenacity.retry_if_exception(_passes),
    wait=tenacity.wait_exponential(max=10),
    stop=tenacity.stop_after_delay(_GIVE_UP_SECONDS),
    reraise=True,
)


class ClusterApi:
    """Jobs of one namespace, as the user of the kubeconfig, or as the account of this pod where there is none.

    Raises:
        SubmissionError: There is neither.
    """

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        _sign_in()
        self._connection = kubernetes.ApiClient()
        self._core, self._batch = kubernetes.CoreV1Api(self._connection), kubernetes.BatchV1Api(self._connection)

    @_patient
    def pod(self, name: str) -> dict[str, Any]:
        """A pod.

        Raises:
            SubmissionError: There is none, or it may not be seen.
        """
        with _told(f"pod {name}"):
            return self._plain(self._core.read_namespaced_pod(name, self._namespace, _request_timeout=_PATIENCE))

    @_patient
    def template(self, name: str) -> dict[str, Any]:
        """A CronJob. Raises as ``pod``."""
        with _told(f"CronJob {name}"):
            return self._plain(self._batch.read_namespaced_cron_job(name, self._namespace, _request_timeout=_PATIENCE))

    @_patient
    def create(self, job: Mapping[str, Any]) -> bool:
        """Make a Job; returns whether there was none of its name.

        Raises:
            SubmissionError: It is refused.
        """
        try:
            with _told(f"Job {job['metadata']['name']}", but=_CONFLICT):
                self._batch.create_namespaced_job(self._namespace, job, _request_timeout=_PATIENCE)
        except ApiException:
            return False
        return True

    @_patient
    def job(self, name: str) -> dict[str, Any] | None:
        """A Job; None where there is none."""
        found = self._jobs(field_selector=f"metadata.name={name}")
        return found[0] if found else None

    @_patient
    def jobs_of(self, run: str) -> list[dict[str, Any]]:
        """Jobs of the steps of a run."""
        return self._jobs(label_selector=f"{RUN}={run}")

    @_patient
    def pods_of(self, job: str) -> list[dict[str, Any]]:
        """Pods of a Job."""
        with _told(f"pods of Job {job}"):
            found: Any = self._core.list_namespaced_pod(
                self._namespace, label_selector=f"batch.kubernetes.io/job-name={job}", _request_timeout=_PATIENCE
            )
        return [self._plain(one) for one in found.items]

    @_patient
    def events_of(self, job: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Events of a Job itself, and not of one that had its name before."""
        metadata = job["metadata"]
        with _told(f"events of Job {metadata['name']}"):
            found: Any = self._core.list_namespaced_event(
                self._namespace, field_selector=f"involvedObject.uid={metadata['uid']}", _request_timeout=_PATIENCE
            )
        return [self._plain(one) for one in found.items]

    @_patient
    def delete(self, job: str) -> None:
        """Remove a Job and its pods; it is there until they are gone. Nothing happens where it is gone."""
        try:
            with _told(f"Job {job}", but=_NOT_FOUND):
                self._batch.delete_namespaced_job(
                    job, self._namespace, propagation_policy="Foreground", _request_timeout=_PATIENCE
                )
        except ApiException:
            return

    def log(self, pod: str) -> Iterator[tuple[str, str]]:
        """Time and text of each line of a pod's log, from its beginning, as they come; until it ends or breaks off, or
        says nothing for half a minute."""
        try:
            answer: Any = self._core.read_namespaced_pod_log(
                pod, self._namespace, follow=True, timestamps=True, _preload_content=False, _request_timeout=_PATIENCE
            )
            with answer:
                for line in answer:
                    at, _, text = line.decode(errors="replace").rstrip("\n").partition(" ")
                    yield at, text
        except (ApiException, urllib3.exceptions.HTTPError):
            # Whoever reads asks again as long as the pod is there.
            return

    def _jobs(self, **which: str) -> list[dict[str, Any]]:
        with _told("Jobs"):
            found: Any = self._batch.list_namespaced_job(self._namespace, _request_timeout=_PATIENCE, **which)
        return [self._plain(one) for one in found.items]

    def _plain(self, one: Any) -> dict[str, Any]:
        made: Any = self._connection.sanitize_for_serialization(one)
        return made


def _sign_in() -> None:
    """By the kubeconfig of a person, else by the account of a pod."""
    try:
        config.load_kube_config()
    except config.ConfigException as absent:
        try:
            config.load_incluster_config()
        except config.ConfigException:
            raise SubmissionError(
                f"no Kubernetes is known here: {absent} Set KUBECONFIG, or run this in a pod with an account"
            ) from None


class _told:
    """Tell in one sentence what the API server refuses in the block; what passes, and one status, stay as they are."""

    def __init__(self, what: str, but: int = 0) -> None:
        self._what, self._but = what, but

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, ApiException) and not _passes(error) and error.status != self._but:
            raise SubmissionError(
                f"Kubernetes was asked for {self._what} and answered {error.status}: {_message(error)}"
            ) from error


def _message(error: ApiException) -> str:
    try:
        return json.loads(str(error.body))["message"]
    except (ValueError, KeyError, TypeError):
        return str(error.reason)
