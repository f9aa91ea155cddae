"""Settings of stack ``cluster``: any Kubernetes, with everything that the cloud stacks have from AWS inside of it."""

from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from infra.settings.schema import Settings
from infra.settings.services import ServiceSettings

# Addresses of private networks (RFC 1918): nodes have one of them nearly everywhere.
_PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))


def _block_of_pods(network: IPv4Network) -> IPv4Network:
    # MLflow is told the addresses as patterns, one for each second number.
    if not 12 <= network.prefixlen <= 24:
        raise ValueError("give the block that pods have their addresses from, of /12 to /24, such as 10.244.0.0/16")
    return network


class ClusterNetwork(Settings):
    """The addresses of the cluster, which network policies and MLflow are told.

    ``kubectl cluster-info dump | grep -m 1 -E 'cluster-cidr|service-cluster-ip-range'`` shows them on many clusters.
    """

    pods: Annotated[
        Annotated[IPv4Network, AfterValidator(_block_of_pods)], Field(description="addresses of pods, one block")
    ] = IPv4Network("10.244.0.0/16")
    services: Annotated[IPv4Network, Field(description="addresses of Services")] = IPv4Network("10.96.0.0/12")
    nodes: Annotated[
        tuple[IPv4Network, ...],
        Field(min_length=1, description="addresses of nodes and of the Kubernetes API, one or more blocks"),
    ] = _PRIVATE

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.pods.overlaps(self.services):
            raise ValueError(
                f"pods ({self.pods}) and services ({self.services}) overlap; give the cluster's own blocks"
            )
        return self


class ClusterStorage(Settings):
    """Volumes of what keeps data; they are of the cluster's default storage class."""

    database: Annotated[int, Field(ge=1, le=1000, description="GiB of Postgres")] = 20
    objects: Annotated[int, Field(ge=1, le=10_000, description="GiB of the S3 server")] = 50


class ClusterSettings(ServiceSettings):
    """Settings of stack ``cluster``."""

    context: Annotated[
        str | None, Field(min_length=1, description="context of the kubeconfig; without it the current one")
    ] = None
    registry: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9.-]+(?::[0-9]+)?(?:/[a-z0-9._-]+)*$",
            description="where this project's own images are: <registry>/components and <registry>/serving",
        ),
    ]
    network: ClusterNetwork = ClusterNetwork()
    storage: ClusterStorage = ClusterStorage()
    operators: Annotated[
        Literal["installed", "present"],
        Field(
            description="cert-manager, the Prometheus operator and Argo Rollouts: installed as charts by the stack, or "
            "present in the cluster already"
        ),
    ] = "installed"
    replicas: Annotated[
        int, Field(ge=1, le=10, description="copies of each service that people or models wait for")
    ] = 1
