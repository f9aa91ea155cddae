"""Helm charts: pinned, with every image that they pull written into their values."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes.helm import v4

from infra.apps.images import parts, prefixed
from infra.settings.services import ServiceSettings
from infra.versions import versions

# What a pod of the Pod Security Standard `restricted` says of itself, and its containers.
POD_SECURITY: Mapping[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "fsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY: Mapping[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def chart(
    name: str,
    values: Mapping[str, Any],
    *,
    skip_crds: bool = False,
    opts: pulumi.ResourceOptions,
) -> v4.Chart:
    """One chart of the versions file, in its namespace, under its own name.

    Each of its objects becomes a resource of its own: a preview shows it, a policy judges it, and teardown waits for
    it. Helm's releases would hide them all behind one. Hooks are left out; no chart here needs one.

    Args:
        name: Name of the chart in the versions file; objects are named after it.
        values: Values that differ from the chart's own.
        skip_crds: For a chart whose definitions another chart brings.
    """
    entry = versions().charts[name]
    return v4.Chart(
        name,
        name=name,
        chart=entry.chart or name,
        version=entry.version,
        namespace=entry.namespace,
        repository_opts=v4.RepositoryOptsArgs(repo=entry.repository) if entry.repository else None,
        values=dict(values),
        skip_crds=skip_crds,
        opts=opts,
    )


def image(chart_name: str, part: str, settings: ServiceSettings) -> str:
    """Where the stack pulls one of a chart's images from."""
    return prefixed(versions().charts[chart_name].images[part], settings)


def repository_and_tag(chart_name: str, part: str, settings: ServiceSettings) -> dict[str, str]:
    """The image for charts that want registry and repository together."""
    registry, repository, tag = parts(image(chart_name, part, settings))
    return {"repository": f"{registry}/{repository}", "tag": tag}


def registry_repository_and_tag(chart_name: str, part: str, settings: ServiceSettings) -> dict[str, str]:
    """The image for charts that want all three apart."""
    registry, repository, tag = parts(image(chart_name, part, settings))
    return {"registry": registry, "repository": repository, "tag": tag}


def resources(*, cpu: int, memory: int, limit: int) -> dict[str, dict[str, str]]:
    """Requests (millicores, MiB) and the memory limit (MiB) of a container.

    It may use CPU that nobody else wants: a limit would slow it down while the node idles.
    """
    return {"requests": {"cpu": f"{cpu}m", "memory": f"{memory}Mi"}, "limits": {"memory": f"{limit}Mi"}}
