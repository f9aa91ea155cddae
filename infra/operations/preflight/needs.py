"""What the program of a stack will make, read off a recording of it: so a new resource is looked at unasked."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.render.recording import Recording

_ACCOUNT = "<account>"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of resource whose name AWS gives only once.

    Attributes:
        label: What people call it.
        key: Input that holds the name.
        removal: Command that removes a leftover, with ``{name}`` and ``{region}``.
    """

    label: str
    key: str
    removal: str


KINDS: Mapping[str, Kind] = {
    "aws:s3/bucket:Bucket": Kind(label="bucket", key="bucket", removal="aws s3 rb s3://{name} --force"),
    "aws:secretsmanager/secret:Secret": Kind(
        label="secret",
        key="name",
        removal="aws secretsmanager delete-secret --secret-id {name} --force-delete-without-recovery --region {region}",
    ),
    "aws:cloudwatch/logGroup:LogGroup": Kind(
        label="log group",
        key="name",
        removal="aws logs delete-log-group --log-group-name {name} --region {region}",
    ),
    "aws:kms/alias:Alias": Kind(
        label="KMS alias", key="name", removal="aws kms delete-alias --alias-name {name} --region {region}"
    ),
    "aws:iam/role:Role": Kind(label="role", key="name", removal="remove the role {name} in the IAM console"),
    "aws:eks/cluster:Cluster": Kind(
        label="cluster", key="name", removal="aws eks delete-cluster --name {name} --region {region}"
    ),
    "aws:rds/instance:Instance": Kind(
        label="database",
        key="identifier",
        removal="aws rds delete-db-instance --db-instance-identifier {name} --final-db-snapshot-identifier {name}-last "
        "--region {region}",
    ),
    "aws:rds/subnetGroup:SubnetGroup": Kind(
        label="database subnets",
        key="name",
        removal="aws rds delete-db-subnet-group --db-subnet-group-name {name} --region {region}",
    ),
    "aws:rds/parameterGroup:ParameterGroup": Kind(
        label="database parameters",
        key="name",
        removal="aws rds delete-db-parameter-group --db-parameter-group-name {name} --region {region}",
    ),
    "aws:ecr/repository:Repository": Kind(
        label="image repository",
        key="name",
        removal="aws ecr delete-repository --repository-name {name} --force --region {region}",
    ),
    "aws:sqs/queue:Queue": Kind(
        label="queue",
        key="name",
        removal="aws sqs delete-queue --queue-url $(aws sqs get-queue-url --queue-name "
        "{name} --region {region} --query QueueUrl --output text) --region {region}",
    ),
}


@dataclass(frozen=True, kw_only=True, order=True)
class Part:
    """A resource with a name of its own.

    Attributes:
        kind: Pulumi type, a key of ``KINDS``.
        region: ``None`` for the stack's own region.
    """

    kind: str
    name: str
    region: str | None = None


@dataclass(frozen=True, kw_only=True)
class DatabaseNeed:
    """An RDS instance that the program makes.

    Attributes:
        final_snapshot: Name under which its data stay when it is taken down.
    """

    identifier: str
    engine: str
    version: str
    instance_class: str
    multi_az: bool
    final_snapshot: str


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a stack takes from its account.

    Attributes:
        machines: Types of machines that the program itself starts, besides those of node groups.
        kubernetes: Version of the cluster; ``None`` while the stack is paused.
    """

    parts: tuple[Part, ...]
    databases: tuple[DatabaseNeed, ...]
    machines: tuple[str, ...]
    vpcs: int
    addresses: int
    kubernetes: str | None


def needs_of(recording: Recording, account_id: str) -> Needs:
    """What the recorded program needs in this account."""
    made = [one for one in recording.resources if not one.component]

    def count(kind: str) -> int:
        return sum(one.type == kind for one in made)

    templates = [one for one in made if one.type == "aws:ec2/launchTemplate:LaunchTemplate"]
    clusters = [one for one in made if one.type == "aws:eks/cluster:Cluster"]
    return Needs(
        parts=tuple(
            sorted(
                Part(
                    kind=one.type,
                    name=one.inputs[KINDS[one.type].key].replace(_ACCOUNT, account_id),
                    region=one.inputs.get("region"),
                )
                for one in made
                if one.type in KINDS and KINDS[one.type].key in one.inputs
            )
        ),
        databases=tuple(
            DatabaseNeed(
                identifier=one.inputs["identifier"],
                engine=one.inputs["engine"],
                version=one.inputs["engineVersion"],
                instance_class=one.inputs["instanceClass"],
                multi_az=one.inputs["multiAz"],
                final_snapshot=one.inputs["finalSnapshotIdentifier"],
            )
            for one in made
            if one.type == "aws:rds/instance:Instance"
        ),
        machines=tuple(one.inputs["instanceType"] for one in templates if "instanceType" in one.inputs),
        vpcs=count("aws:ec2/vpc:Vpc"),
        addresses=count("aws:ec2/eip:Eip"),
        kubernetes=clusters[0].inputs["version"] if clusters else None,
    )
