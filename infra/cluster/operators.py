"""Argo Rollouts' controller and Prometheus with its operator on a real node, out of the Go modules of their charts.

The modules hold the programs and the objects that let them work; the charts themselves are had from their own
repositories alone. Namespaces, names and images are the charts', and so is what their values say.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from infra.apps.charts import CONTAINER_SECURITY, POD_SECURITY
from infra.cluster import images
from infra.cluster.api import Api
from infra.cluster.layout import ClusterLayout
from infra.tools.catalogue import load
from infra.tools.program import program
from infra.versions import versions

Manifest = dict[str, Any]

PROMETHEUS = "keelson"
# Files beside the programs; see infra/tools/versions.toml.
_ROLLOUTS = ("account", "role", "binding", "configuration", "deployment")
_OPERATOR = ("operator-account", "operator-role", "operator-binding", "operator-deployment")
_FOR_PROMETHEUS = ("prometheus-account", "prometheus-role", "prometheus-binding")
_SELECTORS = ("rule", "serviceMonitor", "podMonitor", "probe", "scrapeConfig")
# What the chart hands on as it is.
_KEPT = ("retention", "retentionSize", "scrapeInterval", "evaluationInterval", "externalLabels", "priorityClassName")
# The cluster's own objects, which are in no namespace.
_CLUSTER_WIDE = ("ClusterRole", "ClusterRoleBinding")


def argo_rollouts(layout: ClusterLayout, api: Api) -> None:
    """Start Argo Rollouts' controller, in the namespace of its chart, which must be there with its definitions.

    Raises:
        MissingProgramError: It can be had in no way.
        ImageError: The node does not take its image.
        Refused: The API server does not take an object.
    """
    chart = versions().charts["argo-rollouts"]
    controller = program("rollouts-controller", group="cluster")
    image = chart.images["controller"]
    images.load(images.of_program(image, controller, [f"/bin/{controller.name}"]), layout)
    for one in _objects(controller, _ROLLOUTS):
        api.apply(adapted(one, chart.namespace, image))


def prometheus(layout: ClusterLayout, api: Api, values: Mapping[str, Any]) -> None:
    """Start the Prometheus operator and a Prometheus, in the namespace of their chart, which must be there with its
    definitions.

    Args:
        layout: The cluster's.
        api: Its API.
        values: Values that a stack gives the chart.

    Raises:
        MissingProgramError: A program can be had in no way.
        ImageError: The node does not take an image.
        Refused: The API server does not take an object.
    """
    chart = versions().charts["kube-prometheus-stack"]
    operator = program("prometheus-operator", group="cluster")
    reloader = program("prometheus-config-reloader", group="cluster")
    for image, one in ((chart.images["operator"], operator), (chart.images["reloader"], reloader)):
        images.load(images.of_program(image, one, [f"/bin/{one.name}"]), layout)
    (tool,) = (one for one in load().tools if one.name == "prometheus")
    image = f"quay.io/prometheus/prometheus:v{tool.version}"
    server = program("prometheus", group=None)
    images.load(images.of_program(image, server, [f"/bin/{server.name}"]), layout)
    for one in _objects(operator, (*_OPERATOR, *_FOR_PROMETHEUS)):
        api.apply(adapted(one, chart.namespace, chart.images["operator"]))
    metadata = {"name": PROMETHEUS, "namespace": chart.namespace}
    spec = {**server_of(values["prometheus"]["prometheusSpec"]), "image": image, "version": tool.version}
    api.apply({"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "metadata": metadata, "spec": spec})


def server_of(values: Mapping[str, Any]) -> Manifest:
    """Specification of the Prometheus that the chart makes of the values under ``prometheusSpec``: one copy, without a
    disk, that sees what it is told to see in every namespace."""
    seen = [kind for kind in _SELECTORS if values.get(f"{kind}SelectorNilUsesHelmValues") is False]
    return {
        **{key: values[key] for key in _KEPT if key in values},
        **{f"{kind}{what}": {} for kind in seen for what in ("Selector", "NamespaceSelector")},
        "replicas": 1,
        "serviceAccountName": "prometheus",
        "resources": values["resources"],
        "securityContext": dict(POD_SECURITY),
    }


def adapted(manifest: Manifest, namespace: str, image: str) -> Manifest:
    """An object of a module in a chart's namespace; its pods run ``image``, and are as restricted as the charts' values
    make them."""
    made = {**manifest, "metadata": dict(manifest["metadata"])}
    if made["kind"] not in _CLUSTER_WIDE:
        made["metadata"]["namespace"] = namespace
    if "subjects" in made:
        made["subjects"] = [{**one, "namespace": namespace} for one in made["subjects"]]
    if made["kind"] == "Deployment":
        template = made["spec"]["template"]
        pod = template["spec"]
        # The node has the image, and nobody else.
        here = {"image": image, "imagePullPolicy": "Never", "securityContext": dict(CONTAINER_SECURITY)}
        pod = {
            **pod,
            "containers": [{**one, **here} for one in pod["containers"]],
            "securityContext": dict(POD_SECURITY),
        }
        made["spec"] = {**made["spec"], "template": {**template, "spec": pod}}
    return made


def _objects(tool: Path, names: tuple[str, ...]) -> Iterator[Manifest]:
    for name in names:
        yield from (one for one in yaml.safe_load_all(tool.with_name(name).read_text()) if one)
