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
    pipelines: Annotated[
        int, Field(ge=1, le=10_000, description="GiB of what the last 20 runs of pipelines made, and of their answers")
    ] = 20


class ClusterPipelines(Settings):
    """How pipelines run."""

    engine: Annotated[
        Literal["jobs", "kubeflow"],
        Field(
            description="jobs: each step is a Job of Kubernetes; kubeflow: Kubeflow Pipelines runs them, which you "
            "install in namespace kubeflow"
        ),
    ] = "jobs"
    cpus: Annotated[int, Field(ge=0, le=1000, description="CPUs that steps may ask for together")] = 8
    gpus: Annotated[int, Field(ge=0, le=100, description="GPUs that steps may ask for together")] = 0
    step_cpu: Annotated[
        float, Field(ge=0.1, le=64, description="cores that one step asks to be sure of at most, for small nodes")
    ] = 2
    step_memory: Annotated[float, Field(ge=0.25, le=512, description="the same of memory, GiB")] = 4
    wait_minutes: Annotated[
        int, Field(ge=1, le=1440, description="how long a step waits for a node and for its image until its run fails")
    ] = 15
    schedule: Annotated[
        str | None,
        Field(
            pattern=r"^[\w*?/,#-]+( [\w*?/,#-]+){4}$",
            description="when a training starts by the clock, such as '0 3 * * 1' (UTC); without it none does",
        ),
    ] = None

    @model_validator(mode="after")
    def _of_jobs(self) -> Self:
        if self.engine == "kubeflow" and self.schedule is not None:
            raise ValueError("schedule is of the engine jobs; Kubeflow Pipelines has schedules of its own")
        return self


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
    pipelines: ClusterPipelines = ClusterPipelines()
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

    @property
    def steps_are_jobs(self) -> bool:
        """See ``ServiceSettings``."""
        return self.pipelines.engine == "jobs"

    @property
    def pipeline_cpus(self) -> int:
        """See ``ServiceSettings``."""
        return self.pipelines.cpus

    @property
    def pipeline_gpus(self) -> int:
        """See ``ServiceSettings``."""
        return self.pipelines.gpus
