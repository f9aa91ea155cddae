"""The Job of a step: what Kubeflow Pipelines would be told of it, and what the orchestrating pod passes on."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from infra.apps import contract
from infra.apps.workload import USER
from infra.self_hosted import names as of_stack
from infra.self_hosted import pipelines as made_by_stack
from pipelines.cluster import AUTHORITY_FOLDER, NEEDS, settings
from pipelines.jobs import names
from pipelines.jobs.manifest import CompiledStep, job_name, resources, step_job
from pipelines.jobs.settings import Allowance
from pipelines.jobs.surroundings import Surroundings
from pipelines.submission_error import SubmissionError

ALLOWED = Allowance()
Steps = Callable[..., dict[str, CompiledStep]]


@pytest.fixture(scope="module")
def around(a_pod: Callable[..., dict[str, Any]]) -> Surroundings:
    return Surroundings.of(a_pod())


@pytest.fixture(scope="module")
def job(steps: Steps, around: Surroundings) -> Callable[..., Mapping[str, Any]]:
    def made(step: str, *, cuda: bool = False, allowed: Allowance = ALLOWED) -> Mapping[str, Any]:
        label = f"exec-{step.partition('.')[0].replace('_', '-')}"
        return step_job(step, steps(cuda=cuda)[label], ["sh", "-ec", "true"], around, allowed)

    return made


def pod(job: Mapping[str, Any]) -> Mapping[str, Any]:
    return job["spec"]["template"]["spec"]


def test_both_sides_of_every_name_are_equal() -> None:
    assert (names.NAMESPACE, names.TEMPLATE) == (of_stack.PIPELINES, of_stack.TRAINING)
    assert names.DOOR == contract.JOBS
    assert made_by_stack.STEP_ACCOUNT == names.STEP_ACCOUNT


def test_every_step_is_an_object_that_kubernetes_knows(steps: Steps, around: Surroundings) -> None:
    faults: dict[str, str] = {}
    for label, compiled in steps(cuda=True).items():
        made = step_job(label.removeprefix("exec-"), compiled, ["true"], around, ALLOWED)
        try:
            kubernetes_validate.validate(made, "1.36", strict=True)
        except kubernetes_validate.ValidationError as error:
            faults[label] = str(error)
    assert faults == {}


def test_a_step_has_the_resources_the_time_and_the_user_that_kubeflow_pipelines_would_give_it(job: Any) -> None:
    made = job("tune.lightgbm")
    (container,) = pod(made)["containers"]
    need = NEEDS["tune"]
    assert container["resources"] == {
        "requests": {"cpu": "2000m", "memory": f"{need.memory * 1024:.0f}Mi"},
        "limits": {"cpu": "8", "memory": f"{need.memory_limit * 1024:.0f}Mi"},
    }
    assert pod(made)["activeDeadlineSeconds"] == need.minutes * 60
    assert container["securityContext"]["runAsUser"] == USER
    assert container["command"][-3:] == ["sh", "-ec", "true"]
    assert {"name": "HOME", "value": "/tmp"} in container["env"]


def test_all_attempts_and_their_waiting_have_time(job: Any) -> None:
    for step, allowed in (("tune", ALLOWED), ("tune", Allowance(waiting_seconds=86_400)), ("refuse", ALLOWED)):
        spec = job(step, allowed=allowed)["spec"]
        attempts = spec["backoffLimit"] + 1
        each = spec["template"]["spec"]["activeDeadlineSeconds"] + allowed.waiting_seconds
        assert spec["activeDeadlineSeconds"] >= attempts * each


def test_a_killed_step_is_started_anew_and_one_that_says_no_is_not(job: Any) -> None:
    spec = job("train.xgboost")["spec"]
    (rule,) = spec["podFailurePolicy"]["rules"]
    assert (rule["action"], rule["onExitCodes"]["operator"]) == ("FailJob", "In")
    assert 1 in rule["onExitCodes"]["values"]
    assert not {137, 143} & set(rule["onExitCodes"]["values"])
    assert rule["onExitCodes"]["containerName"] == pod({"spec": spec})["containers"][0]["name"]
    assert spec["backoffLimit"] == 2
    assert job("refuse")["spec"]["backoffLimit"] == 0


def test_only_steps_that_read_the_platform_get_its_settings(job: Any) -> None:
    (reads,), (does_not,) = pod(job("register"))["containers"], pod(job("split"))["containers"]
    found = {one["name"]: one.get("valueFrom", {}) for one in reads["env"]}
    known = settings()
    for kind, reference in (("required", "configMapKeyRef"), ("secret", "secretKeyRef"), ("keys", "secretKeyRef")):
        assert all(found[name][reference]["name"] == "platform" for name in known[kind])
    # A stack that has no S3 server of its own has no keys.
    assert all(found[name]["secretKeyRef"]["optional"] for name in known["keys"])
    assert [one["name"] for one in does_not["env"]] == ["HOME"]
    mounted = [one["mountPath"] for one in reads["volumeMounts"]]
    assert AUTHORITY_FOLDER in mounted
    assert AUTHORITY_FOLDER not in [one["mountPath"] for one in does_not["volumeMounts"]]


def test_only_steps_that_use_the_network_wait_until_it_lets_them_in(job: Any) -> None:
    (uses,), (does_not,) = pod(job("register"))["containers"], pod(job("split"))["containers"]
    assert uses["command"] == ["python", "-m", "pipelines.jobs.let_in", "sh", "-ec", "true"]
    assert does_not["command"] == ["sh", "-ec", "true"]


def test_a_step_is_beside_its_orchestrator_with_its_volume_image_and_walls(
    job: Any, around: Surroundings, a_pod: Any
) -> None:
    made, orchestrator = pod(job("train.linear")), a_pod()["spec"]
    (own,), (container,) = orchestrator["containers"], made["containers"]
    assert made["affinity"] == orchestrator["affinity"]
    (term,) = made["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    labels = job("train.linear")["spec"]["template"]["metadata"]["labels"]
    # Both are found by what both look for.
    assert term["labelSelector"]["matchLabels"].items() <= labels.items()
    assert term["labelSelector"]["matchLabels"].items() <= a_pod()["metadata"]["labels"].items()
    assert {one["persistentVolumeClaim"]["claimName"] for one in made["volumes"] if "persistentVolumeClaim" in one} == {
        around.claim
    }
    assert str(around.folder) in [one["mountPath"] for one in container["volumeMounts"]]
    assert (container["image"], made["priorityClassName"]) == (own["image"], orchestrator["priorityClassName"])
    for part in ("allowPrivilegeEscalation", "readOnlyRootFilesystem", "capabilities", "seccompProfile"):
        assert container["securityContext"][part] == own["securityContext"][part]
    assert made["securityContext"] == orchestrator["securityContext"]


def test_a_step_may_ask_kubernetes_for_nothing(job: Any) -> None:
    made = pod(job("ingest"))
    assert made["serviceAccountName"] == names.STEP_ACCOUNT
    assert made["automountServiceAccountToken"] is False
    assert not [one for one in made["volumes"] if "projected" in one]


def test_kubernetes_takes_a_step_away_when_its_orchestrator_is_gone(job: Any, a_pod: Any) -> None:
    (owner,) = job("ingest")["metadata"]["ownerReferences"]
    orchestrator = a_pod()["metadata"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Pod", orchestrator["name"], orchestrator["uid"])


def test_a_gpu_is_asked_for_where_the_run_is_to_have_one(job: Any) -> None:
    made = pod(job("train.xgboost", cuda=True))
    assert made["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert made["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert "nvidia.com/gpu" in [one["key"] for one in made["tolerations"]]
    assert "nvidia.com/gpu" not in pod(job("train.xgboost"))["containers"][0]["resources"]["limits"]


def test_what_a_step_is_told_and_a_job_has_no_place_for_is_refused(steps: Steps, around: Surroundings) -> None:
    compiled = steps()["exec-split"]
    more = replace(compiled, pod={**compiled.pod, "hostAliases": [], "emptyDirMounts": []})
    with pytest.raises(SubmissionError, match=r"told emptyDirMounts, hostAliases of a step; .*manifest\.py"):
        step_job("split", more, ["true"], around, ALLOWED)


@given(
    cores=some.integers(1, 64_000),
    memory=some.integers(1, 500_000),
    cpu=some.floats(0.1, 64),
    gib=some.floats(0.25, 512),
)
def test_a_small_node_is_asked_for_less_and_never_for_more(cores: int, memory: int, cpu: float, gib: float) -> None:
    asked = {
        "resourceCpuRequest": f"{cores}m",
        "resourceCpuLimit": f"{cores * 4 / 1000:g}",
        "resourceMemoryRequest": f"{memory}Mi",
        "resourceMemoryLimit": f"{memory * 2}Mi",
    }
    found = resources(asked, Allowance(cpu=cpu, memory_gib=gib))
    millicores = int(found["requests"]["cpu"].removesuffix("m"))
    mebibytes = int(found["requests"]["memory"].removesuffix("Mi"))
    assert 0 < millicores <= max(min(cores, cpu * 1000), 1) + 0.5
    assert 0 < mebibytes <= min(memory, gib * 1024) + 0.5
    assert (found["limits"]["cpu"], found["limits"]["memory"]) == (asked["resourceCpuLimit"], f"{memory * 2}Mi")


@example(run="a" * 60, step="train.linear")
@given(run=some.text("abc-.019", min_size=1, max_size=63), step=some.text("abcDEF._-0", min_size=1, max_size=80))
def test_a_job_has_a_name_of_kubernetes_that_is_always_the_same(run: str, step: str) -> None:
    run = f"r{run}"
    found = job_name(run, step)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", found)
    assert len(found) <= 52
    assert found == job_name(run, step)
    assert found != job_name(run, f"{step}x")
