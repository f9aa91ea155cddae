"""Everything that stack `dev` runs at rest fits on its one node, or the stated cost would not be the cost."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.render.engine import record
from infra.render.recording import Recording, Resource

PATCHES = Path(__file__).parents[2] / "infra" / "apps" / "kubeflow" / "kustomization" / "pipelines" / "patches"

# A t3a.large as EKS's AL2023 image divides it: of 2 vCPU 70m are the kubelet's; of 8 GiB the kernel takes a twentieth,
# the kubelet 255 MiB and 11 MiB for each of 110 pods, and eviction starts at 100 MiB (nodeadm's defaults).
CPU, MEMORY = 2000 - 70, 8192 * 0.95 - (255 + 11 * 110) - 100

# Requests of EKS's own pods on one node with one copy of each: millicores and MiB, from the add-ons' default values.
ADDONS: Mapping[str, tuple[float, float]] = {
    "vpc-cni": (75, 20),
    "kube-proxy": (100, 0),
    "eks-pod-identity-agent": (20, 40),
    "coredns": (100, 70),
    "aws-ebs-csi-driver": (60 + 30, 240 + 120),
    "metrics-server": (100, 200),
}


@pytest.fixture(scope="module")
def dev() -> Recording:
    return record("dev")


def cpu(quantity: str) -> float:
    return float(quantity[:-1]) if quantity.endswith("m") else 1000 * float(quantity)


def memory(quantity: str) -> float:
    units = {"Mi": 1, "Gi": 1024}
    return float(quantity[:-2]) * units[quantity[-2:]]


def asked(requests: Mapping[str, str]) -> tuple[float, float]:
    return cpu(requests["cpu"]), memory(requests["memory"])


def of_workloads(recording: Recording) -> Iterator[tuple[str, float, float]]:
    """Servers of our own: what runs all the time, with its copies."""
    for resource in recording.of_package("kubernetes"):
        if resource.kind in {"Deployment", "StatefulSet", "DaemonSet"}:
            copies = resource.inputs["spec"].get("replicas", 1)
            for container in resource.inputs["spec"]["template"]["spec"]["containers"]:
                millicores, mebibytes = asked(container["resources"]["requests"])
                yield resource.name, copies * millicores, copies * mebibytes


def of_charts(recording: Recording) -> Iterator[tuple[str, float, float]]:
    """Everything that a chart's values give requests to; GPU nodes' own parts are not on this node."""
    for chart in recording.of_type("kubernetes:helm.sh/v4:Chart"):
        if chart.inputs["namespace"] != "nvidia":
            yield from ((chart.name, *one) for one in in_values(chart.inputs.get("values", {}), 1))


def in_values(values: Any, copies: int) -> Iterator[tuple[float, float]]:
    if not isinstance(values, Mapping):
        return
    copies = values.get("replicas", values.get("replicaCount", copies))
    requests = values.get("resources", {}).get("requests", {})
    if "cpu" in requests:
        millicores, mebibytes = asked(requests)
        yield copies * millicores, copies * mebibytes
    for one in values.values():
        yield from in_values(one, copies)


def of_pipelines() -> Iterator[tuple[str, float, float]]:
    """Kubeflow Pipelines' servers, whose requests stand in our changes to upstream's objects."""
    for file in sorted(PATCHES.glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            if isinstance(document, Mapping) and document.get("kind") == "Deployment":
                spec = document.get("spec", {}).get("template", {}).get("spec", {})
                for container in spec.get("containers", []):
                    if "resources" in container:
                        yield file.stem, *asked(container["resources"]["requests"])


def test_the_whole_stack_at_rest_fits_on_its_one_node(dev: Recording) -> None:
    parts = [*of_workloads(dev), *of_charts(dev), *of_pipelines()]
    parts += [(name, *size) for name, size in ADDONS.items()]
    assert sum(one[1] for one in parts) <= CPU, sorted(parts, key=lambda one: -one[1])[:8]
    assert sum(one[2] for one in parts) <= MEMORY, sorted(parts, key=lambda one: -one[2])[:8]


def test_every_part_that_was_counted_is_there(dev: Recording) -> None:
    assert len({name for name, *_ in of_pipelines()}) == 7
    assert {"mlflow", "feast"} <= {name.split("-")[0] for name, *_ in of_workloads(dev)}
    charts = {chart.name for chart in dev.of_type("kubernetes:helm.sh/v4:Chart")} - {"karpenter-crd"}
    gpu = {"nvidia-device-plugin", "dcgm-exporter"}
    assert {name for name, *_ in of_charts(dev)} == charts - gpu
    addons: tuple[Resource, ...] = dev.of_type("aws:eks/addon:Addon")
    assert {one.inputs["addonName"] for one in addons} == set(ADDONS)


def test_the_one_node_is_of_the_size_that_was_counted_with(dev: Recording) -> None:
    (group,) = dev.of_type("aws:eks/nodeGroup:NodeGroup")
    assert group.inputs["scalingConfig"]["desiredSize"] == 1
    assert all(kind.endswith(".large") for kind in group.inputs["instanceTypes"])
