"""Every namespace admits restricted pods only, has limits, and refuses all traffic that nobody asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.apps.namespaces import NAMESPACES, container_defaults, hard_limits, quota, table
from infra.settings.cloud import STACKS, CloudSettings

MakeAll = Callable[..., Any]
PRIVILEGED = ("nvidia", "logging")
PAGE = Path(__file__).parents[3] / "docs" / "cluster-security.md"


@pytest.mark.parametrize("name", [name for name in NAMESPACES if name not in PRIVILEGED])
def test_a_namespace_enforces_the_restricted_pod_standard(make_all: MakeAll, name: str) -> None:
    labels = make_all().one("Namespace", name)["metadata"]["labels"]
    assert {labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")} == {"restricted"}


@pytest.mark.parametrize("name", PRIVILEGED)
def test_a_privileged_namespace_says_why(make_all: MakeAll, name: str) -> None:
    metadata = make_all().one("Namespace", name)["metadata"]
    assert metadata["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert metadata["annotations"]["keelson/pod-security-reason"]


@pytest.mark.parametrize("kind", ["ResourceQuota", "LimitRange"])
def test_every_namespace_has_a_quota_and_limits(make_all: MakeAll, kind: str) -> None:
    assert {one["metadata"]["namespace"] for one in make_all().of(kind)} == set(NAMESPACES)


def test_no_namespace_opens_a_load_balancer_or_a_node_port_of_its_own(make_all: MakeAll) -> None:
    for one in make_all().of("ResourceQuota"):
        hard = one["spec"]["hard"]
        assert (hard["services.loadbalancers"], hard["services.nodeports"]) == ("0", "0")


def test_limits_name_no_gpu() -> None:
    """A maximum without a default would give each container a GPU."""
    for namespace in NAMESPACES.values():
        limits = container_defaults(namespace)
        named = {**(limits.default or {}), **(limits.default_request or {})}  # pyright: ignore
        assert not [key for key in named if "gpu" in key]
        assert limits.max is None


@pytest.mark.parametrize("stack", STACKS)
def test_the_workloads_of_a_stack_fit_into_their_quotas(make_all: MakeAll, stack: str, sign_in: object) -> None:
    made = make_all(stack, sign_in=sign_in)
    for name, namespace in NAMESPACES.items():
        asked = 0
        for one in made.servers(name):
            copies = one["spec"].get("replicas", STACKS[stack]["replicas"]) + 1
            containers = one["spec"]["template"]["spec"]["containers"]
            asked += copies * sum(int(c["resources"]["requests"]["cpu"].removesuffix("m")) for c in containers)
        settings = CloudSettings.model_validate({"stack": stack, **STACKS[stack]})
        assert asked <= 1000 * quota(namespace, settings).cpu, name


@given(replicas=st.integers(1, 10), gpus=st.integers(1, 64), cpus=st.integers(4, 1024))
def test_only_pipelines_may_ask_for_gpus_and_at_most_the_stacks_limit(replicas: int, gpus: int, cpus: int) -> None:
    row = STACKS["dev"]
    changed = {
        "replicas": replicas,
        "gpu": {**row["gpu"], "limit": gpus},
        "workers": {**row["workers"], "cpu-limit": cpus},
    }
    settings = CloudSettings.model_validate({"stack": "dev", **row, **changed})
    for name, namespace in NAMESPACES.items():
        allowed = hard_limits(quota(namespace, settings))["requests.nvidia.com/gpu"]
        assert allowed == (str(gpus) if name == "kubeflow" else "0")


def test_the_table_in_the_docs_is_that_of_the_program() -> None:
    assert table() in PAGE.read_text()
