"""Namespaces of the cluster layer: one table, from which labels, quotas and limits are made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_kubernetes import core, meta

from infra.settings.services import ServiceSettings

Level = Literal["restricted", "privileged"]

# GiB of memory that a vCPU of a quota brings with it, as on general-purpose nodes with room for training.
_GIB_PER_CPU = 8


@dataclass(frozen=True, kw_only=True)
class Quota:
    """What all pods of a namespace may ask for together."""

    cpu: int
    memory: int
    pods: int
    gpus: int = 0


@dataclass(frozen=True, kw_only=True)
class Namespace:
    """One namespace.

    Attributes:
        purpose: What runs in it.
        level: Pod Security Standard that is enforced; audits and warnings are always against ``restricted``.
        reason: Why ``level`` is not ``restricted``.
        cpu: Quota of vCPU requests; memory in GiB follows from ``memory``. Both are for one copy of each service and
            grow with the number of copies.
        memory: Quota of memory requests, GiB.
        pods: Quota of pods.
        limit: Memory limit of a container that names none, MiB.
        runs_pipelines: Whether pipeline steps run here: the workers' CPUs and GPUs are added to the quota.
    """

    purpose: str
    level: Level = "restricted"
    reason: str = ""
    cpu: int = 2
    memory: int = 4
    pods: int = 20
    limit: int = 512
    runs_pipelines: bool = False


NAMESPACES: Mapping[str, Namespace] = {
    "kubeflow": Namespace(
        purpose="Kubeflow Pipelines and the steps of its runs",
        cpu=4,
        memory=8,
        pods=200,
        limit=1024,
        runs_pipelines=True,
    ),
    "mlflow": Namespace(purpose="experiment tracking and model registry"),
    "feast": Namespace(purpose="feature server, its registry and materialisation"),
    "serving": Namespace(purpose="the deployed bundle", cpu=8, memory=16, pods=30),
    "monitoring": Namespace(
        purpose="Prometheus, Grafana, Loki, Evidently; the node exporter, which needs the host, is in kube-system",
        cpu=4,
        memory=12,
        pods=40,
        limit=1024,
    ),
    "database": Namespace(purpose="the bootstrap of databases, and MySQL where it is not on RDS"),
    "ingress": Namespace(purpose="sign-in in front of every page", pods=30),
    "external-secrets": Namespace(purpose="copies secrets out of Secrets Manager"),
    "cert-manager": Namespace(purpose="certificates of webhooks"),
    "argo-rollouts": Namespace(purpose="staged roll-out of bundles"),
    "kuberay": Namespace(purpose="operator of Ray clusters"),
    "logging": Namespace(
        purpose="collectors, which bring the logs of a node's pods to the store",
        level="privileged",
        reason="a collector reads the node's log folder, as root and without capabilities",
        pods=100,
    ),
    "nvidia": Namespace(
        purpose="device plugin and metrics of GPU nodes",
        level="privileged",
        reason="the device plugin and the metrics exporter mount the host's device and plugin folders",
        pods=100,
    ),
}


def table() -> str:
    """The namespaces as a Markdown table."""
    rows = ["| namespace | what for | pods must be | why not restricted |", "|---|---|---|---|"]
    rows += [f"| {name} | {one.purpose} | {one.level} | {one.reason} |" for name, one in NAMESPACES.items()]
    return "\n".join(rows)


def labels(name: str, namespace: Namespace) -> dict[str, str]:
    """Labels of the namespace object, by which the API server admits or refuses pods."""
    return {
        "app.kubernetes.io/part-of": "keelson",
        "kubernetes.io/metadata.name": name,
        "pod-security.kubernetes.io/enforce": namespace.level,
        "pod-security.kubernetes.io/audit": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
    }


def quota(namespace: Namespace, settings: ServiceSettings) -> Quota:
    """What the namespace may ask for in this stack."""
    cpu, memory, gpus = namespace.cpu * settings.replicas, namespace.memory * settings.replicas, 0
    if namespace.runs_pipelines:
        cpu += settings.pipeline_cpus
        memory += settings.pipeline_cpus * _GIB_PER_CPU
        gpus = settings.pipeline_gpus
    return Quota(cpu=cpu, memory=memory, pods=namespace.pods, gpus=gpus)


def hard_limits(quota: Quota) -> dict[str, str]:
    """The quota in Kubernetes' words; pages are reached through one load balancer, so no Service opens another."""
    return {
        "requests.cpu": str(quota.cpu),
        "requests.memory": f"{quota.memory}Gi",
        "requests.nvidia.com/gpu": str(quota.gpus),
        "pods": str(quota.pods),
        "services.loadbalancers": "0",
        "services.nodeports": "0",
    }


def container_defaults(namespace: Namespace) -> core.v1.LimitRangeItemArgs:
    """What a container gets that names no resources. GPUs are left out: a ``max`` without a ``default`` is taken as
    the default by Kubernetes, and would give every container a GPU."""
    return core.v1.LimitRangeItemArgs(
        type="Container",
        default={"cpu": "1", "memory": f"{namespace.limit}Mi", "ephemeral-storage": "2Gi"},
        default_request={"cpu": "10m", "memory": "64Mi", "ephemeral-storage": "64Mi"},
    )


class Namespaces(pulumi.ComponentResource):
    """Namespaces with their quotas and limits."""

    def __init__(
        self,
        name: str,
        namespaces: Mapping[str, Namespace],
        settings: ServiceSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:apps:Namespaces", name, None, opts)
        for title, namespace in namespaces.items():
            self._create(name, title, namespace, quota(namespace, settings))
        self.register_outputs({})

    def _create(self, name: str, title: str, namespace: Namespace, quota: Quota) -> None:
        made = core.v1.Namespace(
            f"{name}-{title}",
            metadata=meta.v1.ObjectMetaArgs(
                name=title,
                labels=labels(title, namespace),
                annotations={"keelson/purpose": namespace.purpose}
                | ({"keelson/pod-security-reason": namespace.reason} if namespace.reason else {}),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        # Other components wait for this one as a whole; its parts wait for the namespace that they are in.
        inside = pulumi.ResourceOptions(parent=self, depends_on=[made])
        metadata = meta.v1.ObjectMetaArgs(name="limits", namespace=title)
        core.v1.ResourceQuota(
            f"{name}-{title}-quota",
            metadata=metadata,
            spec=core.v1.ResourceQuotaSpecArgs(hard=hard_limits(quota)),
            opts=inside,
        )
        core.v1.LimitRange(
            f"{name}-{title}-limits",
            metadata=metadata,
            spec=core.v1.LimitRangeSpecArgs(limits=[container_defaults(namespace)]),
            opts=inside,
        )
