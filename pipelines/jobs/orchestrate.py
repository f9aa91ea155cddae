"""``python -m pipelines.jobs.orchestrate training --rows 200000``: run a pipeline whose steps are Jobs, in a pod.

It takes what ``pipelines.run`` takes, and says what that says. The pod's Job names the run: one that takes a killed
one's place begins anew under the same name, and what the other had finished is answered from the cache.
"""

import pipelines.kfp_without_client  # noqa: F401

# isort: split
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from kfp.components import load_component_from_text

from components.platform import Platform
from pipelines import run
from pipelines.cluster import CUDA, DEVICE
from pipelines.compile import unpublished
from pipelines.driver import Job, Outcome, Place, execute
from pipelines.jobs.cluster_api import ClusterApi
from pipelines.jobs.let_in import wait_until_let_in
from pipelines.jobs.manifest import compiled_steps
from pipelines.jobs.settings import Allowance
from pipelines.jobs.steps import StepJobs
from pipelines.jobs.surroundings import Surroundings
from pipelines.requests import FeaturesRequest, Request, TrainingRequest
from pipelines.submission_error import SubmissionError
from pipelines.versioning.published import Published
from pipelines.versioning.version import Version

# Where every pod with an account has its token.
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def perform(request: Request, api: ClusterApi, around: Surroundings, allowed: Allowance) -> dict[str, Any]:
    """Run a pipeline, or join the run that is under way for the same request.

    Args:
        request: What is asked for.
        api: Of the pod's namespace.
        around: What the pod passes on.
        allowed: What the cluster has for a step.

    Returns:
        What the JSON line says.

    Raises:
        SubmissionError: The image's source tree differs from what is published.
        sqlalchemy.exc.OperationalError: The database does not answer.
    """
    platform = Platform()  # pyright: ignore[reportCallIssue]
    wait_until_let_in(platform)

    def carry_out(platform: Platform, job: Job) -> Outcome:
        document = _published(job)
        cuda = job.arguments.get(DEVICE) == CUDA
        steps = StepJobs(
            api, around, compiled_steps(yaml.safe_load(document), around.image, cuda=cuda), allowed, _print
        )
        steps.clear()
        place = Place(
            run=around.key, root=around.folder, image=around.image, launcher=steps, by="pipelines.jobs.orchestrate"
        )
        return execute(platform, replace(job, pipeline=_in_image(document, around.image)), place)

    return run.perform(platform, once_resolved(platform, request, around), carry_out)


def once_resolved(platform: Platform, request: Request, around: Surroundings) -> Request:
    """The request with the source that it was resolved to when its run began first: later the same words would mean
    other trips."""
    if not isinstance(request, TrainingRequest | FeaturesRequest):
        return request
    kept = around.folder / "sources" / around.key
    if kept.exists():
        return replace(request, data=kept.read_text(encoding="utf-8"))
    found = run.resolved(platform, request)
    assert isinstance(found, TrainingRequest | FeaturesRequest)
    kept.parent.mkdir(parents=True, exist_ok=True)
    draft = kept.with_suffix(".draft")
    draft.write_text(found.data, encoding="utf-8")
    draft.rename(kept)
    return found


def _published(job: Job) -> bytes:
    """The published definition of a pipeline: only what others can find again runs on a cluster."""
    faults = unpublished(job.name, Published())
    if faults:
        raise SubmissionError(
            f"{'; '.join(faults)}; publish by `python -m pipelines.compile --bump`, and build an image"
        )
    return Published().document("pipelines", job.name, Version.parse(job.version))


def _in_image(document: bytes, image: str) -> Any:
    """The pipeline as kfp.local calls it; answers of another image are no answers."""
    specification = yaml.safe_load(document)
    for executor in specification["deploymentSpec"]["executors"].values():
        if "container" in executor:
            executor["container"]["image"] = image
    return load_component_from_text(yaml.safe_dump(specification))


def _print(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _stop(*_: object) -> None:
    """The first process of a container is not ended by SIGTERM unless it says how."""
    sys.exit(128 + signal.SIGTERM)


def main() -> int:
    """Run the pipeline that the command line names; returns the exit status."""
    signal.signal(signal.SIGTERM, _stop)
    request = run.parse(sys.argv[1:])

    def ask() -> dict[str, Any]:
        pod = _own_pod()
        api = ClusterApi(pod[0])
        return perform(request, api, Surroundings.of(api.pod(pod[1])), Allowance())

    return run.answered(ask)


def _own_pod() -> tuple[str, str]:
    """Namespace and name of the pod that this process runs in.

    Raises:
        SubmissionError: It runs in none.
    """
    file = _ACCOUNT / "namespace"
    if not file.exists():
        raise SubmissionError(
            f"this is no pod with an account: there is no {file}; ask for a run by `python -m pipelines.submit`"
        )
    return file.read_text(encoding="utf-8").strip(), socket.gethostname()


if __name__ == "__main__":
    sys.exit(main())
