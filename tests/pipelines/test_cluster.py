"""What a cluster is told about each step of a pipeline, read from the documents that Kubeflow Pipelines gets."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp import dsl, kubernetes
from kfp.pipeline_spec import pipeline_spec_pb2

from infra import outputs
from infra.apps import contract
from infra.apps.autoscaling import CPU_TAINT, GPU_LABELS, GPU_TAINT
from infra.apps.kubeflow.admission import SECRETS
from infra.apps.workload import USER
from pipelines import cluster
from pipelines.cluster import NEEDS, on_cluster
from pipelines.submission_error import SubmissionError
from pipelines.versioning.definitions import (
    compiled,
    component_names,
    components,
    pipeline_modules,
    pipelines_of,
    steps,
)
from pipelines.versioning.sources import ROOT

IMAGE = f"registry.example.com/components@sha256:{'a' * 64}"
# Of the largest machine that Karpenter may start for steps: r7i.4xlarge, less what the system takes.
CORES, GIB = 15, 110


@dataclass(frozen=True)
class Step:
    """One step as a cluster sees it: of the first document, and of the second."""

    name: str
    container: Mapping[str, Any]
    pod: Mapping[str, Any]


@dataclass(frozen=True)
class Prepared:
    """A pipeline for a cluster."""

    pipeline: Mapping[str, Any]
    steps: tuple[Step, ...]


def prepared(specification: Mapping[str, Any], *, cuda: bool = False) -> Prepared:
    pipeline, platform = yaml.safe_load_all(on_cluster(specification, IMAGE, cuda=cuda))
    pods = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    executors = pipeline["deploymentSpec"]["executors"]
    found = tuple(
        Step(component, executors[label]["container"], pods[label]) for label, component in steps(pipeline).items()
    )
    return Prepared(pipeline, found)


@pytest.fixture(scope="module")
def specifications() -> Mapping[str, Mapping[str, Any]]:
    """Every pipeline of the project, compiled."""
    versions = dict.fromkeys(component_names(), "0.1.0")
    return {one.name: one.specification for one in pipelines_of(versions)}


@pytest.fixture(scope="module", params=[module.name for module in pipeline_modules()])
def made(request: pytest.FixtureRequest, specifications: Mapping[str, Mapping[str, Any]]) -> Prepared:
    return prepared(specifications[request.param])


def test_every_step_runs_in_the_stacks_image_by_digest(made: Prepared) -> None:
    assert {one.container["image"] for one in made.steps} == {IMAGE}


def test_an_image_that_can_be_moved_is_refused() -> None:
    with pytest.raises(SubmissionError, match="not named by digest"):
        on_cluster({}, "registry.example.com/components:1.0")


def test_every_component_says_what_it_asks_for() -> None:
    assert set(component_names()) - NEEDS.keys() == set()


def test_nothing_is_asked_for_by_a_component_that_is_not_there() -> None:
    assert NEEDS.keys() - set(component_names()) == set()


def test_every_step_is_sure_of_something_limited_by_more_and_finds_a_machine(made: Prepared) -> None:
    for one in made.steps:
        asked = one.container["resources"]
        memory = [float(asked[f"resourceMemory{part}"].removesuffix("Mi")) for part in ("Request", "Limit")]
        assert 0 < memory[0] < memory[1] <= GIB * 1024
        assert 0 < cores(asked["resourceCpuRequest"]) < cores(asked["resourceCpuLimit"]) <= CORES


def cores(text: str) -> float:
    return float(text.removesuffix("m")) / (1000 if text.endswith("m") else 1)


def test_every_step_ends_after_a_time(made: Prepared) -> None:
    for one in made.steps:
        assert 0 < int(one.pod["activeDeadlineSeconds"]) <= 6 * 3600


def tasks(pipeline: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every task of a pipeline, whatever branch or loop it is in, and the executor that it runs."""
    for part in [pipeline["root"], *pipeline["components"].values()]:
        for task in part.get("dag", {}).get("tasks", {}).values():
            yield pipeline["components"][task["componentRef"]["name"]].get("executorLabel", ""), task


def test_every_lost_step_but_a_refusal_is_retried_with_pauses_that_grow(made: Prepared) -> None:
    names = steps(made.pipeline)
    looked_at = [(names[label], task) for label, task in tasks(made.pipeline) if label in names]
    assert {name for name, _ in looked_at} == {one.name for one in made.steps}
    assert {name for name, task in looked_at if "retryPolicy" not in task} <= {"refuse"}
    for policy in (task["retryPolicy"] for _, task in looked_at if "retryPolicy" in task):
        assert policy["maxRetryCount"] == 2
        assert seconds(policy["backoffDuration"]) >= 10
        assert policy["backoffFactor"] > 1


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_argo_does_not_give_up_before_the_last_attempt_can_end(made: Prepared) -> None:
    deadlines = {one.name: int(one.pod["activeDeadlineSeconds"]) for one in made.steps}
    names = steps(made.pipeline)
    for label, task in tasks(made.pipeline):
        if "retryPolicy" in task:
            policy = task["retryPolicy"]
            attempts = policy["maxRetryCount"] + 1
            assert seconds(policy["backoffMaxDuration"]) > attempts * deadlines[names[label]]


def reads_platform(step: Step) -> bool:
    return "Platform()" in step.container["command"][-1]


def variables(pod: Mapping[str, Any], kind: str, key: str) -> dict[str, tuple[str, bool]]:
    """Variables of a pod: the ConfigMap or Secret that each is from, and whether it may be absent."""
    found = {}
    for source in pod.get(f"{kind}AsEnv", []):
        for pair in source["keyToEnv"]:
            assert pair[key] == pair["envVar"]
            found[pair["envVar"]] = (source[f"{kind}Name"], source["optional"])
    return found


def test_a_step_that_reads_the_platform_finds_all_of_it(made: Prepared) -> None:
    named = {output.env: output for output in outputs.OUTPUTS}
    for one in filter(reads_platform, made.steps):
        plain, hidden = variables(one.pod, "configMap", "configMapKey"), variables(one.pod, "secret", "secretKey")
        required = {env for env, output in named.items() if not output.optional}
        assert required <= plain.keys() | hidden.keys()
        assert {env for env, (_, absent) in hidden.items() if not absent} == {
            env for env in required if named[env].secret
        }
        # The keys of an S3 server, in stacks that have one.
        assert {env for env, (_, absent) in hidden.items() if absent} == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
        assert not plain.keys() & hidden.keys()
        assert {name for name, _ in plain.values()} == {contract.CONFIGURATION}
        # A key that must be there and is not keeps a pod from ever starting.
        assert {env for env, (_, absent) in plain.items() if absent} <= {
            env for env, output in named.items() if output.optional
        }


def test_a_step_that_reads_no_platform_gets_neither_settings_nor_secrets(made: Prepared) -> None:
    for one in made.steps:
        if not reads_platform(one):
            assert not {"configMapAsEnv", "secretAsEnv", "secretAsVolume"} & one.pod.keys()


def test_a_component_asks_for_the_platform_in_its_face_or_not_at_all() -> None:
    for one in components():
        text = one.document.decode()
        own = [file for file in one.sources if file.startswith(f"components/{one.name}/") and "__main__" not in file]
        steps_files = [file for file in own if not file.endswith("component.py")]
        inside = [file for file in steps_files if "Platform()" in (ROOT / file).read_text()]
        assert "Platform()" in text or not inside, inside


def test_a_step_that_may_talk_to_postgres_knows_whom_to_trust(made: Prepared) -> None:
    assert contract.LIBPQ["PGSSLROOTCERT"].startswith(cluster.AUTHORITY_FOLDER)
    for one in filter(reads_platform, made.steps):
        (mounted,) = one.pod["secretAsVolume"]
        assert (mounted["secretName"], mounted["mountPath"]) == (contract.AUTHORITY, contract.AUTHORITY_FOLDER)
        assert contract.LIBPQ.keys() <= variables(one.pod, "configMap", "configMapKey").keys()


def test_no_pod_breaks_a_rule_of_admission(made: Prepared) -> None:
    for one in made.steps:
        named = [*one.pod.get("secretAsEnv", []), *one.pod.get("secretAsVolume", [])]
        assert {source["secretName"] for source in named} <= set(SECRETS)
        user = {"runAsUser": str(USER), "runAsGroup": str(USER), "runAsNonRoot": True}
        assert one.pod["securityContext"] == user
        assert not {"genericEphemeralVolume", "pvcMount", "imagePullSecret"} & one.pod.keys()


# `fingerprint` and the like are digests of data, not secrets.
SECRET_WORDS = re.compile(r"password|passwd|secret|token|credential|api_?key|private|uri$|dsn", re.IGNORECASE)


def test_no_parameter_looks_like_a_secret(made: Prepared) -> None:
    parts = [made.pipeline["root"], *made.pipeline["components"].values()]
    names = {name for part in parts for name in part.get("inputDefinitions", {}).get("parameters", {})}
    assert names
    assert not [name for name in names if SECRET_WORDS.search(name)]


def test_no_value_of_a_variable_stands_in_the_document(made: Prepared) -> None:
    for one in made.steps:
        assert one.container["env"] == [{"name": "HOME", "value": "/tmp"}]


def test_no_step_has_a_gpu_unless_one_is_asked_for(made: Prepared) -> None:
    for one in made.steps:
        assert "accelerator" not in one.container["resources"]
        assert "nodeSelector" not in one.pod
        assert one.pod["tolerations"] == [{**CPU_TAINT, "operator": "Equal"}]


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train_anywhere(device: str) -> None:
    pass


def test_a_step_that_takes_a_device_gets_a_gpu_where_one_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    @dsl.pipeline(name="sample")
    def sample(device: str) -> None:
        train_anywhere(device=device)  # pyright: ignore[reportCallIssue]

    monkeypatch.setattr(cluster, "NEEDS", {"train_anywhere": NEEDS["train"]})
    (step,) = prepared(yaml.safe_load(compiled(sample)), cuda=True).steps
    assert step.container["resources"]["accelerator"] == {"resourceType": GPU_TAINT["key"], "resourceCount": "1"}
    (_, toleration) = step.pod["tolerations"]
    assert toleration == {"key": GPU_TAINT["key"], "operator": "Exists", "effect": GPU_TAINT["effect"]}
    assert step.pod["nodeSelector"]["labels"].items() <= GPU_LABELS.items()


def test_training_is_given_a_gpu_by_its_device(specifications: Mapping[str, Mapping[str, Any]]) -> None:
    found = prepared(specifications["training"], cuda=True).steps
    assert {one.name for one in found if "accelerator" in one.container["resources"]} == {"train"}


def test_a_step_that_nothing_is_known_of_is_refused(monkeypatch: pytest.MonkeyPatch, made: Prepared) -> None:
    monkeypatch.setattr(cluster, "NEEDS", {})
    with pytest.raises(SubmissionError, match=r"nothing says what .* asks for"):
        on_cluster(made.pipeline, IMAGE)


def test_the_documents_are_ones_that_kubeflow_pipelines_knows(made: Prepared) -> None:
    pipeline, platform = yaml.safe_load_all(on_cluster(made.pipeline, IMAGE))
    json_format.ParseDict(pipeline, pipeline_spec_pb2.PipelineSpec())
    json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
    message = kubernetes.kubernetes_executor_config_pb2.KubernetesExecutorConfig
    understood = [json_format.ParseDict(one.pod, message()) for one in made.steps]
    assert all(one.ByteSize() for one in understood)


def test_the_same_pipeline_and_image_give_the_same_bytes_and_the_definition_is_left_alone(
    specifications: Mapping[str, Mapping[str, Any]],
) -> None:
    specification = specifications["training"]
    before = yaml.safe_dump(specification)
    assert on_cluster(specification, IMAGE) == on_cluster(specification, IMAGE)
    assert yaml.safe_dump(specification) == before
