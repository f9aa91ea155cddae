"""How a Job is, from what Kubernetes says of it, of its pods and in its events: a pure function."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Phase = Literal["waiting", "running", "succeeded", "failed"]
Object = Mapping[str, Any]

# Reasons that go away by no waiting.
_HOPELESS = ("InvalidImageName", "ErrImageNeverPull")
# What every container is for a moment before it starts.
_STARTING = ("ContainerCreating", "PodInitializing")
_KILLED = 128


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a Job is.

    Attributes:
        phase: ``waiting`` before a process of it runs.
        said: Why it waits or has failed, in Kubernetes' words where it said some; empty where a process ended by
            itself, which has said why in its log.
        pod: Name of its newest pod, or empty.
        attempts: Pods that it had.
    """

    phase: Phase
    said: str = ""
    pod: str = ""
    attempts: int = 0


def verdict(job: Object, pods: Sequence[Object], events: Sequence[Object]) -> Verdict:
    """How the Job is.

    Args:
        job: As Kubernetes tells it.
        pods: All of its pods.
        events: Its own; of pods nothing is needed from them.
    """
    ordered = sorted(pods, key=lambda pod: pod["metadata"]["creationTimestamp"])
    newest = ordered[-1] if ordered else None
    seen = {"pod": newest["metadata"]["name"] if newest else "", "attempts": len(ordered)}
    conditions = {one["type"]: one for one in _status(job).get("conditions") or [] if one["status"] == "True"}
    if "Complete" in conditions or "SuccessCriteriaMet" in conditions:
        return Verdict(phase="succeeded", **seen)
    failed = conditions.get("Failed") or conditions.get("FailureTarget")
    if failed is not None:
        return Verdict(phase="failed", said=_why(failed, newest, events), **seen)
    if newest is None:
        return Verdict(phase="waiting", said=_newest_event(events), **seen)
    status = _status(newest)
    if status.get("phase") == "Failed" and status.get("reason") == "DeadlineExceeded":
        # Another attempt would take as long.
        return Verdict(phase="failed", said=_of_pod(newest), **seen)
    if status.get("phase") == "Pending":
        reason, told = _waits_for(newest)
        return Verdict(phase="failed" if reason in _HOPELESS else "waiting", said=told, **seen)
    # An ended pod is followed by another one, or by the Job's end.
    return Verdict(phase="running" if status.get("phase") == "Running" else "waiting", said=_of_pod(newest), **seen)


def has_started(pod: Object) -> bool:
    """Whether a pod's process runs or ran, so that there is a log of it."""
    states = [one.get("state") or {} for one in _status(pod).get("containerStatuses") or []]
    return any("running" in one or "terminated" in one for one in states)


def has_ended(pod: Object) -> bool:
    """Whether a pod's process has ended."""
    return any(map(_terminated, _status(pod).get("containerStatuses") or []))


def _status(one: Object) -> Object:
    return one.get("status") or {}


def _why(condition: Object, pod: Object | None, events: Sequence[Object]) -> str:
    """Why a Job has failed: what its newest pod ended by, else what held it up, else what the Job itself says."""
    if pod is not None:
        if condition.get("reason") == "PodFailurePolicy":
            return _of_pod(pod)
        waited = _waits_for(pod)[1] if _status(pod).get("phase") == "Pending" else ""
        found = _of_pod(pod) or waited
    else:
        found = _newest_event(events)
    told = f"{condition.get('reason', '')}: {condition.get('message', '')}"
    return f"{told}; {found}" if found else told


def _of_pod(pod: Object) -> str:
    """What Kubernetes ended a pod by; empty where its process ended by itself or runs."""
    status = _status(pod)
    if status.get("reason"):
        return f"{status['reason']}: {status.get('message', 'the pod was ended')}"
    ended = [one["state"]["terminated"] for one in status.get("containerStatuses") or [] if _terminated(one)]
    if not ended:
        disrupted = [one for one in status.get("conditions") or [] if one["type"] == "DisruptionTarget"]
        return f"{disrupted[0].get('reason')}: {disrupted[0].get('message')}" if disrupted else ""
    (last, *_) = ended
    if last.get("reason") == "OOMKilled":
        limit = pod["spec"]["containers"][0].get("resources", {}).get("limits", {}).get("memory", "its limit")
        return f"OOMKilled: it needed more memory than {limit}"
    if last["exitCode"] > _KILLED:
        return f"{last.get('reason', 'Error')}: its process was killed by signal {last['exitCode'] - _KILLED}"
    return last.get("message", "") if last.get("reason") in ("StartError", "ContainerCannotRun") else ""


def _terminated(status: Object) -> bool:
    return "terminated" in (status.get("state") or {})


def _waits_for(pod: Object) -> tuple[str, str]:
    """Reason and sentence of what a pod waits for that does not run yet."""
    status = _status(pod)
    for one in status.get("containerStatuses") or []:
        waits = (one.get("state") or {}).get("waiting")
        if waits and waits.get("reason") not in _STARTING:
            return waits.get("reason", ""), f"{waits.get('reason')}: {waits.get('message', '')}".removesuffix(": ")
    for one in status.get("conditions") or []:
        if one["type"] == "PodScheduled" and one["status"] == "False":
            return one.get("reason", ""), f"{one.get('reason')}: {one.get('message', '')}"
    return "", ""


def _newest_event(events: Sequence[Object]) -> str:
    """What keeps pods from being made, such as a quota; only events say it."""
    found = [one for one in events if one.get("type") == "Warning"]
    if not found:
        return ""
    newest = max(found, key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or ""))
    # Each attempt has a pod of another name, and says the same.
    message = re.sub(r'pods "[^"]*"', "its pod", str(newest.get("message")))
    return f"{newest.get('reason')}: {message}"
