"""What AWS charges for, type by type."""

from collections.abc import Callable, Mapping
from typing import Any

from infra.render.cost.meter import Meter
from infra.render.prices import HOURS
from infra.render.recording import Resource

# What a database writes to each of its logs, as a share of the cluster's, whose audit log is by far the largest.
_DATABASE_LOGS = 0.1

# Databases cost the same in both; others have a licence or another price.
_ENGINES = ("postgres", "mysql")


def final_snapshots(meter: Meter) -> None:
    """What a paused stack keeps of its databases: a stack without its cluster.

    Postgres is always RDS's; MySQL is where the stack has no volume for it.
    """
    if meter.recording.of_type("aws:eks/cluster:Cluster") or not meter.recording.of_package("aws"):
        return
    databases = 1 if meter.recording.of_type("aws:ebs/volume:Volume") else 2
    meter.charge("final snapshots", "snapshots of databases", "rds_snapshot", meter.table.rest.snapshot_gb * databases)


def _cluster(meter: Meter, resource: Resource) -> None:
    standard = resource.inputs.get("upgradePolicy", {}).get("supportType") == "STANDARD"
    note = "" if standard else "0.50 an hour more once its version is in extended support"
    meter.charge_months(resource.name, "control plane", "eks_cluster", note=note)


def _node_group(meter: Meter, resource: Resource) -> None:
    inputs = resource.inputs
    count = inputs["scalingConfig"]["desiredSize"]
    meter.machines(
        resource.name, inputs["instanceTypes"], spot=inputs.get("capacityType") == "SPOT", hours=count * HOURS
    )
    _disks(meter, resource, count)


def _instance(meter: Meter, resource: Resource) -> None:
    kind = {**_template(meter, resource), **resource.inputs}["instanceType"]
    meter.machines(resource.name, [kind], spot=False, hours=HOURS)
    _disks(meter, resource, 1)
    if resource.inputs.get("associatePublicIpAddress"):
        meter.charge_months(resource.name, "public address", "public_ipv4")


def _template(meter: Meter, resource: Resource) -> Mapping[str, Any]:
    """Inputs of a machine's launch template, which its own input names by a placeholder."""
    if "launchTemplate" not in resource.inputs:
        return {}
    name = resource.inputs["launchTemplate"]["id"].strip("<>").removesuffix(".id")
    return meter.recording.named(name, "LaunchTemplate").inputs


def _disks(meter: Meter, resource: Resource, machines: int) -> None:
    mappings = _template(meter, resource).get("blockDeviceMappings")
    if mappings is None:
        meter.unknown.add(f"disks of the machines of {resource.name}: no launch template gives their size")
        return
    for disk in mappings:
        kind, size = disk["ebs"].get("volumeType", "gp2"), float(disk["ebs"]["volumeSize"])
        meter.charge_months(resource.name, "disks", f"ebs_{kind}", size * machines)


def _volume(meter: Meter, resource: Resource) -> None:
    size = meter.number(resource, "size")
    if size is not None:
        meter.charge_months(resource.name, "disk", f"ebs_{resource.inputs.get('type', 'gp2')}", size)


def _nat_gateway(meter: Meter, resource: Resource) -> None:
    gateways = len(meter.recording.of_type(resource.type))
    meter.charge_months(resource.name, "gateway", "nat_gateway")
    meter.charge(resource.name, "data through it", "nat_gateway_data", 0, meter.table.load.nat_gb / gateways)


def _address(meter: Meter, resource: Resource) -> None:
    meter.charge_months(resource.name, "public address", "public_ipv4")


def _endpoint(meter: Meter, resource: Resource) -> None:
    """Gateway endpoints, the default, are not charged."""
    if resource.inputs.get("vpcEndpointType") == "Interface":
        zones = len(resource.inputs["subnetIds"])
        meter.charge_months(resource.name, "private endpoint in each zone", "interface_endpoint", zones)


def _key(meter: Meter, resource: Resource) -> None:
    rotated = resource.inputs.get("enableKeyRotation")
    note = "rotated each year: 1 more a month after the first and after the second" if rotated else ""
    meter.charge_months(resource.name, "key", "kms_key", note=note)


def _secret(meter: Meter, resource: Resource) -> None:
    meter.charge_months(resource.name, "secret", "secret", 1 + len(resource.inputs.get("replicas", ())))


def _bucket(meter: Meter, resource: Resource) -> None:
    load, rest = meter.table.load, meter.table.rest
    meter.charge(resource.name, "objects", "s3_standard", rest.bucket_gb, load.bucket_gb)
    # Nobody writes to a paused stack.
    if meter.recording.of_type("aws:eks/cluster:Cluster"):
        meter.charge(resource.name, "requests", "s3_requests", 0, load.thousand_writes)


def _replication(meter: Meter, resource: Resource) -> None:
    meter.charge(resource.name, "data to the other region", "replication_data", 0, meter.table.load.bucket_gb)


def _repository(meter: Meter, resource: Resource) -> None:
    load, rest, count = meter.table.load, meter.table.rest, len(meter.recording.of_type(resource.type))
    meter.charge(resource.name, "images", "ecr_storage", rest.image_gb / count, load.image_gb / count)


def _log_group(meter: Meter, resource: Resource) -> None:
    share = 1 if "/eks/" in resource.inputs["name"] else _DATABASE_LOGS
    rest, more = meter.table.rest.log_gb * share, meter.table.load.log_gb * share
    months = resource.inputs.get("retentionInDays", 0) / 30
    meter.charge(resource.name, "logs written", "log_ingestion", rest, more)
    if months:
        meter.charge(resource.name, "logs kept", "log_storage", rest * months, more * months)
    else:
        meter.unknown.add(f"logs kept of {resource.name}: they are kept for ever")


def _flow_log(meter: Meter, resource: Resource) -> None:
    rest, more = meter.table.rest.flow_log_gb, meter.table.load.flow_log_gb
    bucket = resource.inputs.get("logDestinationType") == "s3"
    meter.charge(resource.name, "records written", "log_delivery_s3" if bucket else "log_ingestion", rest, more)
    if resource.inputs.get("destinationOptions", {}).get("fileFormat") == "parquet":
        meter.charge(resource.name, "records made Parquet", "log_parquet", rest, more)


def _database(meter: Meter, resource: Resource) -> None:
    inputs = resource.inputs
    copies = 2 if inputs.get("multiAz") else 1
    price = meter.table.databases.get(inputs["instanceClass"])
    if price is None or inputs.get("engine") not in _ENGINES:
        meter.unknown.add(f"databases of {inputs.get('engine')}, class {inputs['instanceClass']} ({resource.name})")
    else:
        meter.charge_at(price, resource.name, inputs["instanceClass"], copies * HOURS)
    size, kind = meter.number(resource, "allocatedStorage"), inputs.get("storageType", "gp2")
    if size is not None:
        meter.charge_months(
            resource.name, "storage", "rds_storage" if kind == "gp3" else f"rds_storage_{kind}", size * copies
        )
    if inputs.get("manageMasterUserPassword"):
        meter.charge_months(resource.name, "secret of the master user", "secret")
    if inputs.get("monitoringInterval"):
        rest, more = meter.table.rest.log_gb * _DATABASE_LOGS, meter.table.load.log_gb * _DATABASE_LOGS
        meter.charge(resource.name, "enhanced monitoring", "log_ingestion", rest, more)


PRICED: Mapping[str, Callable[[Meter, Resource], None]] = {
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:ebs/volume:Volume": _volume,
    "aws:ec2/eip:Eip": _address,
    "aws:ec2/flowLog:FlowLog": _flow_log,
    "aws:ec2/instance:Instance": _instance,
    "aws:ec2/natGateway:NatGateway": _nat_gateway,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:ecr/repository:Repository": _repository,
    "aws:eks/cluster:Cluster": _cluster,
    "aws:eks/nodeGroup:NodeGroup": _node_group,
    "aws:kms/key:Key": _key,
    "aws:rds/instance:Instance": _database,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": _replication,
    "aws:secretsmanager/secret:Secret": _secret,
}
