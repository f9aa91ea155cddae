"""The Job of one step: a pure function of what Kubeflow Pipelines would be told, and of the orchestrating pod."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.platform import TableStore
from pipelines.cluster import documents
from pipelines.jobs import let_in
from pipelines.jobs.names import COMPONENT, CONTAINER, RUN, STEP, STEP_ACCOUNT
from pipelines.jobs.settings import Allowance
from pipelines.jobs.surroundings import Surroundings
from pipelines.submission_error import SubmissionError

# A pod's name is its Job's and six letters more, and is a label too.
_LONGEST = 52
# Exit codes by which a step says no itself; above are those of processes that were killed.
_SAID_NO = list(range(1, 129))
_KEPT_SECONDS = 3600
_SCRATCH = "/tmp"  # noqa: S108 (a path in the pod, where nobody else is)
# A step that is told where the database is speaks with the network, and waits until that knows its pod.
_DATABASE = TableStore.model_fields["pipelines_database"].validation_alias
_ONCE_LET_IN = ("python", "-m", let_in.__name__)
_CPU, _MEMORY = "cpu", "memory"


@dataclass(frozen=True, kw_only=True)
class CompiledStep:
    """What one executor of a pipeline is on a cluster.

    Attributes:
        container: Of the first document of ``pipelines.cluster.documents``.
        pod: Of the second.
        retries: Retry policy of its tasks; empty where it is not started anew.
    """

    container: Mapping[str, Any]
    pod: Mapping[str, Any]
    retries: Mapping[str, Any]


def compiled_steps(specification: Mapping[str, Any], image: str, *, cuda: bool) -> dict[str, CompiledStep]:
    """Every step of a pipeline by its executor.

    Args:
        specification: A compiled pipeline.
        image: Of the components.
        cuda: Give steps that take a device a GPU.

    Raises:
        SubmissionError: Nothing says what a step asks for.
    """
    pipeline, platform = documents(specification, image, cuda=cuda)
    components, retries = pipeline["components"], {}
    for part in [pipeline["root"], *components.values()]:
        for task in part.get("dag", {}).get("tasks", {}).values():
            label = components[task["componentRef"]["name"]].get("executorLabel", "")
            retries[label] = task.get("retryPolicy", {})
    pods = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    executors = pipeline["deploymentSpec"]["executors"]
    return {
        label: CompiledStep(container=executors[label]["container"], pod=pod, retries=retries[label])
        for label, pod in pods.items()
    }


def job_name(run: str, step: str) -> str:
    """Name of a step's Job, the same whenever the step of the run is started."""
    digest = hashlib.sha256(f"{run}/{step}".encode()).hexdigest()[:6]
    said = re.sub(r"[^a-z0-9]+", "-", f"{run}-{step}".lower())[: _LONGEST - 7].strip("-")
    return f"{said}-{digest}"


def step_job(
    step: str, compiled: CompiledStep, command: Sequence[str], around: Surroundings, allowed: Allowance
) -> dict[str, Any]:
    """The Job.

    Args:
        step: Name of the step, such as ``train.lightgbm``.
        compiled: What Kubeflow Pipelines would be told of it.
        command: With placeholders replaced.
        around: What the orchestrating pod passes on.
        allowed: What the cluster has for a step.

    Raises:
        SubmissionError: Kubeflow Pipelines would be told something that is not known here.
    """
    labels = {**COMPONENT, "app.kubernetes.io/name": "pipeline-step", "app.kubernetes.io/part-of": "keelson"}
    # A label has no room for every name of a loop's item.
    labels |= {RUN: around.run, STEP: re.sub(r"[^\w.-]", "-", step)[:63].strip("-._")}
    told = _Told(compiled.pod)
    seconds = int(told.take("activeDeadlineSeconds"))
    annotations = told.take("podMetadata", {}).get("annotations", {})
    template = {
        "metadata": {"labels": labels, "annotations": annotations},
        "spec": _pod(told, compiled, command, around, allowed) | {"activeDeadlineSeconds": seconds},
    }
    told.end()
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(around.run, step),
            "namespace": around.namespace,
            "labels": labels,
            "ownerReferences": [dict(around.owner)],
        },
        "spec": {
            "backoffLimit": int(compiled.retries.get("maxRetryCount", 0)),
            "activeDeadlineSeconds": _whole(compiled.retries, seconds, allowed.waiting_seconds),
            # For one whose orchestrator was lost and not replaced.
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "podFailurePolicy": {
                "rules": [
                    {
                        "action": "FailJob",
                        "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": _SAID_NO},
                    }
                ]
            },
            "template": template,
        },
    }


def _whole(retries: Mapping[str, Any], seconds: int, waiting: int) -> int:
    """Seconds that all attempts may take, their waiting for a machine and an image included."""
    attempts = int(retries.get("maxRetryCount", 0)) + 1
    told = float(retries["backoffMaxDuration"].removesuffix("s")) if retries else 0
    return max(int(told), attempts * (seconds + waiting))


class _Told:
    """What Kubeflow Pipelines is told of a pod; what is left over would be lost, and is a fault."""

    def __init__(self, pod: Mapping[str, Any]) -> None:
        self._left = dict(pod)

    def take(self, name: str, default: Any = None) -> Any:
        return self._left.pop(name, default)

    def end(self) -> None:
        if self._left:
            raise SubmissionError(
                f"Kubeflow Pipelines is told {', '.join(sorted(self._left))} of a step; pipelines/jobs/manifest.py "
                "does not know it: say there what it is in a Job"
            )


def _pod(
    told: _Told, compiled: CompiledStep, command: Sequence[str], around: Surroundings, allowed: Allowance
) -> dict[str, Any]:
    """The pod's specification, without its deadline."""
    secrets = told.take("secretAsVolume", [])
    mounts = [
        {"name": "runs", "mountPath": str(around.folder)},
        {"name": "scratch", "mountPath": _SCRATCH},
        *({"name": one["secretName"], "mountPath": one["mountPath"], "readOnly": True} for one in secrets),
    ]
    volumes = [
        {"name": "runs", "persistentVolumeClaim": {"claimName": around.claim}},
        {"name": "scratch", "emptyDir": {}},
        # Steps are no root: what they read is their group's.
        *(
            {"name": one["secretName"], "secret": {"secretName": one["secretName"], "defaultMode": 0o440}}
            for one in secrets
        ),
    ]
    env = [*compiled.container.get("env", []), *_variables(told, "configMap"), *_variables(told, "secret")]
    container = {
        "name": CONTAINER,
        "image": around.image,
        "imagePullPolicy": around.pull_policy,
        "command": [*(_ONCE_LET_IN if any(one["name"] == _DATABASE for one in env) else []), *command],
        "env": env,
        "resources": resources(compiled.container["resources"], allowed),
        "securityContext": {**around.security, **_user(told.take("securityContext", {}))},
        "volumeMounts": mounts,
        # What a process says last is what Kubernetes says of a container that it did not end.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    return {
        **around.pod,
        "serviceAccountName": STEP_ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "nodeSelector": told.take("nodeSelector", {}).get("labels", {}),
        "tolerations": told.take("tolerations", []),
        "containers": [container],
        "volumes": volumes,
    }


def resources(asked: Mapping[str, Any], allowed: Allowance) -> dict[str, Any]:
    """What a container asks for, and its limits, in Kubernetes' words.

    Args:
        asked: As ``pipelines.cluster`` says it.
        allowed: What it is sure to get at most.
    """
    cpu, memory = asked["resourceCpuRequest"], asked["resourceMemoryRequest"]
    cores = float(cpu.removesuffix("m")) / (1000 if cpu.endswith("m") else 1)
    mebibytes = float(memory.removesuffix("Mi"))
    requests = {
        _CPU: f"{min(cores, allowed.cpu) * 1000:.0f}m",
        _MEMORY: f"{min(mebibytes, allowed.memory_gib * 1024):.0f}Mi",
    }
    limits = {_CPU: asked["resourceCpuLimit"], _MEMORY: asked["resourceMemoryLimit"]}
    if "accelerator" in asked:
        # Of such a resource the request is the limit.
        limits[asked["accelerator"]["resourceType"]] = asked["accelerator"]["resourceCount"]
    return {"requests": requests, "limits": limits}


def _variables(told: _Told, kind: str) -> list[dict[str, Any]]:
    """Variables from ConfigMaps or Secrets."""
    return [
        {
            "name": pair["envVar"],
            "valueFrom": {
                f"{kind}KeyRef": {
                    "name": source[f"{kind}Name"],
                    "key": pair[f"{kind}Key"],
                    "optional": bool(source.get("optional")),
                }
            },
        }
        for source in told.take(f"{kind}AsEnv", [])
        for pair in source["keyToEnv"]
    ]


def _user(security: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers are text in the document, as in all JSON of 64 bits."""
    return {name: int(value) if isinstance(value, str) else value for name, value in security.items()}
