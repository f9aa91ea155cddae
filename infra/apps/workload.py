"""The project's own workloads: what differs between them, and pure functions from that to their objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pulumi
from pulumi_kubernetes import meta

from infra.apps import exceptions
from infra.apps.priority import SERVICE

# No image has a user of this number, and no node either.
USER = 10001


@dataclass(frozen=True, kw_only=True)
class Size:
    """Resources of a container.

    Attributes:
        cpu: Request, millicores; it may use ``burst`` times as much.
        memory: Request, MiB.
        memory_limit: MiB; above it the container is ended.
        disk: Limit of what it writes outside volumes and logs, MiB; half of it is requested.
    """

    cpu: int
    memory: int
    memory_limit: int
    disk: int = 256
    burst: int = 10


@dataclass(frozen=True, kw_only=True)
class Check:
    """One way to ask a server how it is: a command in its container, a path over HTTP, or only a connection.

    Attributes:
        port: Name of the port.
    """

    port: str = ""
    path: str = ""
    command: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Probes:
    """Checks of a server.

    Attributes:
        alive: Passes as long as the process works; it is ended when it does not.
        ready: Passes when requests can be served; it gets none until then. It never asks the same as ``alive``: a
            server that waits for another one must not be ended for it.
        startup_seconds: How long it may take to start.
    """

    alive: Check
    ready: Check
    startup_seconds: int = 120


@dataclass(frozen=True, kw_only=True)
class SecretKey:
    """A value from a key of a Kubernetes Secret in the workload's namespace."""

    secret: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What differs between workloads.

    Attributes:
        name: Name of its objects, and its label ``app.kubernetes.io/name``.
        command: Program and its first arguments; none runs the image's own.
        preparation: Command that must succeed first, in the same image, with the same folders.
        beside: What runs in the same pod from before it starts until after it has ended, with its disks and user, and
            an image, variables and a size of its own.
        ports: ``{name: number}``.
        environment: Variables. A ``SecretKey`` is read by the kubelet; its value is never in the program's state.
        configuration: ConfigMaps whose keys become variables.
        secrets: Secrets whose keys become variables.
        scratch: Folders that can be written to, ``{path: MiB}``; ``/tmp`` is always there with 64 MiB unless named.
        config_files: Folders with the keys of a ConfigMap as files, ``{path: ConfigMap}``.
        secret_files: Folders with the keys of a Secret as files, ``{path: Secret}``.
        node_files: Folders of the node that it reads, ``{path: the node's}``; who is not root reads few of them.
        kept_on_node: Folders of the node that it writes to, which outlive the pod, ``{path: the node's}``.
        claims: Folders on volumes that outlive the pod, ``{path: PersistentVolumeClaim}``.
        disks: Folders on disks of the pod's own, which go when it goes, ``{path: GiB}``. A full one fails the write; a
            full scratch folder has the pod evicted.
        asks_kubernetes: It gets a token of its account, which the Kubernetes API knows.
        alone: Its old process ends before the new one starts.
        user: User and group of the process, and group of its volumes.
        drain_seconds: How long it goes on serving after it was told to stop, while load balancers take it out.
        grace_seconds: How long after that it may take to finish.
        component: Part of the whole that it plays, its label ``app.kubernetes.io/component``.
        digest: Changes when what it reads at start changes, so that it is started anew.
        exceptions: Checks of linters that it cannot pass, ``{"linter/check": reason}``, written on its objects.
    """

    namespace: str
    name: str
    component: str
    image: pulumi.Input[str]
    size: Size
    command: Sequence[str] = ()
    arguments: Sequence[str] = ()
    preparation: Sequence[str] = ()
    beside: "Workload | None" = None
    service_account: str | None = None
    priority: str = SERVICE
    ports: Mapping[str, int] = field(default_factory=dict)
    probes: Probes | None = None
    environment: Mapping[str, pulumi.Input[str] | SecretKey] = field(default_factory=dict)
    configuration: Sequence[str] = ()
    secrets: Sequence[str] = ()
    scratch: Mapping[str, int] = field(default_factory=dict)
    config_files: Mapping[str, str] = field(default_factory=dict)
    secret_files: Mapping[str, str] = field(default_factory=dict)
    node_files: Mapping[str, str] = field(default_factory=dict)
    kept_on_node: Mapping[str, str] = field(default_factory=dict)
    claims: Mapping[str, str] = field(default_factory=dict)
    disks: Mapping[str, int] = field(default_factory=dict)
    asks_kubernetes: bool = False
    alone: bool = False
    user: int = USER
    drain_seconds: int = 0
    grace_seconds: int = 30
    digest: pulumi.Input[str] | None = None
    exceptions: Mapping[str, str] = field(default_factory=dict)


def labels(workload: Workload) -> dict[str, str]:
    """Kubernetes' recommended labels."""
    return {
        "app.kubernetes.io/name": workload.name,
        "app.kubernetes.io/component": workload.component,
        "app.kubernetes.io/part-of": "keelson",
        "app.kubernetes.io/managed-by": "pulumi",
    }


def selector(workload: Workload) -> dict[str, str]:
    """What its pods are found by; it cannot be changed later."""
    return {"app.kubernetes.io/name": workload.name}


def metadata(
    workload: Workload,
    name: pulumi.Input[str] | None = None,
    *,
    makes_pods: bool = False,
    annotations: Mapping[str, str] | None = None,
) -> meta.v1.ObjectMetaArgs:
    """Name, namespace and labels of one of its objects; on those that make pods, what linters must excuse, and why."""
    notes = {**(annotations or {}), **(exceptions.annotations(workload.exceptions) if makes_pods else {})}
    return meta.v1.ObjectMetaArgs(
        name=name or workload.name,
        namespace=workload.namespace,
        labels=labels(workload),
        annotations=notes or None,
    )


def excused(workload: Workload, replicas: int = 0) -> Workload:
    """The workload with the exceptions that follow from what it is.

    Args:
        replicas: Copies of a server; 0 for everything else, which linters do not ask about copies.
    """
    found = dict(exceptions.ALWAYS)
    variables = [*workload.environment.values(), *(workload.beside.environment.values() if workload.beside else ())]
    if any(isinstance(value, SecretKey) for value in variables) or workload.secrets:
        found |= exceptions.SECRET_VARIABLE
    if workload.claims and replicas:
        found |= exceptions.OWNS_VOLUME
    elif workload.alone and replicas:
        found |= exceptions.ONE_AT_A_TIME
    elif replicas == 1:
        found |= exceptions.ONE_COPY
    return replace(workload, exceptions={**found, **workload.exceptions})
