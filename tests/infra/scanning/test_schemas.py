"""Schemas are strict: unknown fields, missing ones and wrong types are faults, in built-in and custom kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.scanning import custom_resources, schemas
from infra.scanning.findings import Finding, ScanError
from infra.scanning.objects import KubernetesObject
from infra.versions import versions

if TYPE_CHECKING:
    from tests.infra.scanning.conftest import Manifest


def scanned(manifest: Manifest, version: str | None = None) -> list[Finding]:
    one = KubernetesObject(manifest=manifest, file="one.yaml")
    version = version or versions().kubernetes.version
    return schemas.scan([one], version=version, custom=lambda: custom_resources.load(versions()))


def at(manifest: Manifest, path: str) -> tuple[Any, Any]:
    """The container and the key that ``path`` leads to."""
    *way, last = (int(part) if part.isdigit() else part for part in path.split("/"))
    for part in way:
        manifest = manifest[part]  # pyright: ignore[reportArgumentType]
    return manifest, last


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Deployment", "spec/template/spec/containers/0/imagePulPolicy"),
        ("Deployment", "metadata/label"),
        ("NodePool", "spec/template/spec/expiresAfter"),
        ("NodePool", "metadata/label"),
        ("NodePool", "status2"),
        ("ExternalSecret", "spec/data/0/remoteRef/keys"),
        ("ServiceMonitor", "spec/endpoints/0/intervall"),
        ("Rollout", "spec/strategy/canary/step"),
        ("Rollout", "spec/template/spec/containers/0/imagePulPolicy"),
    ],
)
def test_an_unknown_field_is_refused(right: list[Manifest], kind: str, path: str) -> None:
    (manifest,) = [one for one in right if one["kind"] == kind]
    assert scanned(manifest) == []
    where, key = at(manifest, path)
    where[key] = "x"
    findings = scanned(manifest)
    assert findings
    assert all(f"'{key}'" in one.message for one in findings)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Deployment", "spec/selector"),
        ("Deployment", "spec/template/spec/containers/0/name"),
        ("NodePool", "spec/template/spec/nodeClassRef"),
        ("NodePool", "spec/disruption/consolidateAfter"),
        ("ExternalSecret", "spec/data/0/remoteRef"),
        ("ServiceMonitor", "spec/selector"),
        ("Rollout", "spec/template/spec/containers/0/name"),
    ],
)
def test_a_missing_field_is_demanded(right: list[Manifest], kind: str, path: str) -> None:
    (manifest,) = [one for one in right if one["kind"] == kind]
    where, key = at(manifest, path)
    del where[key]
    assert any(f"'{key}' is a required property" in one.message for one in scanned(manifest))


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", "spec/replicas", "two"),
        ("NodePool", "spec/template/spec/expireAfter", "a day"),
        ("NodePool", "spec/template/spec/requirements/0/operator", "Is"),
        ("ServiceMonitor", "spec/endpoints", {}),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(right: list[Manifest], kind: str, path: str, value: object) -> None:
    (manifest,) = [one for one in right if one["kind"] == kind]
    where, key = at(manifest, path)
    where[key] = value
    assert any(path.replace("/", ".") in one.rule for one in scanned(manifest))


@pytest.mark.parametrize(
    ("api", "kind"), [("apps/v1beta1", "Deployment"), ("karpenter.sh/v1alpha5", "Provisioner"), ("v1", "Pods")]
)
def test_a_kind_that_the_cluster_does_not_know_is_a_fault(api: str, kind: str) -> None:
    (finding,) = scanned({"apiVersion": api, "kind": kind, "metadata": {"name": "x"}})
    assert f"has no {api} {kind}" in finding.message


def test_schemas_of_another_version_are_not_taken_for_the_clusters(right: list[Manifest]) -> None:
    with pytest.raises(ScanError, match=r"no schemas of Kubernetes 1\.99"):
        scanned(right[0], version="1.99")


LEAF = st.sampled_from(
    [{"type": "string"}, {"type": "integer"}, {"type": "object", "additionalProperties": {"type": "string"}}]
)
SCHEMA = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1).map(lambda p: {"type": "object", "properties": p}),
        inner.map(lambda one: {"type": "array", "items": one}),
    ),
)


@given(SCHEMA)
def test_every_object_with_named_fields_is_closed_at_every_depth(schema: dict[str, Any]) -> None:
    def open_ones(one: dict[str, Any]) -> list[dict[str, Any]]:
        here = [one] if "properties" in one and one.get("additionalProperties") is not False else []
        return here + [
            bad
            for inner in [*one.get("properties", {}).values(), *([one["items"]] if "items" in one else [])]
            for bad in open_ones(inner)
        ]

    assert open_ones(schemas.strict(schema)) == []


def test_a_field_that_keeps_what_it_does_not_know_stays_open() -> None:
    made = schemas.strict({"properties": {"a": {}}, "x-kubernetes-preserve-unknown-fields": True})
    assert "additionalProperties" not in made
