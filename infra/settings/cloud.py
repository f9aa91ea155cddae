"""Settings of the cloud stacks, and the one table of what differs between dev, staging and prod.

Over 300 lines, of which a third is that table: it stands beside the fields that its rows are checked against.
"""

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from infra.settings.schema import Settings
from infra.settings.services import ServiceSettings

# Addresses of Kubernetes services; EKS refuses a VPC that has them too.
SERVICES = IPv4Network("172.20.0.0/16")
# The storage class that the cluster layer makes (infra/apps/storage_classes.py).
DISK_CLASS = "gp3"
_PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))


def _private_block(network: IPv4Network) -> IPv4Network:
    # AWS makes no VPC above /16.
    if not any(map(network.subnet_of, _PRIVATE)) or not 16 <= network.prefixlen <= 18:
        raise ValueError("give a private block (RFC 1918) of /16 to /18, such as 10.10.0.0/16")
    if network.overlaps(SERVICES):
        raise ValueError(f"{SERVICES} is taken by the cluster's services; give another block, such as 10.10.0.0/16")
    return network


def _not_the_world(network: IPv4Network) -> IPv4Network:
    if network.prefixlen < 8:
        raise ValueError("give the addresses that need access, such as 203.0.113.7/32; the whole internet is refused")
    return network


Cidr = Annotated[IPv4Network, AfterValidator(_private_block)]
AllowedCidr = Annotated[IPv4Network, AfterValidator(_not_the_world)]
InstanceType = Annotated[str, Field(pattern=r"^[a-z]+[0-9]+[a-z-]*\.(?:[0-9]*x?large|micro|small|medium|metal)$")]
DatabaseClass = Annotated[str, Field(pattern=r"^db\.[a-z]+[0-9]+[a-z]*\.(?:[0-9]*x?large|micro|small|medium)$")]


class Network(Settings):
    """VPC, its way out, and who may reach the cluster's API."""

    cidr: Annotated[Cidr, Field(description="address block of the VPC")]
    zones: Annotated[
        tuple[Annotated[str, Field(pattern="^[a-f]$")], ...],
        Field(min_length=3, max_length=3, description="letters of the three availability zones"),
    ] = ("a", "b", "c")
    nat: Annotated[
        Literal["instance", "gateway", "gateway-per-zone"],
        Field(description="way out of the private subnets: one small instance, one gateway, or one gateway a zone"),
    ]
    interface_endpoints: Annotated[bool, Field(description="private endpoints for ECR, STS, EKS, logs and secrets")]
    flow_log_days: Annotated[
        int, Field(ge=1, le=365, description="how long logs of pods, of VPC flows and of access to buckets are kept")
    ]
    api_allowed_cidrs: Annotated[
        tuple[AllowedCidr, ...],
        Field(description="addresses outside the VPC that may reach the cluster's API; none means private only"),
    ] = ()


class Nodes(Settings):
    """The managed node group that runs the system and, in the smallest stack, everything at rest."""

    instance_types: Annotated[tuple[InstanceType, ...], Field(min_length=1, description="allowed types, x86-64")]
    spot: Annotated[bool, Field(description="spot capacity instead of on-demand")]
    minimum: Annotated[int, Field(ge=1, le=20, description="nodes at rest")]
    maximum: Annotated[int, Field(ge=1, le=20, description="nodes at most")]
    zones: Annotated[int, Field(ge=1, le=3, description="in how many of the zones")]
    disk: Annotated[int, Field(ge=20, le=500, description="root disk of a node, GiB")] = 40

    @model_validator(mode="after")
    def _room_to_roll(self) -> Self:
        if self.maximum <= self.minimum:
            raise ValueError("maximum must be above minimum, or an upgrade finds no room for its extra node")
        return self


class Workers(Settings):
    """CPU nodes for pipelines, started and ended by Karpenter; none at rest."""

    cpu_limit: Annotated[int, Field(ge=4, le=1024, description="vCPU of all workers together")]
    spot: Annotated[bool, Field(description="spot capacity first, on-demand where there is none")]


class Gpu(Settings):
    """GPU nodes, started and ended by Karpenter; none at rest."""

    instance_types: Annotated[tuple[InstanceType, ...], Field(min_length=1, description="allowed GPU types")]
    limit: Annotated[int, Field(ge=1, le=64, description="GPUs at most, all nodes together")]
    spot: Annotated[bool, Field(description="spot capacity first, on-demand where there is none")]
    hours: Annotated[int, Field(ge=1, le=72, description="a GPU node is replaced or ended after so many hours")]


class Database(Settings):
    """RDS Postgres for MLflow and Feast; MySQL for Kubeflow Pipelines."""

    postgres_class: Annotated[DatabaseClass, Field(description="RDS instance class of Postgres")]
    mysql: Annotated[
        Literal["rds", "in-cluster"],
        Field(description="where the MySQL of Kubeflow Pipelines runs; in-cluster keeps it on a retained volume"),
    ]
    mysql_class: Annotated[DatabaseClass, Field(description="RDS instance class of MySQL")] = "db.t4g.micro"
    storage: Annotated[int, Field(ge=20, le=1000, description="GiB of each RDS instance; grows by itself to 4 times")]
    multi_az: Annotated[bool, Field(description="a standby in a second zone")]
    backup_days: Annotated[int, Field(ge=1, le=35, description="how long automated backups are kept")]
    restore_from: Annotated[
        str | None,
        Field(description="snapshot that Postgres is made from; set by `make resume` and by the restore program"),
    ] = None
    restore_mysql_from: Annotated[
        str | None, Field(description="snapshot that RDS MySQL is made from; set as the one above")
    ] = None


class SignIn(Settings):
    """The public name of the stack's pages, and the OpenID Connect provider that signs people in."""

    domain: Annotated[str, Field(pattern=r"^[a-z0-9.-]+\.[a-z]{2,}$", description="pages are <name>.<domain>")]
    certificate_arn: Annotated[
        str, Field(pattern=r"^arn:aws[a-z-]*:acm:", description="ACM certificate for *.<domain>")
    ]
    issuer: Annotated[str, Field(pattern=r"^https://", description="OpenID Connect issuer")]
    client_id: Annotated[
        str, Field(min_length=1, description="client that the issuer knows; its secret is not set here")
    ]
    email_domain: Annotated[
        str, Field(pattern=r"^[a-z0-9.-]+\.[a-z]{2,}$", description="people of this e-mail domain may sign in")
    ]


class Budget(Settings):
    """What the stack may cost; AWS Budgets warns at 50, 80 and 100 % and on a forecast above it."""

    monthly: Annotated[int, Field(ge=10, description="USD a month")]
    at_rest: Annotated[
        int,
        Field(
            ge=0, description="USD a month that the stack costs while nobody uses it, as `make render` says (cost.md)"
        ),
    ]
    email: Annotated[
        str | None, Field(pattern=r"^[^@\s]+@[^@\s]+$", description="who is warned; without it, only the console shows")
    ] = None


class People(Settings):
    """IAM principals (ARNs of roles, such as IAM Identity Center's) that may take on each role."""

    data_scientist: tuple[str, ...] = ()
    ml_engineer: tuple[str, ...] = ()
    data_engineer: tuple[str, ...] = ()
    platform_engineer: tuple[str, ...] = ()
    reviewer: tuple[str, ...] = ()


class CloudSettings(ServiceSettings):
    """Settings of one cloud stack."""

    region: Annotated[str, Field(pattern=r"^[a-z]{2}(?:-[a-z]+)+-[1-9]$", description="AWS region")] = "us-east-1"
    account_id: Annotated[
        str | None,
        Field(
            coerce_numbers_to_str=True,
            pattern=r"^\d{12}$",
            description="the only AWS account that the stack may be made in",
        ),
    ] = None
    network: Network
    system: Nodes
    workers: Workers
    gpu: Gpu
    database: Database
    sign_in: Annotated[
        SignIn | None,
        Field(description="without it no page is public: they are reached by `kubectl port-forward`"),
    ] = None
    budget: Budget
    alert_webhook: Annotated[
        bool,
        Field(description="alerts go to the address in the secret alert-webhook; else Alertmanager only shows them"),
    ] = False
    people: People = People()
    protect: Annotated[bool, Field(description="stateful resources can be neither destroyed nor replaced")]
    keys: Annotated[
        Literal["one", "per-purpose"],
        Field(description="KMS keys: one for all, or one each for storage, cluster, database"),
    ]
    replica_region: Annotated[
        str | None, Field(pattern=r"^[a-z]{2}(?:-[a-z]+)+-[1-9]$", description="region that buckets are copied to")
    ] = None
    paused: Annotated[
        bool, Field(description="only what holds data remains: buckets, key, images, snapshots; set by `make pause`")
    ] = False

    @property
    def domain(self) -> str | None:
        """See ``ServiceSettings``."""
        return None if self.sign_in is None else self.sign_in.domain

    @property
    def pipeline_cpus(self) -> int:
        """See ``ServiceSettings``."""
        return self.workers.cpu_limit

    @property
    def pipeline_gpus(self) -> int:
        """See ``ServiceSettings``."""
        return self.gpu.limit

    @property
    def monthly_budget(self) -> int:
        """See ``ServiceSettings``."""
        return self.budget.monthly

    @property
    def cost_at_rest(self) -> int:
        """See ``ServiceSettings``."""
        return self.budget.at_rest

    @property
    def tells_of_alerts(self) -> bool:
        """See ``ServiceSettings``."""
        return self.alert_webhook

    @property
    def keeps_logs(self) -> bool:
        """See ``ServiceSettings``."""
        return True

    @property
    def disk_class(self) -> str:
        """See ``ServiceSettings``."""
        return DISK_CLASS

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.replica_region == self.region:
            raise ValueError("replica-region must differ from region")
        if self.protect and self.paused:
            raise ValueError("paused cannot be combined with protect: a protected database is not taken down")
        return self


# What differs between the stacks. A stack file overrides single values of its row.
STACKS: Mapping[str, Mapping[str, Any]] = {
    "dev": {
        "network": {"cidr": "10.10.0.0/16", "nat": "instance", "interface-endpoints": False, "flow-log-days": 7},
        "system": {
            # The two that keep within what the stack may cost; more would be easier to get and dearer.
            "instance-types": ("t3a.large", "t3.large"),
            "spot": True,
            "minimum": 1,
            "maximum": 3,
            "zones": 1,
        },
        "workers": {"cpu-limit": 32, "spot": True},
        "gpu": {"instance-types": ("g4dn.xlarge", "g6.xlarge"), "limit": 1, "spot": True, "hours": 8},
        "database": {
            "postgres-class": "db.t4g.micro",
            "mysql": "in-cluster",
            "storage": 20,
            "multi-az": False,
            "backup-days": 1,
        },
        "budget": {"monthly": 250, "at-rest": 128},
        "protect": False,
        "keys": "one",
        "replicas": 1,
    },
    "staging": {
        "network": {"cidr": "10.20.0.0/16", "nat": "gateway", "interface-endpoints": False, "flow-log-days": 14},
        "system": {"instance-types": ("m6i.large", "m7i.large"), "spot": False, "minimum": 2, "maximum": 4, "zones": 3},
        "workers": {"cpu-limit": 64, "spot": True},
        "gpu": {"instance-types": ("g4dn.xlarge", "g6.xlarge"), "limit": 2, "spot": True, "hours": 12},
        "database": {
            "postgres-class": "db.t4g.medium",
            "mysql": "rds",
            "mysql-class": "db.t4g.medium",
            "storage": 50,
            "multi-az": False,
            "backup-days": 7,
        },
        "budget": {"monthly": 700, "at-rest": 377},
        "protect": False,
        "keys": "per-purpose",
        "replicas": 2,
    },
    "prod": {
        "network": {
            "cidr": "10.30.0.0/16",
            "nat": "gateway-per-zone",
            "interface-endpoints": True,
            "flow-log-days": 90,
        },
        "system": {
            "instance-types": ("m6i.xlarge", "m7i.xlarge"),
            "spot": False,
            "minimum": 3,
            "maximum": 6,
            "zones": 3,
        },
        "workers": {"cpu-limit": 256, "spot": False},
        "gpu": {"instance-types": ("g6.xlarge", "g5.xlarge", "g6.2xlarge"), "limit": 4, "spot": False, "hours": 24},
        "database": {
            "postgres-class": "db.m7g.large",
            "mysql": "rds",
            "mysql-class": "db.m7g.large",
            "storage": 100,
            "multi-az": True,
            "backup-days": 30,
        },
        "budget": {"monthly": 2500, "at-rest": 1384},
        "protect": True,
        "keys": "per-purpose",
        "replicas": 3,
    },
}
