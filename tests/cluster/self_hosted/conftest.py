"""Stack `cluster` on a real node: images made here, objects as the program writes them, applied as the docs say."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client as kubernetes

from infra.cluster import api as cluster_api
from infra.cluster import images
from infra.cluster.api import Api
from infra.cluster.image_store import ImageStore
from infra.cluster.layout import ClusterLayout
from infra.cluster.record import Nodes
from infra.render.engine import record as recorded
from infra.render.manifests import manifests
from infra.render.recording import Recording
from infra.scanning.custom_resources import definitions
from infra.self_hosted import credentials, secrets_file
from infra.self_hosted.credentials import Secrets
from infra.versions import versions
from pipelines.jobs.names import DOOR, NAMESPACE, RUN, STEP, TEMPLATE

Manifest = dict[str, Any]

STACK = "cluster"
ROOT = Path(__file__).parents[3]
# Where packages are got from while an image is built, as it is here.
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
# Servers that a training talks to.
SERVERS = ("mlflow/Deployment/mlflow", "feast/Deployment/feast", "monitoring/Deployment/monitor")
# Steps are processes of a machine with other work to do; each imports for seconds.
TRAINING_SECONDS = 3600
SMALL = ("rows=4000", "seed=3", "trials=1", "tuning_seconds=20", 'families=["linear", "lightgbm"]')
# What a step does when its orchestrator is killed.
KILLED_AT = "build_features"


@pytest.fixture(scope="session")
def configuration(any_kubernetes: Mapping[str, Any]) -> Mapping[str, Any]:
    """The stack's settings; its operators come with it."""
    return {**any_kubernetes, "keelson:operators": "installed"}


@pytest.fixture(scope="session")
def stack(configuration: Mapping[str, Any]) -> Recording:
    """The stack as its program describes it for the node."""
    return recorded(STACK, configuration)


@pytest.fixture(scope="session")
def archives(
    tmp_path_factory: pytest.TempPathFactory,
    configuration: Mapping[str, Any],
    image_store: ImageStore,
    base_image: str,
) -> list[Path | bytes]:
    """Images of the stack: its own by its Dockerfile, the others in place of those that only a registry has."""
    folder, here = tmp_path_factory.mktemp("archives"), Path(__file__).parent
    pinned = versions().images
    components = f"{configuration['keelson:registry']}/components:{pinned['components'].rpartition(':')[2]}"
    built = {
        components: (ROOT / "components" / "Dockerfile", ROOT),
        pinned["postgres"]: (here / "postgres.Dockerfile", here),
    }
    # uv trusts the machine's certificates too.
    (folder / "uv.toml").write_text("native-tls = true\n")
    mounts = {CERTIFICATES: CERTIFICATES, str(folder / "uv.toml"): "/etc/uv/uv.toml"}
    options = [f"--volume={source}:{target}:ro" for source, target in mounts.items()]
    found: list[Path | bytes] = []
    for number, (name, (dockerfile, context)) in enumerate(built.items()):
        about = ["--build-arg", f"BASE_IMAGE={base_image}", "--file", str(dockerfile), "--tag", name]
        image_store.buildah("build", *options, *about, str(context))
        image_store.save(name, folder / f"{number}.tar")
        found.append(folder / f"{number}.tar")
    gateway = ROOT / ".local" / "bin" / "versitygw"
    return [images.of_program(pinned["versitygw"], gateway, ["/bin/versitygw"]), *found]


@pytest.fixture(scope="session")
def node(new_cluster: Callable[[Nodes], ClusterLayout], archives: list[Path | bytes]) -> ClusterLayout:
    """A cluster with a real node that has the stack's images."""
    layout = new_cluster("real")
    for archive in archives:
        images.load(archive, layout)
    return layout


@pytest.fixture(scope="session")
def api(node: ClusterLayout) -> Api:
    """The administrator's; the cluster knows the kinds that operators would bring."""
    made = Api(node.kubeconfig)
    for one in definitions(versions()):
        made.apply(one)
    return made


@pytest.fixture(scope="session")
def secrets() -> Secrets:
    """The values of the stack's secrets, as they are first."""
    return credentials.make()


@pytest.fixture(scope="session")
def local() -> Callable[[Manifest], Manifest]:
    """Makes an object run images that are there already: the node has no registry to ask for newer ones."""

    def change(one: Manifest) -> Manifest:
        spec = one.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if isinstance(template, dict) and "spec" in template:
            for container in (*template["spec"].get("initContainers", ()), *template["spec"]["containers"]):
                container["imagePullPolicy"] = "Never"
        return one

    return change


@pytest.fixture(scope="session")
def succeeded() -> Callable[[Manifest], bool]:
    """Whether a Job has ended well; fails where it has failed for good."""

    def ended(job: Manifest) -> bool:
        conditions = {one["type"]: one for one in (job.get("status") or {}).get("conditions") or []}
        failed = conditions.get("Failed", {"status": "False"})
        assert failed["status"] != "True", f"{job['metadata']['name']}: {failed.get('message')}"
        return conditions.get("Complete", {}).get("status") == "True"

    return ended


@pytest.fixture(scope="session")
def applied(
    api: Api,
    stack: Recording,
    secrets: Secrets,
    local: Callable[[Manifest], Manifest],
    succeeded: Callable[[Manifest], bool],
    eventually: Callable[..., Any],
) -> Mapping[str, Manifest]:
    """All objects by path, applied in the order of docs/any-kubernetes.md."""
    found = {path: local(yaml.safe_load(text)) for path, text in manifests(stack).items()}
    found = {path: one for path, one in sorted(found.items()) if path.startswith("kubernetes/")}

    def apply(*folders: str) -> None:
        for path, one in found.items():
            if path.split("/")[1] in folders:
                api.apply(one)

    apply("_cluster")
    for secret in secrets_file.manifests(stack.resources, secrets):
        api.apply(secret)
    apply("database", "storage")
    eventually(lambda: all(map(succeeded, api.every("batch/v1", "Job", "database"))), 600)
    apply(*{path.split("/")[1] for path in found})
    return found


@pytest.fixture(scope="session")
def ready(api: Api, applied: Mapping[str, Manifest], eventually: Callable[..., Any]) -> Callable[[str, float], bool]:
    """Waits some seconds for a server to answer, given as ``<namespace>/<kind>/<name>``; returns whether it does."""

    def wait(place: str, seconds: float) -> bool:
        namespace, kind, name = place.split("/")

        def answers() -> bool:
            found = api.get("apps/v1", kind, name, namespace)
            status = (found or {}).get("status") or {}
            generation = (found or {}).get("metadata", {}).get("generation")
            counts = {status.get(key) for key in ("replicas", "updatedReplicas", "readyReplicas")}
            return status.get("observedGeneration") == generation and counts == {1}

        return eventually(answers, seconds)

    return wait


@pytest.fixture(scope="session")
def run_pod(node: ClusterLayout, api: Api, eventually: Callable[..., Any]) -> Callable[..., tuple[str, str]]:
    """Runs the first container of a pod's specification to its end, with changes, for at most so many seconds; returns
    the pod's phase and what it printed."""
    core = kubernetes.CoreV1Api(cluster_api.connect(node.kubeconfig))

    def run(
        namespace: str,
        spec: Mapping[str, Any],
        changed: Mapping[str, Any],
        seconds: float,
        labels: Mapping[str, str] | None = None,
    ) -> tuple[str, str]:
        container = {**spec["containers"][0], **changed}
        for key in ("ports", "readinessProbe", "livenessProbe", "startupProbe", "lifecycle"):
            container.pop(key, None)
        metadata = {"generateName": "asks-", "namespace": namespace, "labels": labels or {}}
        once = {**spec, "restartPolicy": "Never", "containers": [container]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": once}
        name = api.create(pod).content["metadata"]["name"]

        def ended() -> str | None:
            found = api.get("v1", "Pod", name, namespace)
            phase = found["status"]["phase"] if found else ""
            return phase if phase in ("Succeeded", "Failed") else None

        phase = eventually(ended, seconds)
        # Else the client reads what looks like JSON, and gives it as Python writes it.
        log: Any = core.read_namespaced_pod_log(name, namespace, _preload_content=False)
        return phase, log.data.decode().strip()

    return run


@pytest.fixture(scope="session")
def served(ready: Callable[[str, float], bool]) -> None:
    """The servers that a training talks to are ready."""
    for place in SERVERS:
        ready(place, 900)


@pytest.fixture(scope="session")
def in_pod(served: None, run_pod: Callable[..., tuple[str, str]]) -> Callable[..., tuple[str, str]]:
    """Runs a command in a pod that is in all else like those of a template; returns how it ended and what it said."""

    def run(namespace: str, template: Mapping[str, Any], *command: str) -> tuple[str, str]:
        changed = {"command": list(command), "args": []}
        return run_pod(namespace, template["spec"], changed, TRAINING_SECONDS, template["metadata"]["labels"])

    return run


@pytest.fixture(scope="session")
def asked() -> Callable[..., list[str]]:
    """Arguments of `pipelines.submit` for a small training with further inputs."""
    return lambda *more: ["training", *(part for one in (*SMALL, *more) for part in ("--param", one)), "--wait"]


@pytest.fixture(scope="session")
def steps_now(api: Api) -> Callable[[], list[str]]:
    """Steps that have a Job, whatever run they are of."""
    return lambda: [one["metadata"]["labels"][STEP] for one in api.every("batch/v1", "Job", NAMESPACE, RUN)]


@pytest.fixture(scope="session")
def trained(
    node: ClusterLayout,
    api: Api,
    served: None,
    asked: Callable[..., list[str]],
    steps_now: Callable[[], list[str]],
    eventually: Callable[..., Any],
) -> tuple[dict[str, Any], str]:
    """What a training came to that a person asked for by a kubeconfig, and its progress.

    The pod that orchestrated it was killed half way.
    """
    command = [sys.executable, "-m", "pipelines.submit", *asked(), "--endpoint", DOOR]
    variables = {**os.environ, "KUBECONFIG": str(node.kubeconfig)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=variables, **pipes) as running:
        eventually(lambda: KILLED_AT in steps_now() or running.poll() is not None, TRAINING_SECONDS)
        for one in api.every("v1", "Pod", NAMESPACE, f"app.kubernetes.io/name={TEMPLATE}"):
            api.delete(one, now=True)
        out, progress = running.communicate(timeout=TRAINING_SECONDS)
    return json.loads(out.splitlines()[-1]), progress
