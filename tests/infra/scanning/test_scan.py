"""A render is scanned whole: a planted fault is seen by each scanner, and what is right is admitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra.scanning.exemptions import Exemption
from infra.scanning.objects import RenderError
from infra.scanning.scan import scan
from infra.versions import versions

if TYPE_CHECKING:
    from pathlib import Path

    from infra.scanning.findings import Finding
    from tests.infra.scanning.conftest import Manifest, Render

MEMORY = {("checkov", "CKV_K8S_13"), ("kube-score", "container-resources")}


def found(*renders: Path, table: tuple[Exemption, ...] = (), whole: bool = False) -> list[Finding]:
    every = scan(renders, versions(), lambda _: None, table=table, whole=whole)
    return [one for findings in every.values() for one in findings]


def container(manifest: Manifest) -> dict[str, Any]:
    return manifest["spec"]["template"]["spec"]["containers"][0]


def test_what_is_right_passes_all_scanners(render: Render, right: list[Manifest]) -> None:
    assert found(render(*right)) == []


def test_each_scanner_sees_a_fault_in_a_deployment_and_in_a_rollout(
    render: Render, deployment: Manifest, rollout: Manifest
) -> None:
    for one in (deployment, rollout):
        del container(one)["resources"]["limits"]["memory"]
        container(one)["imagePulPolicy"] = "Always"
    expected = {*MEMORY, ("schema", "Kubernetes schema at spec.template.spec.containers.0")}
    assert {(one.reference, one.scanner, one.rule) for one in found(render(deployment, rollout))} == {
        (reference, *rule) for reference in ("Deployment/serving/web", "Rollout/serving/canary") for rule in expected
    }


def test_the_objects_are_scored_together_and_exempted_one_by_one(render: Render, deployment: Manifest) -> None:
    deployment["spec"]["template"]["metadata"]["labels"] = {"app": "lonely"}
    deployment["spec"]["selector"]["matchLabels"] = {"app": "lonely"}
    table = tuple(
        Exemption(reference="Deployment/serving/*", rule=rule, reason="for a test")
        for rule in ("kube-score/pod-networkpolicy", "kube-score/container-resources")
    )
    told = {(one.scanner, one.rule) for one in found(render(deployment), table=table, whole=True)}
    assert ("exemptions", "kube-score/container-resources") in told
    # It was found, else its row would excuse nothing, and it was excused.
    assert not {("kube-score", "pod-networkpolicy"), ("exemptions", "kube-score/pod-networkpolicy")} & told


def test_a_folder_without_objects_is_refused_by_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match=r"has no Kubernetes objects: write it with `make render"):
        found(tmp_path)


@pytest.mark.parametrize("text", ["- a\n", "kind: [\n", "apiVersion: v1\nkind: Pod\nmetadata: {}\n"])
def test_a_file_that_is_no_object_is_named(render: Render, deployment: Manifest, text: str) -> None:
    folder = render(deployment)
    (folder / "kubernetes" / "serving" / "Pod-odd.yaml").write_text(text)
    with pytest.raises(RenderError, match=r"kubernetes/serving/Pod-odd.yaml is no"):
        found(folder)
