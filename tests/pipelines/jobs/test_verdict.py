"""How a Job is, from what Kubernetes says: objects as an API server gave them."""

from typing import Any

import pytest

from pipelines.jobs.verdict import has_ended, has_started, verdict

LIMITS = {"containers": [{"resources": {"limits": {"memory": "14336Mi"}}}]}


def a_job(**condition: str) -> dict[str, Any]:
    return {"status": {"conditions": [{"status": "True", **condition}]} if condition else {}}


def a_pod(name: str = "one", at: str = "2026-01-01T00:00:00Z", **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "creationTimestamp": at}, "spec": LIMITS, "status": status}


def waiting(reason: str, message: str) -> dict[str, Any]:
    return a_pod(phase="Pending", containerStatuses=[{"state": {"waiting": {"reason": reason, "message": message}}}])


def ended(code: int, reason: str = "Error", **pod: Any) -> dict[str, Any]:
    state = {"state": {"terminated": {"exitCode": code, "reason": reason}}}
    return a_pod(**{"phase": "Failed", "containerStatuses": [state], **pod})


UNSCHEDULABLE = a_pod(
    phase="Pending",
    conditions=[
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
        }
    ],
)
QUOTA = {
    "type": "Warning",
    "reason": "FailedCreate",
    "message": 'pods "x" is forbidden: exceeded quota: limits, requested: requests.cpu=2, used: 8, limited: 9',
    "lastTimestamp": "2026-01-01T00:01:00Z",
}
REFUSED = {"reason": "PodFailurePolicy", "message": "Container step for pod x failed with exit code 1"}
SPENT = {"reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}
LATE = {"reason": "DeadlineExceeded", "message": "Job was active longer than specified deadline"}


def test_a_job_that_has_done_what_it_should_has_succeeded() -> None:
    found = verdict(a_job(type="Complete"), [ended(0, "Completed", phase="Succeeded")], [])
    assert (found.phase, found.said, found.attempts) == ("succeeded", "", 1)


def test_what_a_process_says_itself_is_in_its_log_and_not_here() -> None:
    found = verdict(a_job(type="Failed", **REFUSED), [ended(1)], [])
    assert (found.phase, found.said) == ("failed", "")


@pytest.mark.parametrize(
    ("pod", "said"),
    [
        (ended(137, "OOMKilled"), "OOMKilled: it needed more memory than 14336Mi"),
        (ended(139), "Error: its process was killed by signal 11"),
        (
            a_pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory."),
            "Evicted: The node was low on resource: memory.",
        ),
    ],
)
def test_what_a_process_was_ended_by_is_said(pod: dict[str, Any], said: str) -> None:
    found = verdict(a_job(type="Failed", **SPENT), [pod], [])
    assert found.phase == "failed"
    assert found.said == f"BackoffLimitExceeded: Job has reached the specified backoff limit; {said}"


def test_a_step_that_took_too_long_is_not_tried_again() -> None:
    pod = a_pod(phase="Failed", reason="DeadlineExceeded", message="Pod was active on the node longer than 900 s")
    found = verdict(a_job(), [pod], [])
    assert (found.phase, found.said) == ("failed", "DeadlineExceeded: Pod was active on the node longer than 900 s")


@pytest.mark.parametrize(
    ("pod", "said"),
    [
        (UNSCHEDULABLE, "Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu."),
        (waiting("ImagePullBackOff", 'Back-off pulling image "x"'), 'ImagePullBackOff: Back-off pulling image "x"'),
        (
            waiting("CreateContainerConfigError", "couldn't find key K in Secret pipelines/platform"),
            "CreateContainerConfigError: couldn't find key K in Secret pipelines/platform",
        ),
        (waiting("ContainerCreating", ""), ""),
    ],
)
def test_what_a_pod_waits_for_is_said_and_it_goes_on_waiting(pod: dict[str, Any], said: str) -> None:
    found = verdict(a_job(), [pod], [])
    assert (found.phase, found.said) == ("waiting", said)
    assert not has_started(pod)


def test_what_a_pod_waited_for_is_said_when_its_time_is_over() -> None:
    found = verdict(a_job(type="Failed", **LATE), [UNSCHEDULABLE], [])
    assert found.phase == "failed"
    assert found.said.endswith("deadline; Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")


@pytest.mark.parametrize("reason", ["InvalidImageName", "ErrImageNeverPull"])
def test_an_image_that_no_waiting_brings_ends_the_step(reason: str) -> None:
    found = verdict(a_job(), [waiting(reason, "no such image")], [])
    assert (found.phase, found.said) == ("failed", f"{reason}: no such image")


def test_a_quota_that_lets_no_pod_be_made_is_said() -> None:
    earlier = {**QUOTA, "message": "used: 4", "lastTimestamp": "2026-01-01T00:00:00Z"}
    normal = {"type": "Normal", "reason": "SuccessfulCreate", "lastTimestamp": "2026-01-01T00:02:00Z"}
    found = verdict(a_job(), [], [earlier, QUOTA, normal])
    assert found.phase == "waiting"
    # The pod's name, another one for each attempt, is no news.
    assert found.said.startswith("FailedCreate: its pod is forbidden: exceeded quota: limits, requested: ")
    gone = verdict(a_job(type="Failed", **LATE), [], [QUOTA])
    assert "exceeded quota" in gone.said


def test_the_newest_pod_is_looked_at_and_all_are_counted() -> None:
    killed = ended(137)
    running = a_pod("two", "2026-01-01T00:05:00Z", phase="Running", containerStatuses=[{"state": {"running": {}}}])
    for pods in ([killed, running], [running, killed]):
        found = verdict(a_job(), pods, [])
        assert (found.phase, found.pod, found.attempts) == ("running", "two", 2)
    assert has_started(running)
    assert not has_ended(running)
    assert has_ended(killed)


def test_a_killed_pod_waits_for_the_next_one() -> None:
    found = verdict(a_job(), [ended(137)], [])
    assert (found.phase, found.said) == ("waiting", "Error: its process was killed by signal 9")
