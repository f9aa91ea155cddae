"""Thin components that create what ``workload`` describes: a server, and a task."""

import hashlib
import json
from collections.abc import Sequence

import pulumi
from pulumi_kubernetes import apps, batch, core, meta, policy

from infra.apps import objects
from infra.apps import workload as described
from infra.apps.workload import Workload


class Server(pulumi.ComponentResource):
    """Service account, Deployment and Service of a workload; with several copies also a disruption budget.

    Attributes:
        deployment: What must run before others can use the server.
    """

    deployment: apps.v1.Deployment

    def __init__(
        self,
        name: str,
        workload: Workload,
        *,
        replicas: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:apps:Server", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        workload = described.excused(workload, replicas)
        around_pods(name, workload, replicas, child)
        self.deployment = apps.v1.Deployment(
            f"{name}-deployment",
            metadata=described.metadata(workload, makes_pods=True),
            spec=objects.deployment(workload, replicas),
            opts=child,
        )
        self.register_outputs({})


class Task(pulumi.ComponentResource):
    """A Job with its own service account, which is run anew whenever what it runs changes: its name has a digest.

    Attributes:
        job: Done when the task has succeeded.
    """

    job: batch.v1.Job

    def __init__(
        self,
        name: str,
        workload: Workload,
        *,
        minutes: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:apps:Task", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        workload = described.excused(workload)
        account = service_account(f"{name}-account", workload, child)
        self.job = batch.v1.Job(
            f"{name}-job",
            metadata=described.metadata(workload, named_by_content(workload), makes_pods=True),
            spec=objects.job(workload, minutes=minutes),
            # The pods need the account, whose name they only spell out.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[account], delete_before_replace=True),
        )
        self.register_outputs({})


def stateful_server(
    name: str, workload: Workload, *, needs: Sequence[pulumi.Resource], opts: pulumi.ResourceOptions
) -> apps.v1.StatefulSet:
    """Service account, headless Service and StatefulSet of a server that owns its data.

    Args:
        needs: What its pod needs, and only spells out the names of.
    """
    workload = described.excused(workload)
    account = service_account(f"{name}-account", workload, opts)
    core.v1.Service(
        f"{name}-service",
        metadata=described.metadata(workload),
        spec=objects.service(workload, headless=True),
        opts=opts,
    )
    return apps.v1.StatefulSet(
        f"{name}-server",
        metadata=described.metadata(workload, makes_pods=True),
        spec=objects.stateful_set(workload),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[*needs, account])),
    )


def around_pods(name: str, workload: Workload, replicas: int, opts: pulumi.ResourceOptions) -> None:
    """What a server has however its pods are made: account and Service; with several copies a disruption budget."""
    service_account(f"{name}-account", workload, opts)
    core.v1.Service(f"{name}-service", metadata=described.metadata(workload), spec=objects.service(workload), opts=opts)
    if replicas > 1:
        policy.v1.PodDisruptionBudget(
            f"{name}-disruption-budget",
            metadata=described.metadata(workload),
            spec=objects.disruption_budget(workload),
            opts=opts,
        )


def volume_claim(title: str, *, namespace: str, name: str, gib: int, opts: pulumi.ResourceOptions) -> None:
    """A disk that outlives the pods that use it."""
    core.v1.PersistentVolumeClaim(
        title,
        metadata=meta.v1.ObjectMetaArgs(
            name=name,
            namespace=namespace,
            # The volume is made when the first pod wants it, which Pulumi makes only afterwards.
            annotations={"pulumi.com/skipAwait": "true"},
        ),
        spec=core.v1.PersistentVolumeClaimSpecArgs(
            access_modes=["ReadWriteOnce"],
            resources=core.v1.VolumeResourceRequirementsArgs(requests={"storage": f"{gib}Gi"}),
        ),
        opts=opts,
    )


def service_account(name: str, workload: Workload, opts: pulumi.ResourceOptions) -> core.v1.ServiceAccount:
    """The account that a workload runs as; it has no rights in Kubernetes, and no token."""
    return core.v1.ServiceAccount(
        name,
        metadata=described.metadata(workload, workload.service_account),
        automount_service_account_token=False,
        opts=opts,
    )


def named_by_content(workload: Workload) -> pulumi.Output[str]:
    """``name-<8 hexadecimal digits>``, which change with the image, the command and what is read at start."""
    content = [workload.image, list(workload.command), list(workload.arguments), workload.digest]
    return pulumi.Output.json_dumps(content).apply(lambda text: f"{workload.name}-{digest(text)}")


def digest(text: str) -> str:
    """The first 8 hexadecimal digits of the text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def digest_of(values: pulumi.Input[dict[str, pulumi.Input[str]]]) -> pulumi.Output[str]:
    """The digest of a ConfigMap's data."""
    return pulumi.Output.from_input(values).apply(lambda known: digest(json.dumps(known, sort_keys=True)))
