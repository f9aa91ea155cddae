"""What a stack costs a month, from its recording: idle, and at the load that the price table states.

A resource whose type is neither priced nor known to be free, and a price that the table lacks, are named; neither is
counted as nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.render.prices import HOURS, Price, Prices, prices
from infra.render.recording import Recording, Resource

# Types that AWS does not charge for by themselves.
FREE: Mapping[str, str] = {
    "aws:budgets/budget:Budget": "the first two of an account, and those without actions",
    "aws:cloudwatch/eventRule:EventRule": "AWS's own events are not charged",
    "aws:cloudwatch/eventTarget:EventTarget": "the rule's",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "networks are not charged",
    "aws:ec2/internetGateway:InternetGateway": "traffic is charged, see NAT and data out",
    "aws:ec2/launchTemplate:LaunchTemplate": "charged with the machines that it describes",
    "aws:ec2/route:Route": "networks are not charged",
    "aws:ec2/routeTable:RouteTable": "networks are not charged",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "networks are not charged",
    "aws:ec2/securityGroup:SecurityGroup": "networks are not charged",
    "aws:ec2/subnet:Subnet": "networks are not charged",
    "aws:ec2/tag:Tag": "tags are not charged",
    "aws:ec2/vpc:Vpc": "networks are not charged",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": "a setting",
    "aws:eks/accessEntry:AccessEntry": "the cluster's",
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": "the cluster's",
    "aws:eks/addon:Addon": "its pods run on the nodes",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": "the cluster's",
    "aws:iam/role:Role": "IAM is not charged",
    "aws:iam/rolePolicy:RolePolicy": "IAM is not charged",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "IAM is not charged",
    "aws:kms/alias:Alias": "the key's",
    "aws:rds/parameterGroup:ParameterGroup": "a setting",
    "aws:rds/subnetGroup:SubnetGroup": "a setting",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "a setting",
    "aws:s3/bucketLogging:BucketLogging": "stored in the logs bucket",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "a setting",
    "aws:s3/bucketPolicy:BucketPolicy": "a setting",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "a setting",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": "a setting",
    "aws:s3/bucketVersioning:BucketVersioning": "old versions go after 90 days",
    "aws:sqs/queue:Queue": "a few thousand notices are within what is free",
    "aws:sqs/queuePolicy:QueuePolicy": "a setting",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "networks are not charged",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "networks are not charged",
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row of the report.

    Attributes:
        resource: Logical name.
        what: What is paid for, and how much of it.
        idle: USD a month of a stack that nobody uses.
        loaded: USD a month at the stated load.
        approximate: Whether a price in it is.
    """

    resource: str
    what: str
    idle: float
    loaded: float
    source: str
    approximate: bool = False


@dataclass(frozen=True, kw_only=True)
class CostReport:
    """All lines of a stack, dearest first, and what could not be priced."""

    stack: str
    lines: tuple[Line, ...]
    unknown: tuple[str, ...]
    table: Prices

    @property
    def idle(self) -> float:
        """USD a month of a stack that nobody uses."""
        return sum(line.idle for line in self.lines)

    @property
    def loaded(self) -> float:
        """USD a month at the stated load."""
        return sum(line.loaded for line in self.lines)

    def markdown(self) -> str:
        """The report as a page: sums, what is unknown, lines, sources."""
        rows = [
            f"| {line.resource} | {line.what} | {line.idle:.2f} | {line.loaded:.2f} | "
            f"{line.source}{' (approximate)' if line.approximate else ''} |"
            for line in self.lines
        ]
        used = sorted({line.source for line in self.lines})
        unknown = [f"- {one}" for one in self.unknown] or ["Nothing."]
        load = [f"| {key.replace('_', ' ')} | {value} |" for key, value in self.table.load.model_dump().items()]
        return "\n".join(
            [
                f"# Cost of {self.stack}",
                "",
                f"**{self.idle:.2f} USD a month idle, {self.loaded:.2f} at the stated load.** List prices of "
                f"{self.table.region}, {self.table.dated}, 730 hours, without tax, support and data between zones.",
                "",
                "## Not in the sums, because no price is known",
                "",
                *unknown,
                "",
                "## Lines",
                "",
                "| resource | what | idle | at load | source |",
                "|---|---|---:|---:|---|",
                *rows,
                "",
                "## The stated load, a month",
                "",
                "| what | how much |",
                "|---|---|",
                *load,
                "",
                "## Sources",
                "",
                *(f"- {name}: {self.table.sources[name]}" for name in used),
                "",
            ]
        )


def report(recording: Recording, table: Prices | None = None) -> CostReport:
    """The monthly cost of a recorded stack."""
    counter = _Counter(table or prices(), recording)
    for resource in recording.resources:
        if resource.component or resource.type.startswith("pulumi:"):
            continue
        counter.add(resource)
    if not recording.of_type("aws:eks/cluster:Cluster") and recording.of_package("aws"):
        counter.stored("final snapshots", "snapshot of Postgres", "rds_snapshot", counter.table.rest.snapshot_gb, 0)
    lines = sorted(counter.lines, key=lambda line: (-line.idle, -line.loaded, line.resource, line.what))
    return CostReport(
        stack=recording.stack, lines=tuple(lines), unknown=tuple(sorted(counter.unknown)), table=counter.table
    )


class _Counter:
    """Collects lines; each method prices one type."""

    def __init__(self, table: Prices, recording: Recording) -> None:
        self.table = table
        self._recording = recording
        self.lines: list[Line] = []
        self.unknown: set[str] = set()

    def add(self, resource: Resource) -> None:
        priced = _PRICED.get(resource.type)
        if priced is not None:
            priced(self, resource)
        elif resource.package == "aws" and resource.type not in FREE:
            self.unknown.add(f"{resource.type}: no price and no reason why it is free ({resource.name})")

    def stored(self, name: str, what: str, price: str, idle: float, more: float) -> None:
        """Something with ``idle`` units at rest and ``more`` on top at load."""
        found = self.table.prices[price]
        self._line(name, f"{what}, {idle:g} → {idle + more:g} {found.unit}", found, idle, idle + more)

    def constant(self, name: str, what: str, price: str, count: float = 1) -> None:
        found = self.table.prices[price]
        self._line(name, f"{what}, {count:g}", found, count, count)

    def _line(self, name: str, what: str, price: Price, idle: float, loaded: float, share: float = 1) -> None:
        each = price.monthly * share
        self.lines.append(
            Line(
                resource=name,
                what=what,
                idle=each * idle,
                loaded=each * loaded,
                source=price.source,
                approximate=price.approximate or share != 1,
            )
        )

    def machines(self, name: str, kind: str, *, spot: bool, idle: float, loaded: float) -> None:
        """``idle`` and ``loaded`` machines of one type, in whole months."""
        price = self.table.instances.get(kind)
        if price is None:
            self.unknown.add(f"machines of type {kind} ({name})")
            return
        share = self.table.spot.share if spot else 1
        what = f"{kind}{', spot' if spot else ''}, {idle:g} → {loaded:.2g} machines"
        self._line(name, what, price, idle, loaded, share)

    def cluster(self, resource: Resource) -> None:
        self.constant(resource.name, "control plane", "eks_cluster")

    def node_group(self, resource: Resource) -> None:
        inputs = resource.inputs
        count = inputs["scalingConfig"]["desiredSize"]
        spot = inputs.get("capacityType") == "SPOT"
        self.machines(resource.name, inputs["instanceTypes"][0], spot=spot, idle=count, loaded=count)
        self._disks(resource, count)

    def instance(self, resource: Resource) -> None:
        template = self._template(resource)
        self.machines(resource.name, template.inputs["instanceType"], spot=False, idle=1, loaded=1)
        self._disks(resource, 1)
        if resource.inputs.get("associatePublicIpAddress"):
            self.constant(resource.name, "public address", "public_ipv4")

    def _template(self, resource: Resource) -> Resource:
        """The launch template of a machine, which its input names by a placeholder."""
        return self._recording.named(resource.inputs["launchTemplate"]["id"].strip("<>").removesuffix(".id"))

    def _disks(self, resource: Resource, machines: int) -> None:
        disks = self._template(resource).inputs["blockDeviceMappings"]
        size = sum(float(disk["ebs"]["volumeSize"]) for disk in disks)
        self.constant(resource.name, "disks, GB", "ebs_gp3", size * machines)

    def nat_gateway(self, resource: Resource) -> None:
        self.constant(resource.name, "gateway", "nat_gateway")
        self.stored(resource.name, "data through it", "nat_gateway_data", 0, self.table.load.nat_gb)

    def address(self, resource: Resource) -> None:
        self.constant(resource.name, "public address", "public_ipv4")

    def endpoint(self, resource: Resource) -> None:
        if resource.inputs.get("vpcEndpointType") == "Interface":
            zones = len(resource.inputs["subnetIds"])
            self.constant(resource.name, "private endpoint, zones", "interface_endpoint", zones)

    def key(self, resource: Resource) -> None:
        self.constant(resource.name, "key", "kms_key")

    def secret(self, resource: Resource) -> None:
        self.constant(resource.name, "secret", "secret")

    def bucket(self, resource: Resource) -> None:
        load, rest = self.table.load, self.table.rest
        self.stored(resource.name, "objects", "s3_standard", rest.bucket_gb, load.bucket_gb)
        self.stored(resource.name, "requests", "s3_requests", 0, load.thousand_writes)

    def replication(self, resource: Resource) -> None:
        self.stored(resource.name, "data to the other region", "replication_data", 0, self.table.load.bucket_gb)

    def repository(self, resource: Resource) -> None:
        self.stored(resource.name, "images", "ecr_storage", self.table.rest.image_gb / 2, self.table.load.image_gb)

    def log_group(self, resource: Resource) -> None:
        # The cluster's audit log is by far the largest; databases write little.
        share = 1.0 if "/eks/" in resource.inputs["name"] else 0.1
        rest, load = self.table.rest.log_gb * share, self.table.load.log_gb * share
        self.stored(resource.name, "logs", "log_ingestion", rest, load)

    def flow_log(self, resource: Resource) -> None:
        self.stored(
            resource.name, "records", "log_delivery_s3", self.table.rest.flow_log_gb, self.table.load.flow_log_gb
        )

    def volume(self, resource: Resource) -> None:
        self.constant(resource.name, "disk, GB", "ebs_gp3", resource.inputs["size"])

    def database(self, resource: Resource) -> None:
        inputs = resource.inputs
        copies = 2 if inputs.get("multiAz") else 1
        price = self.table.databases.get(inputs["instanceClass"])
        if price is None:
            self.unknown.add(f"databases of class {inputs['instanceClass']} ({resource.name})")
        else:
            self._line(resource.name, f"{inputs['instanceClass']}, {copies}", price, copies, copies)
        self.constant(resource.name, "storage, GB", "rds_storage", inputs["allocatedStorage"] * copies)
        if inputs.get("manageMasterUserPassword"):
            self.constant(resource.name, "secret of the master user", "secret")

    def claim(self, resource: Resource) -> None:
        spec = resource.inputs["spec"]
        # A claim that names its volume takes one that is counted already.
        if not spec.get("volumeName"):
            self.constant(resource.name, "disk, GB", "ebs_gp3", _size(spec["resources"]["requests"]["storage"]))

    def chart(self, resource: Resource) -> None:
        for size, copies in _templates(resource.inputs.get("values", {})):
            self.constant(resource.name, "disks, GB", "ebs_gp3", size * copies)

    def ingress(self, resource: Resource) -> None:
        """One load balancer for all ingresses of a group: counted with the group's first by name."""
        group = resource.inputs["metadata"].get("annotations", {}).get("alb.ingress.kubernetes.io/group.name")
        if any(line.resource == f"load balancer {group}" for line in self.lines):
            return
        name = f"load balancer {group}"
        self.constant(name, "load balancer", "load_balancer")
        self.constant(name, "public addresses, zones", "public_ipv4", 3)
        self.stored(name, "capacity", "load_balancer_capacity", 0, self.table.load.lcu)
        self.stored(name, "data to the internet", "internet_data", 0, self.table.load.internet_gb)

    def pool(self, resource: Resource) -> None:
        """Karpenter's machines: none at rest."""
        load, spec = self.table.load, resource.inputs["spec"]
        wanted = {one["key"]: one["values"] for one in spec["template"]["spec"]["requirements"]}
        kinds = wanted.get("node.kubernetes.io/instance-type")
        hours = load.gpu_hours if kinds else load.cpu_worker_hours
        spot = "spot" in wanted["karpenter.sh/capacity-type"]
        kind = kinds[0] if kinds else load.cpu_worker_type
        self.machines(resource.name, kind, spot=spot, idle=0, loaded=hours / HOURS)


_PRICED: Mapping[str, Callable[[_Counter, Resource], None]] = {
    "aws:cloudwatch/logGroup:LogGroup": _Counter.log_group,
    "aws:ebs/volume:Volume": _Counter.volume,
    "aws:ec2/eip:Eip": _Counter.address,
    "aws:ec2/flowLog:FlowLog": _Counter.flow_log,
    "aws:ec2/instance:Instance": _Counter.instance,
    "aws:ec2/natGateway:NatGateway": _Counter.nat_gateway,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _Counter.endpoint,
    "aws:ecr/repository:Repository": _Counter.repository,
    "aws:eks/cluster:Cluster": _Counter.cluster,
    "aws:eks/nodeGroup:NodeGroup": _Counter.node_group,
    "aws:kms/key:Key": _Counter.key,
    "aws:rds/instance:Instance": _Counter.database,
    "aws:s3/bucket:Bucket": _Counter.bucket,
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": _Counter.replication,
    "aws:secretsmanager/secret:Secret": _Counter.secret,
    "kubernetes:core/v1:PersistentVolumeClaim": _Counter.claim,
    "kubernetes:helm.sh/v4:Chart": _Counter.chart,
    "kubernetes:karpenter.sh/v1:NodePool": _Counter.pool,
    "kubernetes:networking.k8s.io/v1:Ingress": _Counter.ingress,
}


def _size(quantity: str) -> float:
    """GiB of a Kubernetes quantity such as ``20Gi``."""
    units = {"Mi": 1 / 1024, "Gi": 1, "Ti": 1024}
    return float(quantity[:-2]) * units[quantity[-2:]]


def _templates(values: Any) -> Iterator[tuple[float, int]]:
    """Size and number of the volumes that a chart's stateful parts ask for."""
    if not isinstance(values, Mapping):
        return
    template = values.get("storageSpec", {}).get("volumeClaimTemplate") if "storageSpec" in values else None
    if template:
        yield _size(template["spec"]["resources"]["requests"]["storage"]), int(values.get("replicas", 1))
    for one in values.values():
        yield from _templates(one)
