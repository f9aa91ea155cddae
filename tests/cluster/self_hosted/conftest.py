"""Stack `cluster` on a real node: images made here, objects as the program writes them, applied as the docs say."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client as kubernetes

from infra.cluster import api as cluster_api
from infra.cluster import images
from infra.cluster.api import Api
from infra.cluster.layout import ClusterLayout
from infra.cluster.record import Nodes
from infra.render.engine import record as recorded
from infra.render.manifests import manifests
from infra.render.recording import Recording
from infra.scanning.custom_resources import definitions
from infra.self_hosted import credentials, secrets_file
from infra.versions import versions

Manifest = dict[str, Any]

ROOT = Path(__file__).parents[3]
BASE = "localhost/keelson-base:test"
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
# Where packages are got from while an image is built, as it is here.
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


class Images:
    """An image store of the tests' own; builds run without a container runtime."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        settings = f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n'
        (folder / "storage.conf").write_text(settings)
        # uv trusts the machine's certificates too.
        (folder / "uv.toml").write_text("native-tls = true\n")

    def run(self, *arguments: str) -> str:
        """Run buildah; returns the last line that it prints."""
        variables = {"CONTAINERS_STORAGE_CONF": str(self._folder / "storage.conf"), "BUILDAH_ISOLATION": "chroot"}
        done = subprocess.run(
            ["buildah", *arguments], cwd=ROOT, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True
        )
        assert done.returncode == 0, f"buildah {arguments[0]} failed; what it said stands above"
        return (done.stdout.strip().splitlines() or [""])[-1]

    def base(self) -> None:
        """A slim Debian with Python, made from Debian's packages alone."""
        root, archive = self._folder / "root", self._folder / "root.tar"
        debootstrap = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root)]
        subprocess.run(debootstrap, stdout=subprocess.DEVNULL, check=True)
        left_out = [f"--exclude=./{one}" for one in ("dev/*", "proc/*", "var/cache/apt/archives/*.deb")]
        subprocess.run(["tar", "-C", str(root), *left_out, "-cf", str(archive), "."], check=True)
        shutil.rmtree(root)
        container = self.run("from", "scratch")
        self.run("add", "--quiet", container, str(archive), "/")
        self.run("config", "--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container)
        self.run("commit", "--quiet", "--rm", container, BASE)
        archive.unlink()

    def build(self, name: str, dockerfile: Path, context: Path) -> None:
        """Build a Dockerfile on the base image."""
        mounts = {CERTIFICATES: CERTIFICATES, str(self._folder / "uv.toml"): "/etc/uv/uv.toml"}
        options = [f"--volume={here}:{there}:ro" for here, there in mounts.items()]
        options += ["--build-arg", f"BASE_IMAGE={BASE}", "--file", str(dockerfile), "--tag", name]
        self.run("build", *options, str(context))

    def archive(self, name: str) -> Path:
        """The image as a file that a node takes."""
        file = self._folder / f"{name.replace('/', '-').replace(':', '-')}.tar"
        self.run("push", "--quiet", name, f"docker-archive:{file}:{name}")
        return file

    def close(self) -> None:
        """Remove all of it."""
        subprocess.run(["umount", "--quiet", str(self._folder / "images" / "overlay")], check=False)
        shutil.rmtree(self._folder)


@pytest.fixture(scope="session")
def stack(any_kubernetes: Mapping[str, Any]) -> Recording:
    """The stack as its program describes it for the node."""
    return recorded("cluster", any_kubernetes)


@pytest.fixture(scope="session")
def archives(
    tmp_path_factory: pytest.TempPathFactory, any_kubernetes: Mapping[str, Any]
) -> Iterator[list[Path | bytes]]:
    """Images of the stack: its own by its Dockerfile, the others in place of those that only a registry has."""
    store = Images(tmp_path_factory.mktemp("images"))
    pinned, here = versions().images, Path(__file__).parent
    components = f"{any_kubernetes['keelson:registry']}/components:{pinned['components'].rpartition(':')[2]}"
    store.base()
    store.build(components, ROOT / "components" / "Dockerfile", ROOT)
    store.build(pinned["postgres"], here / "postgres.Dockerfile", here)
    gateway = ROOT / ".local" / "bin" / "versitygw"
    yield [
        images.of_program(pinned["versitygw"], gateway, ["/bin/versitygw"]),
        *(store.archive(name) for name in (components, pinned["postgres"])),
    ]
    store.close()


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
def applied(api: Api, stack: Recording, eventually: Callable[..., Any]) -> Mapping[str, Manifest]:
    """All objects by path, applied in the order of docs/any-kubernetes.md."""
    found = {path: local(yaml.safe_load(text)) for path, text in manifests(stack).items()}
    found = {path: one for path, one in sorted(found.items()) if path.startswith("kubernetes/")}

    def apply(*folders: str) -> None:
        for path, one in found.items():
            if path.split("/")[1] in folders:
                api.apply(one)

    apply("_cluster")
    for secret in secrets_file.manifests(stack.resources, credentials.make()):
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
            return status.get("observedGeneration") == generation and status.get("readyReplicas") == 1

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


def local(one: Manifest) -> Manifest:
    """The object with images that are there already: the node has no registry to ask for newer ones."""
    spec = one.get("spec", {})
    template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
    if isinstance(template, dict) and "spec" in template:
        for container in (*template["spec"].get("initContainers", ()), *template["spec"]["containers"]):
            container["imagePullPolicy"] = "Never"
    return one


def succeeded(job: Manifest) -> bool:
    """Whether a Job has ended well.

    Raises:
        AssertionError: It has failed for good.
    """
    conditions = {one["type"]: one for one in (job.get("status") or {}).get("conditions") or []}
    failed = conditions.get("Failed", {"status": "False"})
    assert failed["status"] != "True", f"{job['metadata']['name']}: {failed.get('message')}"
    return conditions.get("Complete", {}).get("status") == "True"
