"""A real Kubernetes, and the cloud stacks' objects as `make render` writes them."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from infra.cluster.api import Api
from infra.cluster.down import take_down
from infra.cluster.image_store import ImageStore
from infra.cluster.layout import ClusterLayout
from infra.cluster.record import NODE_ADDRESS, PODS, SERVICES, Nodes
from infra.cluster.up import bring_up
from infra.scanning import renders
from infra.scanning.custom_resources import definitions
from infra.scanning.objects import read
from infra.versions import versions

# A cluster that may be changed, given by `make test-cluster KUBECONFIG=...`.
EXISTING = "KEELSON_TEST_KUBECONFIG"
# What decides about other objects, in the order in which it can be made.
BOUNDARIES = (
    "Namespace PriorityClass ServiceAccount LimitRange ResourceQuota ValidatingAdmissionPolicy "
    "ValidatingAdmissionPolicyBinding"
).split()


# Of stack `cluster` on a real node that is made here; operators are played by their definitions alone.
ANY_KUBERNETES = {
    "keelson:registry": "localhost/keelson",
    "keelson:operators": "present",
    "keelson:storage": {"database": 1, "objects": 2, "pipelines": 2},
    # A small node, which nobody waits for.
    "keelson:pipelines": {"step-cpu": 0.3, "step-memory": 1, "wait-minutes": 2},
    "keelson:network": {"pods": str(PODS), "services": str(SERVICES), "nodes": [f"{NODE_ADDRESS}/32"]},
}


def wait(holds: Callable[[], Any], seconds: float = 30, seen: Callable[[], Any] | None = None) -> Any:
    """What ``holds`` returns once it is true; fails after ``seconds`` with what is ``seen``, or its last answer."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > deadline:
            pytest.fail(f"still {seen() if seen else found!r} after {seconds} s")
        time.sleep(0.1)
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of stack `cluster` last: its node, with callers who ask all along, is there to the end."""
    items.sort(key=lambda one: "self_hosted" in one.path.parts)


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """``wait``."""
    return wait


@pytest.fixture(scope="session")
def in_force() -> Callable[[Api, list[dict[str, Any]]], None]:
    """Puts namespaces, quotas, limits, accounts, priorities and rules of a stack in force."""

    def put(api: Api, objects: list[dict[str, Any]]) -> None:
        wanted = [one for one in objects if one["kind"] in BOUNDARIES]
        for one in sorted(wanted, key=lambda one: BOUNDARIES.index(one["kind"])):
            api.apply(one)
        limits = {one["metadata"]["namespace"]: one["spec"]["hard"] for one in wanted if one["kind"] == "ResourceQuota"}

        def known() -> bool:
            # Another stack may have namespaces that this one lacks.
            found = {one["metadata"]["namespace"]: one.get("status") or {} for one in api.every("v1", "ResourceQuota")}
            return all(found[name].get("hard") == hard for name, hard in limits.items())

        # A quota that the controller has not looked at yet admits no pod.
        wait(known)

    return put


@pytest.fixture(scope="session")
def new_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Nodes], ClusterLayout]]:
    """Brings clusters up that are gone in the end."""
    with ExitStack() as made:

        def bring(nodes: Nodes) -> ClusterLayout:
            layout = ClusterLayout(tmp_path_factory.mktemp("cluster") / "it")
            made.callback(take_down, layout)
            bring_up(layout, nodes, print)
            return layout

        yield bring


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Objects of every render, by its name: each stack as its file says, and with all optional parts."""
    made = renders.write(tmp_path_factory.mktemp("renders"), print)
    return {folder.name: [dict(one.manifest) for one in read(folder)] for folder in made}


@pytest.fixture(scope="session")
def any_kubernetes() -> Mapping[str, Any]:
    """Configuration of stack `cluster` for a real node."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in ANY_KUBERNETES.items()}


@pytest.fixture(scope="session")
def kubeconfig(new_cluster: Callable[[Nodes], ClusterLayout]) -> Path:
    """The given cluster, or one of the tests' own, that knows the custom resources of the stacks' charts."""
    given = os.environ.get(EXISTING)
    chosen = Path(given) if given else new_cluster("simulated").kubeconfig
    api, found = Api(chosen), definitions(versions())
    for one in found:
        api.apply(one)
    names = {one["metadata"]["name"] for one in found}
    wait(lambda: names <= _established(api))
    return chosen


def _established(api: Api) -> set[str]:
    """Names of the custom resources that the API server takes objects of."""
    return {
        one["metadata"]["name"]
        for one in api.every("apiextensions.k8s.io/v1", "CustomResourceDefinition")
        for condition in one["status"].get("conditions") or []
        if condition["type"] == "Established" and condition["status"] == "True"
    }


@pytest.fixture(scope="session")
def image_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageStore]:
    """An image store of the tests' own."""
    store = ImageStore(tmp_path_factory.mktemp("images"))
    yield store
    store.close()


@pytest.fixture(scope="session")
def base_image(image_store: ImageStore) -> str:
    """A slim Debian with Python, made of Debian's packages alone."""
    name = "localhost/keelson-base:test"
    image_store.debian(name)
    return name
