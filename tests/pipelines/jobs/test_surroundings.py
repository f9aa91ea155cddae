"""What an orchestrating pod passes on."""

from collections.abc import Callable
from typing import Any

import pytest

from pipelines.jobs.surroundings import Surroundings
from pipelines.submission_error import SubmissionError

Pod = Callable[..., dict[str, Any]]
IMAGE = "registry.example.org/keelson/components"
DIGEST = f"sha256:{'c' * 64}"


def test_the_run_is_called_as_the_pods_job(a_pod: Pod) -> None:
    found = Surroundings.of(a_pod())
    assert a_pod()["metadata"]["name"].startswith(found.run)
    assert found.run == a_pod()["metadata"]["labels"]["batch.kubernetes.io/job-name"]
    assert (found.claim, found.namespace) == ("pipelines", "pipelines")


@pytest.mark.parametrize(
    ("image_id", "image", "policy"),
    [
        (f"{IMAGE}@{DIGEST}", f"{IMAGE}@{DIGEST}", "IfNotPresent"),
        (f"docker-pullable://mirror.example.com/x@{DIGEST}", f"{IMAGE}@{DIGEST}", "IfNotPresent"),
        # It was handed to the node, and no registry has it by this digest.
        (DIGEST, f"{IMAGE}:0.1.0", "Always"),
        ("", f"{IMAGE}:0.1.0", "Always"),
    ],
)
def test_steps_run_in_the_very_image_that_the_pod_runs_in(a_pod: Pod, image_id: str, image: str, policy: str) -> None:
    found = Surroundings.of(a_pod(image_id))
    assert (found.image, found.pull_policy) == (image, policy)


def test_the_port_of_a_registry_is_no_tag(a_pod: Pod) -> None:
    pod = a_pod(f"localhost:5000/x@{DIGEST}")
    for named, repository in (("localhost:5000/x", "localhost:5000/x"), ("localhost:5000/x:1", "localhost:5000/x")):
        container = {**pod["spec"]["containers"][0], "image": named}
        found = Surroundings.of({**pod, "spec": {**pod["spec"], "containers": [container]}})
        assert found.image == f"{repository}@{DIGEST}"


def test_a_job_of_a_name_that_was_used_before_is_another_run(a_pod: Pod) -> None:
    first, again, other = (Surroundings.of(a_pod(job_uid=uid)) for uid in ("aaaa", "aaaa", "bbbb"))
    assert first.key == again.key != other.key
    assert first.run == other.run


def test_a_pod_that_somebody_made_by_hand_is_refused(a_pod: Pod) -> None:
    pod = a_pod()
    with pytest.raises(SubmissionError, match="is of no Job; make one of the CronJob"):
        Surroundings.of({**pod, "metadata": {**pod["metadata"], "labels": {}}})


def test_a_pod_that_has_nothing_to_share_is_refused(a_pod: Pod) -> None:
    pod = a_pod()
    spec = {**pod["spec"], "volumes": []}
    with pytest.raises(SubmissionError, match=r"0 volumes by claims.*mount one PersistentVolumeClaim"):
        Surroundings.of({**pod, "spec": spec})
