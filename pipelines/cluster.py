"""A compiled pipeline as a cluster runs it: image, resources, GPU, retries, timeouts, settings and security by step.

The definition that was published says none of this: it is the same for the local runner and for every stack. What is
added here is a pure function of the definition, the image and this module's table, so a stack's version of a pipeline
can be named by its content.
"""

import pipelines.kfp_without_client  # noqa: F401

# isort: split
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import yaml
from kfp import kubernetes
from kfp.dsl import PipelineTask

from components.platform import Platform
from pipelines.images import is_by_digest
from pipelines.submission_error import SubmissionError
from pipelines.versioning.definitions import steps

# Names of infra/apps/contract.py and infra/apps/autoscaling.py; tests hold both sides together.
CONFIGURATION = SECRETS = "platform"
AUTHORITY, AUTHORITY_FOLDER = "postgres-authority", "/etc/keelson/postgres"
GPU = "nvidia.com/gpu"
GPU_NODES = {"nvidia.com/gpu.present": "true"}
# Workers are for steps; everything else avoids them.
POOL, WORKERS = "keelson.dev/pool", "cpu"
# The user of components/Dockerfile, which is in no image's list of users.
USER = 10001
# Parameter of pipelines and components that asks for a GPU, and the value that does.
DEVICE, CUDA = "device", "cuda"

# Where AWS answers for S3 there are none.
_KEYS = ("access_key_id", "secret_access_key")
# What libpq trusts is in the ConfigMap too, and no setting of ours.
_LIBPQ = ("PGSSLMODE", "PGSSLROOTCERT")
# Libraries look for a home folder, and user 10001 has none.
_HOME = "/tmp"  # noqa: S108 (a path in the pod, where nobody else is)
_RETRIES, _BACKOFF_SECONDS, _BACKOFF_FACTOR = 2, 30, 2.0
# Before a pod's process starts, a machine may have to, and the image must be pulled.
WAITING_SECONDS = 900


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a step asks for.

    Attributes:
        cpu: Cores that it is sure to get, e.g. ``500m``; it may use four times as many where they are idle.
        memory: GiB that it is sure to get: the peak with a million trips.
        memory_limit: GiB at which it is ended: the peak with ten million.
        minutes: After which it is ended.
        retried: Whether it is started anew when its pod is lost.
    """

    cpu: str
    memory: float
    memory_limit: float
    minutes: int
    retried: bool = True


# Judges figures and writes to MLflow or Postgres.
_RECORD = Need(cpu="250m", memory=0.75, memory_limit=2, minutes=15)
# Reads, or holds, all rows of a table: 4 GiB and 12 GiB are the pipeline's budget for one and for ten million trips.
_TABLE = Need(cpu="1", memory=4, memory_limit=14, minutes=60)
# Uses every core that it gets for most of its time.
_FIT = Need(cpu="2", memory=4, memory_limit=14, minutes=240)

NEEDS: Mapping[str, Need] = {
    "ingest": _TABLE,
    "validate": _TABLE,
    # It ends the run by failing, which no other attempt would change.
    "refuse": Need(cpu="250m", memory=0.75, memory_limit=2, minutes=15, retried=False),
    "profile": _TABLE,
    "detect_skew": _TABLE,
    "record_skew": _RECORD,
    "build_features": _TABLE,
    "materialize": _TABLE,
    "check_parity": _TABLE,
    "split": _TABLE,
    "tune": _FIT,
    "train": _FIT,
    "select": _TABLE,
    "evaluate": _TABLE,
    "explain": _TABLE,
    "check_compatibility": _RECORD,
    "compare": _TABLE,
    "register": _RECORD,
    "reject": _RECORD,
    "score": _TABLE,
    "watch": _TABLE,
}


def on_cluster(specification: Mapping[str, Any], image: str, *, cuda: bool = False) -> bytes:
    """The pipeline for a cluster, as YAML of two documents: what KFP runs, and how Kubernetes does.

    Args:
        specification: A compiled pipeline; it is not changed.
        image: The stack's image of the components, by digest.
        cuda: Give steps that take a device a GPU.

    Raises:
        SubmissionError: The image is not named by digest, or a step is not in ``NEEDS``.
    """
    if not is_by_digest(image):
        raise SubmissionError(f"the image {image!r} is not named by digest; give <repository>@sha256:<64 digits>")
    return yaml.safe_dump_all(documents(specification, image, cuda=cuda), sort_keys=True).encode()


def documents(
    specification: Mapping[str, Any], image: str, *, cuda: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two documents of ``on_cluster``, whatever the image is named by.

    Raises:
        SubmissionError: A step is not in ``NEEDS``.
    """
    pipeline = copy.deepcopy(dict(specification))
    components = steps(pipeline)
    unknown = sorted(set(components.values()) - NEEDS.keys())
    if unknown:
        raise SubmissionError(
            f"nothing says what {', '.join(unknown)} asks for; add it to NEEDS in pipelines/cluster.py"
        )
    executors, kubernetes_executors = pipeline["deploymentSpec"]["executors"], {}
    for label, name in sorted(components.items()):
        container = executors[label]["container"]
        gpu = cuda and DEVICE in _inputs(pipeline, label)
        container.update(image=image, resources=_resources(NEEDS[name], gpu=gpu), env=_environment(container))
        kubernetes_executors[label] = _kubernetes(NEEDS[name], reads_platform=_reads_platform(container), gpu=gpu)
    for label, task in _tasks(pipeline):
        if label in components and NEEDS[components[label]].retried:
            task["retryPolicy"] = _retries(NEEDS[components[label]])
    return pipeline, {"platforms": {"kubernetes": {"deploymentSpec": {"executors": kubernetes_executors}}}}


def settings() -> dict[str, list[str]]:
    """Variables of the platform by where a step finds them: ``required`` and ``optional`` in the ConfigMap, ``secret``
    and ``keys`` in the Secret; the keys are those of an S3 server, and optional."""
    found: dict[str, list[str]] = {"required": [*_LIBPQ], "optional": [], "secret": [], "keys": []}
    for name, field in Platform.model_fields.items():
        if name in _KEYS:
            kind = "keys"
        elif "SecretStr" in str(field.annotation):
            kind = "secret"
        else:
            kind = "required" if field.is_required() else "optional"
        found[kind].append(str(field.validation_alias))
    return found


def _resources(need: Need, *, gpu: bool) -> dict[str, Any]:
    cpu = float(need.cpu.removesuffix("m")) / (1000 if need.cpu.endswith("m") else 1)
    asked: dict[str, Any] = {
        "resourceCpuRequest": need.cpu,
        "resourceCpuLimit": f"{cpu * 4:g}",
        "resourceMemoryRequest": f"{need.memory * 1024:.0f}Mi",
        "resourceMemoryLimit": f"{need.memory_limit * 1024:.0f}Mi",
    }
    if gpu:
        asked["accelerator"] = {"resourceType": GPU, "resourceCount": "1"}
    return asked


def _retries(need: Need) -> dict[str, Any]:
    """A lost pod is started anew; how long that may go on must cover every attempt, or Argo gives up before."""
    attempts = _RETRIES + 1
    pauses = sum(_BACKOFF_SECONDS * _BACKOFF_FACTOR**attempt for attempt in range(_RETRIES))
    return {
        "maxRetryCount": _RETRIES,
        "backoffDuration": f"{_BACKOFF_SECONDS}s",
        "backoffFactor": _BACKOFF_FACTOR,
        "backoffMaxDuration": f"{attempts * (need.minutes * 60 + WAITING_SECONDS) + pauses:.0f}s",
    }


def _environment(container: Mapping[str, Any]) -> list[dict[str, str]]:
    return [*container.get("env", []), {"name": "HOME", "value": _HOME}]


def _kubernetes(need: Need, *, reads_platform: bool, gpu: bool) -> dict[str, Any]:
    # Functions of kfp-kubernetes write to this one attribute of a task.
    task = cast(PipelineTask, SimpleNamespace(platform_config={}))
    kubernetes.set_timeout(task, need.minutes * 60)
    kubernetes.set_security_context(task, run_as_user=USER, run_as_group=USER, run_as_non_root=True)
    # Karpenter moves pods of machines that are hardly used, and a step that is moved begins anew.
    kubernetes.add_pod_annotation(task, "karpenter.sh/do-not-disrupt", "true")
    if reads_platform:
        names = settings()
        kubernetes.use_config_map_as_env(task, CONFIGURATION, {name: name for name in names["required"]})
        kubernetes.use_config_map_as_env(task, CONFIGURATION, {name: name for name in names["optional"]}, optional=True)
        kubernetes.use_secret_as_env(task, SECRETS, {name: name for name in names["secret"]})
        kubernetes.use_secret_as_env(task, SECRETS, {name: name for name in names["keys"]}, optional=True)
        kubernetes.use_secret_as_volume(task, AUTHORITY, AUTHORITY_FOLDER)
    kubernetes.add_toleration(task, key=POOL, operator="Equal", value=WORKERS, effect="PreferNoSchedule")
    if gpu:
        kubernetes.add_toleration(task, key=GPU, operator="Exists", effect="NoSchedule")
        for label, value in GPU_NODES.items():
            kubernetes.add_node_selector(task, label, value)
    return task.platform_config["kubernetes"]


def _reads_platform(container: Mapping[str, Any]) -> bool:
    """Whether a step's face makes ``Platform``. One that does not gets neither settings nor secrets."""
    return "components.platform" in container["command"][-1]


def _inputs(pipeline: Mapping[str, Any], label: str) -> set[str]:
    """Input parameters of the component that an executor runs."""
    return {
        name
        for component in pipeline["components"].values()
        if component.get("executorLabel") == label
        for name in component.get("inputDefinitions", {}).get("parameters", {})
    }


def _tasks(pipeline: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Tasks of the pipeline, of its branches and of its loops, with the executor that each runs."""
    components = pipeline["components"]
    for part in [pipeline["root"], *components.values()]:
        for task in part.get("dag", {}).get("tasks", {}).values():
            yield components[task["componentRef"]["name"]].get("executorLabel", ""), task
