"""Kubernetes objects become valid manifests under paths that a reader guesses; charts are named by pinned source."""

import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from infra.render.manifests import RenderError, additions_files, manifests
from infra.render.notation import as_yaml, decoded
from infra.render.recording import Recording, Resource, in_order

# Whole numbers are floats, as Pulumi's wire has them.
POD_TEMPLATE = {
    "metadata": {"labels": {"app": "mlflow"}},
    "spec": {"containers": [{"name": "mlflow", "image": "mlflow:3", "ports": [{"containerPort": 5000.0}]}]},
}


def an_object(
    kind: str = "ConfigMap", name: str = "settings", namespace: str | None = "mlflow", **more: Any
) -> Resource:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    inputs = {"metadata": metadata, "kind": kind, "apiVersion": "v1", **more.pop("inputs", {})}
    given = {"urn": f"urn::{kind}::{namespace}-{name}", "type": f"kubernetes:core/v1:{kind}", "name": f"the-{name}"}
    return Resource(**{**given, "inputs": inputs, **more})


def a_chart(name: str = "karpenter", **inputs: Any) -> Resource:
    return Resource(urn=f"urn::Chart::{name}", type="kubernetes:helm.sh/v4:Chart", name=name, inputs=inputs)


def a_recording(*resources: Resource) -> Recording:
    return Recording(stack="dev", resources=in_order(resources), outputs={})


def only(recording: Recording) -> str:
    (text,) = manifests(recording).values()
    return text


def test_an_object_lies_in_the_folder_of_its_namespace_under_its_kind_and_name() -> None:
    assert list(manifests(a_recording(an_object()))) == ["kubernetes/mlflow/ConfigMap-settings.yaml"]


def test_an_object_of_no_namespace_lies_in_the_folder_of_the_cluster() -> None:
    recorded = a_recording(an_object("Namespace", "mlflow", None))
    assert list(manifests(recorded)) == ["kubernetes/_cluster/Namespace-mlflow.yaml"]


def test_a_manifest_starts_with_the_keys_that_every_object_has() -> None:
    keys = [line.split(":")[0] for line in only(a_recording(an_object(inputs={"data": {}}))).splitlines()]
    assert [key for key in keys if key and key[0] not in " #"] == ["apiVersion", "kind", "metadata", "data"]


def test_a_manifest_is_valid_for_the_api_server() -> None:
    spec = {"replicas": 1.0, "selector": {"matchLabels": {"app": "mlflow"}}, "template": POD_TEMPLATE}
    recorded = a_recording(an_object("Deployment", "mlflow", inputs={"apiVersion": "apps/v1", "spec": spec}))
    kubernetes_validate.validate(yaml.safe_load(only(recorded)), "1.36", strict=True)


def test_a_custom_resource_is_rendered_like_any_object() -> None:
    inputs = {"apiVersion": "karpenter.sh/v1", "spec": {"limits": {"nvidia.com/gpu": "1"}}}
    recorded = a_recording(
        an_object("NodePool", "gpu", None, type="kubernetes:karpenter.sh/v1:NodePool", inputs=inputs)
    )
    assert yaml.safe_load(only(recorded))["spec"] == inputs["spec"]


def test_two_resources_that_are_one_object_are_refused_by_name() -> None:
    recorded = a_recording(an_object(), an_object(urn="urn::ConfigMap::other"))
    with pytest.raises(RenderError, match=r"ConfigMap::mlflow-settings and .*ConfigMap::other are both"):
        manifests(recorded)


def test_two_objects_whose_files_differ_in_case_alone_are_refused() -> None:
    with pytest.raises(RenderError, match="are both"):
        manifests(a_recording(an_object(name="settings"), an_object(name="Settings")))


def test_a_name_with_signs_that_some_file_system_refuses_has_a_file() -> None:
    recorded = a_recording(an_object("ClusterRole", "system:nodes/<x>", None))
    assert list(manifests(recorded)) == ["kubernetes/_cluster/ClusterRole-system_nodes__x_.yaml"]


def test_what_pulumi_knows_of_an_object_stands_above_its_manifest() -> None:
    first = an_object("Namespace", "mlflow", None)
    second = an_object(depends_on=(first.urn,), protect=True, retain_on_delete=True, ignore_changes=("spec.replicas",))
    header = manifests(a_recording(first, second))["kubernetes/mlflow/ConfigMap-settings.yaml"].split("apiVersion")[0]
    assert header.splitlines() == [
        "# the-settings",
        "# protected: Pulumi refuses to delete it",
        "# stays when Pulumi forgets it",
        "# changes not applied: spec.replicas",
        "# after the-mlflow",
    ]


def test_a_text_of_several_lines_is_written_line_by_line() -> None:
    text = only(a_recording(an_object(inputs={"data": {"feature_store.yaml": "project: trips\nprovider: local\n"}})))
    assert "  feature_store.yaml: |\n    project: trips\n    provider: local\n" in text


@pytest.mark.parametrize("text", ["1e3", "0x1F", "0o17", "1_000", "12", "-.5"])
def test_a_text_that_another_reader_would_take_for_a_number_is_quoted(text: str) -> None:
    assert f"key: '{text}'\n" in as_yaml({"key": text})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1), inner),
    max_leaves=12,
)


@given(value=st.dictionaries(st.text(min_size=1), VALUES))
def test_yaml_holds_what_was_given(value: dict[str, Any]) -> None:
    assert yaml.safe_load(as_yaml(value)) == value


def test_the_place_of_the_checkout_is_left_out() -> None:
    here = Path(__file__).resolve().parents[3]
    recorded = a_recording(an_object(inputs={"data": {"folder": f"{here}/infra/apps"}}))
    assert yaml.safe_load(only(recorded))["data"] == {"folder": "infra/apps"}


def test_json_inside_a_text_is_shown_as_what_it_holds() -> None:
    policy = {"Statement": [{"Action": ["s3:GetObject"]}]}
    assert decoded({"policy": json.dumps(policy), "name": "{not json"}) == {"policy": policy, "name": "{not json"}


def test_a_chart_of_a_repository_is_listed_by_name_repository_and_version() -> None:
    recorded = a_recording(
        a_chart(
            "dcgm", chart="dcgm-exporter", version="4.8.2", repositoryOpts={"repo": "https://x.io"}, namespace="gpu"
        )
    )
    (entry,) = json.loads(additions_files(recorded)["charts.json"])
    assert [entry[key] for key in ("source", "repository", "version", "namespace")] == [
        "dcgm-exporter",
        "https://x.io",
        "4.8.2",
        "gpu",
    ]


def test_a_charts_values_are_a_file_of_their_own() -> None:
    recorded = a_recording(a_chart(chart="oci://x.io/karpenter", version="1.14.1", values={"replicas": 2.0}))
    assert additions_files(recorded)["charts/karpenter.values.yaml"] == "replicas: 2\n"


def test_a_chart_is_listed_with_the_command_that_shows_its_objects() -> None:
    chart = a_chart(chart="oci://x.io/karpenter", version="1.14.1", namespace="kube-system", values={"replicas": 2.0})
    expected = (
        "helm template karpenter oci://x.io/karpenter --version 1.14.1 --namespace kube-system"
        " --values charts/karpenter.values.yaml"
    )
    assert expected in additions_files(a_recording(chart))["charts.md"]


def test_a_kustomization_has_its_version_from_the_reference_in_its_address() -> None:
    address = "https://github.com/kubeflow/pipelines/manifests/kustomize/env/platform-agnostic?ref=2.17.0"
    kustomization = Resource(
        urn="urn::Directory::kubeflow",
        type="kubernetes:kustomize/v2:Directory",
        name="kubeflow",
        inputs={"directory": address},
    )
    (entry,) = json.loads(additions_files(a_recording(kustomization))["charts.json"])
    assert (entry["source"], entry["version"]) == (address, "2.17.0")


def test_a_chart_without_a_version_is_called_not_pinned() -> None:
    assert "**not pinned**" in additions_files(a_recording(a_chart(chart="oci://x.io/karpenter")))["charts.md"]
