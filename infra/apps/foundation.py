"""What the services stand on: handed over by the cloud layer, or by the self-hosted one on any other Kubernetes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import pulumi
import pulumi_kubernetes as kubernetes

from infra.apps.namespaces import Namespace


@dataclass(frozen=True, kw_only=True)
class Field:
    """One value of a secret: where the secret is found, and the value's key in it."""

    source: pulumi.Input[str]
    key: str


def same_keys(source: pulumi.Input[str], keys: Iterable[str]) -> dict[str, Field]:
    """Keys that a Kubernetes secret has from one secret, under the same names."""
    return {key: Field(source=source, key=key) for key in keys}


@dataclass(frozen=True, kw_only=True)
class Buckets:
    """Names of the object storage buckets."""

    data: pulumi.Input[str]
    artifacts: pulumi.Input[str]
    models: pulumi.Input[str]
    logs: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class DatabaseServer:
    """One database server that the cluster reaches over its private network.

    Attributes:
        host: DNS name.
        port: TCP port.
        master_secret: The secret of the master user, with ``username`` and ``password``: its ARN in Secrets Manager, or
            its name.
    """

    host: pulumi.Input[str]
    port: int
    master_secret: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class Volume:
    """An EBS volume that outlives the cluster, and the only zone that it can be mounted in."""

    id: pulumi.Input[str]
    zone: str


@dataclass(frozen=True, kw_only=True)
class ObjectStorage:
    """An S3 server that asks for keys.

    Attributes:
        endpoint: Its address.
        secret: Name of the secret with ``access-key-id`` and ``secret-access-key``, as ``SecretKeeper`` knows it.
    """

    endpoint: str
    secret: str


class SecretKeeper(Protocol):
    """What knows the values of secrets, and brings them into the cluster."""

    def kubernetes_secret(
        self, title: str, *, namespace: str, name: str, fields: Mapping[str, Field], opts: pulumi.ResourceOptions
    ) -> pulumi.Resource:
        """Make a Kubernetes Secret.

        Args:
            title: Logical name in Pulumi.
            name: Name of the Secret.
            fields: Each key of the Secret, and where its value comes from.
        """
        ...

    def place(self, field: Field) -> pulumi.Output[str]:
        """What an output of the stack says in place of a value: where the value is kept."""
        ...


@dataclass(frozen=True, kw_only=True)
class Foundation:
    """What the services need to know about what is under them.

    Attributes:
        provider: Kubernetes provider of the cluster.
        region: AWS region, or the one that the S3 server goes by.
        namespaces: The stack's namespaces.
        pod_cidr: Address block of pods.
        storage: ``None`` where pods get credentials of AWS by their service accounts.
        keeper: Makes the Kubernetes Secrets.
        secrets: Where the keeper finds each secret, ``{"mlflow-database": ..., "feast-database": ...,
            "pipelines-database": ..., "log-lock-database": ..., "grafana": ...}``.
        repositories: Addresses of the image repositories, ``{"components": ..., "serving": ...}``.
    """

    provider: kubernetes.Provider
    region: str
    namespaces: Mapping[str, Namespace]
    pod_cidr: str
    buckets: Buckets
    postgres: DatabaseServer
    storage: ObjectStorage | None = None
    keeper: SecretKeeper
    secrets: Mapping[str, pulumi.Input[str]]
    repositories: Mapping[str, pulumi.Input[str]]


@dataclass(frozen=True, kw_only=True)
class CloudFoundation(Foundation):
    """What the cluster layer of a cloud stack needs to know about AWS.

    Attributes:
        account_id: AWS account.
        cluster_name: EKS cluster.
        cluster_endpoint: Address of the Kubernetes API.
        vpc_id: VPC of the cluster.
        vpc_cidr: Address block of the VPC, which network policies open for databases and endpoints.
        mysql: ``None`` where MySQL runs inside the cluster.
        mysql_volume: EBS volume of the MySQL inside the cluster and its zone, ``None`` where MySQL is on RDS.
        secrets: Names of the Secrets Manager secrets that the database bootstrap fills and External Secrets reads:
            those above, and ``kubeflow-database``, ``sign-in`` and ``alert-webhook``.
        interruption_queue: SQS queue of Karpenter.
        node_role: Name of the IAM role of Karpenter's nodes.
        disk_key: ARN of the KMS key of nodes' and pods' disks.
    """

    account_id: pulumi.Input[str]
    cluster_name: pulumi.Input[str]
    cluster_endpoint: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    vpc_cidr: str
    mysql: DatabaseServer | None
    mysql_volume: Volume | None
    interruption_queue: pulumi.Input[str]
    node_role: pulumi.Input[str]
    disk_key: pulumi.Input[str]
