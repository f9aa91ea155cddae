"""The bundle of stack `cluster`, under Argo Rollouts' controller and Prometheus."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from kubernetes import client as kubernetes

from components import contract
from infra.cluster import api as cluster_api
from infra.cluster import enclosure, images, operators
from infra.cluster.api import Api
from infra.cluster.image_store import ImageStore
from infra.cluster.layout import ClusterLayout
from infra.render.engine import record
from infra.render.manifests import additions, manifests
from infra.render.recording import Recording
from infra.self_hosted import secrets_file
from infra.self_hosted.credentials import Secrets
from serving.trips import EXAMPLE_TRIP

Manifest = dict[str, Any]
Wait = Callable[..., Any]

ROOT = Path(__file__).parents[4]
# What takes minutes by the program's constants is divided by this: pauses, the analysis's delay, intervals and windows,
# and Prometheus' scrapes of the bundle. Nothing else of them is changed.
PACE = 5
ROLLOUT = ("argoproj.io/v1alpha1", "Rollout", "serving", "serving")
# What setting a bundle adds, or changes.
WRITTEN = ("kubernetes/serving/", "kubernetes/monitoring/PodMonitor-serving.yaml")
# The collector takes a minute, and has a batch to write.
COLLECTED_SECONDS = 300
LOGGED = """
import json
from components import tables
from components.platform import Platform
from components.served.tables import DEGRADED, PREDICTION_LOG
platform = Platform()
there = tables.latest_version(platform, PREDICTION_LOG) is not None
rows = tables.scan(platform, PREDICTION_LOG).select("request_id", DEGRADED).collect().rows() if there else []
print(json.dumps(dict(rows)))
"""


def hastened(text: str) -> str:
    """``2m`` as the test has it: ``24s``."""
    seconds = int(text[:-1]) * {"s": 1, "m": 60}[text[-1]]
    assert seconds % PACE == 0
    return f"{seconds // PACE}s"


def at_pace(one: Manifest) -> Manifest:
    """An object with less time between its steps, and no more copies than it has in rest."""
    spec = one.get("spec", {})
    if one["kind"] == "Rollout":
        for step in spec["strategy"]["canary"]["steps"]:
            if "pause" in step:
                step["pause"]["duration"] = hastened(step["pause"]["duration"])
    if one["kind"] == "AnalysisTemplate":
        for metric in spec["metrics"]:
            asked = metric["provider"]["prometheus"]
            asked["query"] = re.sub(r"\[(\w+)\]", lambda found: f"[{hastened(found[1])}]", asked["query"])
            metric |= {key: hastened(metric[key]) for key in ("initialDelay", "interval")}
    if one["kind"] == "PodMonitor":
        for endpoint in spec["podMetricsEndpoints"]:
            endpoint |= {key: hastened(endpoint[key]) for key in ("interval",) if key in endpoint}
    if one["kind"] == "HorizontalPodAutoscaler":
        # On a slow machine it adds a copy, and tests count copies.
        spec["maxReplicas"] = spec["minReplicas"]
    return one


@dataclass(frozen=True)
class Bundle:
    """The bundle of the champion.

    Attributes:
        version: Of its tag.
        archive: Its image.
    """

    version: str
    archive: Path

    @property
    def tag(self) -> str:
        """``name:version``."""
        return f"{contract.BUNDLE_NAME}:{self.version}"

    @staticmethod
    def image(version: str) -> str:
        """Name of the image of a version."""
        return f"localhost/keelson/serving:{version}"


@dataclass(frozen=True)
class Serving:
    """The stack's bundle on its cluster.

    Attributes:
        recording: The stack with it.
        objects: What the program writes for it, as the tests apply it.
        copies: How many pods it has: one more than by itself, so that one can be missed.
    """

    layout: ClusterLayout
    api: Api
    recording: Recording
    objects: list[Manifest]
    copies: int = 2

    def deploy(self, image: str) -> None:
        """What setting `bundle` to another one and `pulumi up` change."""
        made = json.loads(json.dumps(self._rollout))
        made["spec"]["template"]["spec"]["containers"][0]["image"] = image
        self.api.apply(made)

    def restart(self, moment: str) -> None:
        """Replace the bundle's pods one by one, as `kubectl argo rollouts restart` does."""
        self.api.apply({**self._rollout, "spec": {**self._rollout["spec"], "restartAt": moment}})

    def rollout(self) -> Manifest:
        """The Rollout as it is."""
        found = self.api.get(*ROLLOUT)
        assert found is not None
        return found

    def pods(self) -> list[Manifest]:
        """The bundle's pods that are not about to end."""
        found = self.api.every("v1", "Pod", "serving", "app.kubernetes.io/name=serving")
        return [one for one in found if not one["metadata"].get("deletionTimestamp")]

    def ready(self) -> set[str]:
        """Names of its pods that take requests."""
        return {
            one["metadata"]["name"]
            for one in self.pods()
            for condition in one["status"].get("conditions") or []
            if (condition["type"], condition["status"]) == ("Ready", "True")
        }

    def ask(self, question: str, **query: str) -> Any:
        """An answer of Prometheus' API."""
        return proxied(self.layout, "monitoring", "prometheus-operated:9090", f"api/v1/{question}", query=query)["data"]

    @property
    def _rollout(self) -> Manifest:
        (found,) = (one for one in self.objects if one["kind"] == "Rollout")
        return found


@pytest.fixture(scope="session")
def registry(node: ClusterLayout, api: Api, trained: Any, free_port: Callable[[], int]) -> Iterator[str]:
    """Address of the stack's MLflow out here once a training has registered a model there. As by `kubectl port-forward`
    it is that of one pod."""
    (pod,), port = api.every("v1", "Pod", "mlflow", "app.kubernetes.io/name=mlflow"), free_port()
    command = [sys.executable, "-m", "infra.cluster.forward", str(port), f"{pod['status']['podIP']}:5000"]
    # What enters the node's processes is a child there, which does not end with its parent.
    with subprocess.Popen([*enclosure.inside(node), *command], cwd=ROOT, start_new_session=True) as forwarder:
        yield f"http://localhost:{port}"
        os.killpg(forwarder.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def bundle(
    tmp_path_factory: pytest.TempPathFactory, image_store: ImageStore, base_image: str, registry: str, eventually: Wait
) -> Bundle:
    """The bundle of the champion that the stack's own training made, as docs/any-kubernetes.md says, and its image."""
    home = {"BENTOML_HOME": str(tmp_path_factory.mktemp("bentoml")), "BENTOML_DO_NOT_TRACK": "True"}
    variables = {**os.environ, **home, **image_store.variables, "MLFLOW_TRACKING_URI": registry}
    eventually(lambda: answers(registry), 30)

    def said(*command: str) -> Mapping[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", *command], env=variables, cwd=ROOT, stdout=subprocess.PIPE, check=True
        )
        return json.loads(done.stdout.splitlines()[-1])

    tag = said("serving.bundle")["tag"]
    made = Bundle(tag.partition(":")[2], tmp_path_factory.mktemp("archive") / "bundle.tar")
    said("serving.image", tag, "--image", made.image(made.version), "--base-image", base_image)
    image_store.save(made.image(made.version), made.archive)
    return made


def proxied(layout: ClusterLayout, namespace: str, service: str, path: str, query: Any = None, body: Any = None) -> Any:
    """What a Service answers in JSON, through the API server; a body is posted."""
    core = kubernetes.CoreV1Api(cluster_api.connect(layout.kubeconfig))
    said: Any = core.api_client.call_api(
        f"/api/v1/namespaces/{namespace}/services/{service}/proxy/{path}",
        "GET" if body is None else "POST",
        query_params=query,
        body=body,
        header_params={"Content-Type": "application/json"},
        auth_settings=["BearerToken"],
        _preload_content=False,
    )
    return json.loads(said[0].data)


def answers(url: str) -> bool:
    """Whether a server does."""
    try:
        return httpx.get(f"{url}/health").is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def serving(
    node: ClusterLayout,
    api: Api,
    applied: Any,
    stack: Recording,
    configuration: Mapping[str, Any],
    secrets: Secrets,
    local: Callable[[Manifest], Manifest],
    bundle: Any,
    eventually: Wait,
) -> Serving:
    """The first bundle, ready, in the stack whose training made its model and its features; seen by the stack's
    Prometheus."""
    values = {one.name: one.values for one in additions(stack)}
    operators.argo_rollouts(node, api)
    operators.prometheus(node, api, values["kube-prometheus-stack"])
    images.load(bundle.archive, node)
    wanted = {
        "keelson:bundle": bundle.tag,
        "keelson:replicas": str(Serving.copies),
        "keelson:feature-lookup": "optional",
    }
    with_bundle = record("cluster", {**configuration, **wanted})
    for one in secrets_file.manifests(with_bundle.resources, secrets):
        if one["metadata"]["namespace"] == "serving":
            api.apply(one)
    written = {path: text for path, text in sorted(manifests(with_bundle).items()) if path.startswith(WRITTEN)}
    made = Serving(node, api, with_bundle, [at_pace(local(yaml.safe_load(text))) for text in written.values()])
    for one in made.objects:
        api.apply(one)
    eventually(
        lambda: made.rollout().get("status", {}).get("phase") == "Healthy" and len(made.ready()) == made.copies, 300
    )
    eventually(lambda: len(made.ask("query", query='up{namespace="serving"} == 1')["result"]) == made.copies, 120)
    return made


@pytest.fixture(scope="session")
def asked_for(serving: Serving) -> Callable[..., Mapping[str, Any]]:
    """What the bundle answers to a request: a path, and a body where something is posted."""
    return lambda path, body=None: proxied(serving.layout, "serving", "serving:3000", path, body=body)


@pytest.fixture(scope="session")
def answer(asked_for: Callable[..., Mapping[str, Any]]) -> Callable[[], Mapping[str, Any]]:
    """What a caller is told about one trip."""
    return lambda: asked_for("predict", EXAMPLE_TRIP)


@pytest.fixture(scope="session")
def monitoring_pod(api: Api, in_pod: Callable[..., tuple[str, str]]) -> Callable[[str], str]:
    """Runs a program in a pod like the monitor's; returns the last line that it prints."""
    monitor = api.get("apps/v1", "Deployment", "monitor", "monitoring")
    assert monitor is not None

    def run(program: str) -> str:
        phase, said = in_pod("monitoring", monitor["spec"]["template"], "python", "-c", program)
        assert phase == "Succeeded", said
        return (said.splitlines() or [""])[-1]

    return run


@pytest.fixture(scope="session")
def logged(monitoring_pod: Callable[[str], str]) -> Callable[[str], bool]:
    """Waits until a request is in the tables of the log; returns whether it was answered without online features."""

    def wait(request: str) -> bool:
        deadline = time.monotonic() + COLLECTED_SECONDS
        while (rows := json.loads(monitoring_pod(LOGGED))).get(request) is None:
            assert time.monotonic() < deadline, f"{request} is not among {len(rows)} predictions"
        return rows[request]

    return wait
