"""Steps that cannot run: their run ends with the reason that Kubernetes gives, and leaves nothing behind."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from kubernetes import client as kubernetes

from infra.cluster import api as cluster_api
from infra.cluster import node as real_node
from infra.cluster.api import Api
from infra.cluster.layout import ClusterLayout
from pipelines.jobs.door import run_job
from pipelines.jobs.names import NAMESPACE, RUN, TEMPLATE

pytestmark = pytest.mark.cluster

Manifest = dict[str, Any]
Wait = Callable[..., Any]

ADMISSION = "admissionregistration.k8s.io/v1"
# Less than a step needs to import what it works with.
LITTLE = "64Mi"
# The bundle's pods leave little of the cores.
CORES = {"resources/requests/cpu": "10m"}
NOWHERE = "localhost/keelson/components:nowhere"
# Each attempt of a killed step starts later than the one before; others wait for what `pipelines.wait-minutes` says.
SECONDS = 900


def policy(run: str, changes: Mapping[str, str]) -> list[Manifest]:
    """Objects by which the API server changes the pods of a run's steps: values by their places in a container."""
    patches = [
        f'JSONPatch{{op: "replace", path: "/spec/containers/0/{place}", value: "{value}"}}'
        for place, value in changes.items()
    ]
    what = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    metadata = {"name": f"steps-of-{run}"}
    return [
        {
            "apiVersion": ADMISSION,
            "kind": "MutatingAdmissionPolicy",
            "metadata": metadata,
            "spec": {
                "matchConstraints": {
                    "resourceRules": [what],
                    "objectSelector": {"matchLabels": {RUN: run}},
                },
                "reinvocationPolicy": "Never",
                "mutations": [
                    {"patchType": "JSONPatch", "jsonPatch": {"expression": f"[{', '.join(patches)}]"}},
                ],
            },
        },
        {
            "apiVersion": ADMISSION,
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": metadata,
            "spec": {"policyName": metadata["name"]},
        },
    ]


@pytest.fixture(scope="module")
def room(api: Api) -> int:
    """Memory of the node that pods may ask for, in MiB."""
    found = api.get("v1", "Node", real_node.NAME)
    assert found is not None
    return int(found["status"]["allocatable"]["memory"].removesuffix("Ki")) // 1024


@pytest.fixture(scope="module")
def runs(api: Api, served: None, applied: Any, room: int) -> Iterator[dict[str, Manifest]]:
    """Runs side by side, by name, whose first step is given other resources or another image than the product gives."""
    much = f"{room + 1024}Mi"
    wrong: dict[str, dict[str, str]] = {
        "starved": {"resources/limits/memory": LITTLE, "resources/requests/memory": LITTLE},
        "too-large": {"resources/limits/memory": much, "resources/requests/memory": much},
        "without-image": {"image": NOWHERE, "imagePullPolicy": "IfNotPresent"},
    }
    template = api.get("batch/v1", "CronJob", TEMPLATE, NAMESPACE)
    assert template is not None
    policies = [one for name, changes in wrong.items() for one in policy(name, changes | CORES)]
    for one in policies:
        api.apply(one)
    made = {
        name: run_job(template, name, ["training", "--rows", "4000", "--seed", str(number)], image=None)
        for number, name in enumerate(wrong, 11)
    }
    for one in made.values():
        api.create(one)
    yield made
    for one in (*policies, *made.values()):
        api.delete(one)


@pytest.fixture(scope="module")
def said(
    node: ClusterLayout, api: Api, runs: dict[str, Manifest], eventually: Wait
) -> Callable[[str], tuple[Any, str]]:
    """Waits for a run to end; returns the line that tells what came of it, read, and all lines."""
    core = kubernetes.CoreV1Api(cluster_api.connect(node.kubeconfig))

    def wait(name: str) -> tuple[Any, str]:
        def failed() -> bool:
            found = api.get("batch/v1", "Job", name, NAMESPACE)
            assert found is not None
            conditions = {one["type"]: one["status"] for one in found["status"].get("conditions") or []}
            assert "Complete" not in conditions
            return conditions.get("Failed") == "True"

        eventually(failed, SECONDS)
        (pod,) = api.every("v1", "Pod", NAMESPACE, f"batch.kubernetes.io/job-name={name}")
        log: Any = core.read_namespaced_pod_log(pod["metadata"]["name"], NAMESPACE, _preload_content=False)
        lines = log.data.decode()
        # What is said on both streams has no order.
        (answer,) = re.findall(r'^\{"run_id": .*$', lines, re.MULTILINE)
        return json.loads(answer), lines

    return wait


@pytest.mark.parametrize(
    ("run", "why"),
    [
        ("starved", f"OOMKilled: it needed more memory than {LITTLE}"),
        ("too-large", "waited 120 s: Unschedulable: 0/1 nodes are available: 1 Insufficient memory"),
        # The kubelet says the one while it waits for its next attempt, the other after it.
        ("without-image", f"waited 120 s: (ImagePullBackOff|ErrImagePull): .*{NOWHERE}"),
    ],
)
def test_a_run_fails_with_the_reason_for_which_its_step_did_not_run_and_nothing_of_it_is_left(
    api: Api, said: Callable[[str], tuple[Any, str]], eventually: Wait, run: str, why: str
) -> None:
    told, progress = said(run)
    assert (told["status"], told["failed_step"]) == ("failed", "ingest"), f"{told}\n{progress}"
    assert re.search(why, told["error"]), told["error"]
    assert eventually(
        lambda: (
            not [
                one
                for kind in (("batch/v1", "Job"), ("v1", "Pod"))
                for one in api.every(*kind, NAMESPACE, f"{RUN}={run}")
            ]
        ),
        60,
    )
