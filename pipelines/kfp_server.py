"""A Kubeflow Pipelines API: versions of pipelines, runs and schedules on it."""

import pipelines.kfp_without_client  # noqa: F401

# isort: split
import contextlib
import hashlib
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import kfp_server_api
from kfp.client.client import Client
from kfp.client.set_volume_credentials import ServiceAccountTokenVolumeCredentials

from pipelines.submission_error import SubmissionError

_ANSWER_SECONDS = 30
_LOOK_SECONDS = 5.0
_ENDED = ("SUCCEEDED", "FAILED", "SKIPPED", "CANCELED")


@dataclass(frozen=True, kw_only=True)
class UploadedVersion:
    """A version of a pipeline on the server.

    Attributes:
        name: Its name there, which ends with the digest of its content.
        is_new: Whether it was not there before.
    """

    pipeline_id: str
    version_id: str
    name: str
    is_new: bool


class KfpServer:
    """One API server.

    Args:
        endpoint: Its address.
        token_file: File with a token of a service account, read anew for each request; tokens are short-lived.
        authority_file: Certificate authority of the address, in PEM.

    Raises:
        SubmissionError: It does not answer, or does not let in.
    """

    def __init__(self, endpoint: str, *, token_file: Path | None = None, authority_file: Path | None = None) -> None:
        self._endpoint = endpoint.rstrip("/")
        _require_answer(self._endpoint, token_file, authority_file)
        with warnings.catch_warnings(), self._asking("for its health"):
            warnings.simplefilter("ignore", FutureWarning)
            # What it returns is generated code, of which no type checker knows the types.
            self._client: Any = Client(
                self._endpoint,
                credentials=ServiceAccountTokenVolumeCredentials(str(token_file)) if token_file else None,
                ssl_ca_cert=str(authority_file) if authority_file else None,
            )

    def run_url(self, run_id: str) -> str:
        """Where a person looks at a run."""
        return f"{self._endpoint}/#/runs/details/{run_id}"

    def upload(self, pipeline: str, version: str, document: bytes) -> UploadedVersion:
        """Put a version of a pipeline on the server, unless this very content is there.

        Raises:
            SubmissionError: The version is there with another content.
        """
        digest = hashlib.sha256(document).hexdigest()
        name = f"{version}-{digest[:12]}"
        with self._asking(f"for the pipeline {pipeline}"):
            pipeline_id = self._client.get_pipeline_id(pipeline) or self._create_pipeline(pipeline)
        found = self._version(pipeline_id, name)
        if found is None:
            return self._upload(pipeline_id, name, digest, document)
        if digest not in (found.description or ""):
            raise SubmissionError(
                f"{pipeline} {name} on {self._endpoint} has another content than that of this name; "
                "nothing was overwritten: find out who made it, and delete it there"
            )
        version_id = str(found.pipeline_version_id)
        return UploadedVersion(pipeline_id=pipeline_id, version_id=version_id, name=name, is_new=False)

    def start(self, pipeline: str, version: UploadedVersion, arguments: Mapping[str, Any], name: str) -> str:
        """Start a run; returns its ID."""
        with self._asking("to start a run"):
            started = self._client.run_pipeline(
                self._experiment(pipeline),
                name,
                params=dict(arguments),
                pipeline_id=version.pipeline_id,
                version_id=version.version_id,
            )
        return str(started.run_id)

    def schedule(self, pipeline: str, version: UploadedVersion, arguments: Mapping[str, Any], cron: str) -> str:
        """Start runs by the clock, one at a time, in place of the pipeline's earlier schedule; returns its ID.

        Args:
            cron: Six fields, the first of them seconds.
        """
        name = f"{pipeline}-schedule"
        with self._asking("to schedule runs"):
            before = self._client.list_recurring_runs(filter=_named(name)).recurring_runs or []
            made = self._client.create_recurring_run(
                self._experiment(pipeline),
                name,
                cron_expression=cron,
                max_concurrency=1,
                # After an outage the newest run is enough.
                no_catchup=True,
                params=dict(arguments),
                pipeline_id=version.pipeline_id,
                version_id=version.version_id,
            )
            for one in before:
                self._client.delete_recurring_run(str(one.recurring_run_id))
        return str(made.recurring_run_id)

    def wait(self, run_id: str, report: Callable[[str], None]) -> str:
        """Wait for a run to end; returns the state that it ended in.

        ``Client.wait_for_run_completion`` does not know that a run can be cancelled, and would wait for ever.

        Args:
            report: Called with each new state.
        """
        state = ""
        while state not in _ENDED:
            with self._asking(f"for run {run_id}"):
                now = str(self._client.get_run(run_id).state or "PENDING")
            if now != state:
                report(now)
                state = now
            if state not in _ENDED:
                time.sleep(_LOOK_SECONDS)
        return state

    def _experiment(self, name: str) -> str:
        return str(self._client.create_experiment(name).experiment_id)

    def _create_pipeline(self, name: str) -> str:
        # `Client.upload_pipeline` would give it a first version, which has the pipeline's name and no number.
        wanted = kfp_server_api.V2beta1Pipeline(display_name=name)
        return str(self._client._pipelines_api.pipeline_service_create_pipeline(pipeline=wanted).pipeline_id)

    def _version(self, pipeline_id: str, name: str) -> Any | None:
        with self._asking(f"for version {name}"):
            found = self._client.list_pipeline_versions(pipeline_id, filter=_named(name)).pipeline_versions
        return found[0] if found else None

    def _upload(self, pipeline_id: str, name: str, digest: str, document: bytes) -> UploadedVersion:
        with tempfile.TemporaryDirectory() as folder, self._asking(f"to take version {name}"):
            file = Path(folder) / "pipeline.yaml"
            file.write_bytes(document)
            made = self._client.upload_pipeline_version(
                str(file), name, pipeline_id=pipeline_id, description=f"SHA-256 {digest}"
            )
        version_id = str(made.pipeline_version_id)
        return UploadedVersion(pipeline_id=pipeline_id, version_id=version_id, name=name, is_new=True)

    @contextlib.contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Tell in one sentence what the server refuses in the block, and keep the client from writing to stdout."""
        try:
            with contextlib.redirect_stdout(sys.stderr):
                yield
        except kfp_server_api.ApiException as error:
            raise SubmissionError(
                f"{self._endpoint} was asked {what} and answered {error.status}: {_told(error)}"
            ) from error


def _require_answer(endpoint: str, token_file: Path | None, authority_file: Path | None) -> None:
    """Look whether the server is there: the client itself would try for half a minute, with a traceback for each."""
    try:
        headers = {"Authorization": f"Bearer {token_file.read_text().strip()}"} if token_file else {}
        verify = str(authority_file) if authority_file else True
        with httpx.Client(verify=verify, trust_env=False, timeout=_ANSWER_SECONDS) as client:
            answer = client.get(f"{endpoint}/apis/v2beta1/healthz", headers=headers)
    except (OSError, httpx.HTTPError) as error:
        raise SubmissionError(f"Kubeflow Pipelines at {endpoint} cannot be asked: {error}") from error
    if answer.status_code in (401, 403):
        raise SubmissionError(
            f"{endpoint} does not let in ({answer.status_code}); give a token that it knows by --token-file"
        )
    if answer.status_code != 200:
        raise SubmissionError(f"{endpoint} is not healthy: it answered {answer.status_code}")


def _named(name: str) -> str:
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": "display_name", "stringValue": name}]})


def _told(error: kfp_server_api.ApiException) -> str:
    """What the server says is wrong: its bodies are JSON, of one kind for uploads and another for the rest."""
    try:
        body = json.loads(str(error.body))
        return str(body.get("message") or body["error_details"])
    except (AttributeError, ValueError, KeyError):
        return str(error.reason)
