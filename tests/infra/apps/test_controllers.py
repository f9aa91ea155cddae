"""Every chart is pinned, pulls what the versions file lists and nothing else, and asks for bounded resources."""

import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infra.apps.images import normalised
from infra.render.engine import record
from infra.render.recording import Recording, Resource
from infra.settings import STACKS
from infra.versions import versions

CHART = "kubernetes:helm.sh/v4:Chart"
PREFIX = "registry.example.com:5000/mirror"
SIGN_IN = {
    "domain": "keelson.example.com",
    "certificate-arn": "arn:aws:acm:us-east-1:123456789012:certificate/1",
    "issuer": "https://id.example.com",
    "client-id": "keelson",
    "email-domain": "example.com",
}

recorded = functools.cache(record)


@functools.cache
def everything(prefix: bool = False) -> Recording:
    config = {"keelson:sign-in": json.dumps(SIGN_IN)}
    return record("prod", {**config, **({"keelson:images": json.dumps({"prefix": PREFIX})} if prefix else {})})


def charts(recording: Recording) -> Mapping[str, Resource]:
    return {one.name: one for one in recording.of_type(CHART)}


def images(values: Any) -> Iterator[str]:
    """Each image in a chart's values, put together from the parts that charts want."""
    if isinstance(values, Mapping):
        if "repository" in values and "tag" in values:
            registry = f"{values['registry']}/" if "registry" in values else ""
            yield f"{registry}{values['repository']}:{values['tag']}"
        for one in values.values():
            yield from images(one)


def test_every_chart_of_the_versions_file_is_installed_with_its_version_and_source() -> None:
    found = charts(everything())
    assert set(found) == set(versions().charts)
    for name, entry in versions().charts.items():
        inputs = found[name].inputs
        assert (inputs["version"], inputs["namespace"]) == (entry.version, entry.namespace)
        assert inputs["chart"] == (entry.chart or name)
        assert inputs.get("repositoryOpts", {}).get("repo") == entry.repository


@pytest.mark.parametrize("name", sorted(versions().charts))
def test_a_charts_values_name_each_of_its_images_and_no_other(name: str) -> None:
    wanted = {normalised(one) for one in versions().charts[name].images.values()}
    assert set(images(charts(everything())[name].inputs.get("values", {}))) == wanted


@pytest.mark.parametrize("name", sorted(versions().charts))
def test_a_registry_prefix_moves_every_image_of_a_chart(name: str) -> None:
    found = set(images(charts(everything(prefix=True))[name].inputs.get("values", {})))
    assert all(one.startswith(f"{PREFIX}/") for one in found)
    assert len(found) == len(versions().charts[name].images)


def test_the_load_balancer_controller_is_there_only_where_pages_are_public() -> None:
    name = "aws-load-balancer-controller"
    assert name in charts(everything())
    assert name not in charts(recorded("prod"))


def test_definitions_come_before_what_is_of_their_kind() -> None:
    recording = everything()
    for kind, chart in (
        ("NodePool", "karpenter"),
        ("EC2NodeClass", "karpenter"),
        ("ClusterSecretStore", "external-secrets"),
        ("PodMonitor", "kube-prometheus-stack"),
        ("PrometheusRule", "kube-prometheus-stack"),
    ):
        found = [one for one in recording.of_package("kubernetes") if one.kind == kind]
        assert found, kind
        for one in found:
            assert charts(recording)[chart].urn in one.depends_on, one.name


@pytest.mark.parametrize("stack", STACKS)
def test_controllers_are_doubled_only_where_the_stack_has_a_second_copy_of_anything(stack: str) -> None:
    found = charts(recorded(stack))
    copies = 1 if stack == "dev" else 2
    assert found["karpenter"].inputs["values"]["replicas"] == copies
    assert found["cert-manager"].inputs["values"]["replicaCount"] == copies
    assert found["kube-prometheus-stack"].inputs["values"]["prometheus"]["prometheusSpec"]["replicas"] == copies


def test_prometheus_sees_monitors_and_rules_without_the_charts_own_label() -> None:
    spec = charts(everything())["kube-prometheus-stack"].inputs["values"]["prometheus"]["prometheusSpec"]
    for kind in ("rule", "serviceMonitor", "podMonitor", "probe", "scrapeConfig"):
        assert spec[f"{kind}SelectorNilUsesHelmValues"] is False


def test_grafana_has_no_password_of_its_own_and_lets_nobody_in_unknown() -> None:
    grafana = charts(everything())["kube-prometheus-stack"].inputs["values"]["grafana"]
    assert grafana["admin"]["existingSecret"] == "grafana"
    assert "adminPassword" not in grafana
    assert grafana["grafana.ini"]["auth.anonymous"] == {"enabled": False}


def test_the_secret_store_names_no_credentials() -> None:
    (store,) = [one for one in everything().of_package("kubernetes") if one.kind == "ClusterSecretStore"]
    assert store.inputs["spec"] == {"provider": {"aws": {"service": "SecretsManager", "region": "us-east-1"}}}


def test_what_makes_service_accounts_names_those_that_aws_rights_are_given_to() -> None:
    recording = everything()
    granted = {
        (one.inputs["namespace"], one.inputs["serviceAccount"])
        for one in recording.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    }
    for name in ("karpenter", "external-secrets", "aws-load-balancer-controller"):
        entry = versions().charts[name]
        account = charts(recording)[name].inputs["values"]["serviceAccount"]
        assert account["create"] is True
        assert (entry.namespace, account["name"]) in granted


def test_the_list_for_a_mirror_names_what_kubeflow_pulls_and_nothing_is_missing_from_it() -> None:
    from infra.render.images import images, without_images

    listed = images(everything(prefix=True))
    for image in versions().kubeflow.images.values():
        assert f"{PREFIX}/{normalised(image)}" in listed
    # Definitions only: this chart has no pods.
    assert without_images(everything(prefix=True)) == ("karpenter-crd",)


def test_a_registry_prefix_moves_every_image_but_those_of_the_stacks_own_registry() -> None:
    from infra.render.images import images

    others = [one for one in images(everything(prefix=True)) if not one.startswith(f"{PREFIX}/")]
    assert others
    assert all(one.startswith("<registry-") for one in others), others
