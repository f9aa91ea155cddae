"""What the cluster layer stands on: handed over by the cloud layer, or by any other Kubernetes."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes


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
        master_secret: ARN of the Secrets Manager secret of the master user (JSON with ``username`` and ``password``).
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
class Foundation:
    """Everything that the cluster layer needs to know about what is under it.

    Attributes:
        provider: Kubernetes provider of the cluster.
        account_id: AWS account.
        cluster_name: EKS cluster.
        cluster_endpoint: Address of the Kubernetes API.
        vpc_id: VPC of the cluster.
        vpc_cidr: Address block of the VPC, which network policies open for databases and endpoints.
        mysql: ``None`` where MySQL runs inside the cluster.
        mysql_volume: EBS volume of the MySQL inside the cluster and its zone, ``None`` where MySQL is on RDS.
        secrets: Names of the Secrets Manager secrets that the database bootstrap fills and External Secrets reads,
            ``{"mlflow-database": ..., "feast-database": ..., "pipelines-database": ...,
            "log-lock-database": ..., "kubeflow-database": ..., "grafana": ..., "sign-in": ..., "alert-webhook": ...}``.
        repositories: Addresses of the image repositories, ``{"components": ..., "serving": ...}``.
        interruption_queue: SQS queue of Karpenter.
        node_role: Name of the IAM role of Karpenter's nodes.
        disk_key: ARN of the KMS key of nodes' and pods' disks.
    """

    provider: kubernetes.Provider
    account_id: pulumi.Input[str]
    region: str
    cluster_name: pulumi.Input[str]
    cluster_endpoint: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    vpc_cidr: str
    buckets: Buckets
    postgres: DatabaseServer
    mysql: DatabaseServer | None
    mysql_volume: Volume | None
    secrets: Mapping[str, pulumi.Input[str]]
    repositories: Mapping[str, pulumi.Input[str]]
    interruption_queue: pulumi.Input[str]
    node_role: pulumi.Input[str]
    disk_key: pulumi.Input[str]
