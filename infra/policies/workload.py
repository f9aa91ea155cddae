"""Where pods stand in the objects that make them."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.policies.resource import Resource, Unknown, lookup, many

# Types whose pods answer requests for as long as they live.
SERVERS = (
    "kubernetes:apps/v1:Deployment",
    "kubernetes:apps/v1:StatefulSet",
    "kubernetes:apps/v1:DaemonSet",
    "kubernetes:argoproj.io/v1alpha1:Rollout",
)
# All types that make pods.
WORKLOADS = (*SERVERS, "kubernetes:batch/v1:Job", "kubernetes:batch/v1:CronJob", "kubernetes:core/v1:Pod")
_TEMPLATES = {"Pod": "spec", "CronJob": "spec.jobTemplate.spec.template.spec"}


def pod_path(resource: Resource) -> str:
    """Dotted path of the pod's specification."""
    return _TEMPLATES.get(resource.kind, "spec.template.spec")


def pod(resource: Resource) -> Mapping[str, Any]:
    """The pod's specification; empty where it is not known."""
    found = resource.get(pod_path(resource))
    return found if isinstance(found, Mapping) else {}


def containers(resource: Resource, *, servers_only: bool = False) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Path and specification of each container; ``servers_only`` leaves out those that run before the others."""
    for key in ("containers",) if servers_only else ("initContainers", "containers"):
        for number, one in enumerate(many(lookup(pod(resource), key))):
            if not isinstance(one, Unknown):
                yield f"{pod_path(resource)}.{key}.{number}", one
