"""Data survive a mistake, a lost machine and a lost zone."""

from collections.abc import Iterator

from infra.policies.allowed import PROTECTED_STACKS
from infra.policies.resource import Finding, Resource, Stack
from infra.policies.rule import Severity, rule, stack_rule

_DATABASE = "aws:rds/instance:Instance"
_STATEFUL = (
    "aws:s3/bucket:Bucket",
    _DATABASE,
    "aws:rds/cluster:Cluster",
    "aws:kms/key:Key",
    "aws:ecr/repository:Repository",
    "aws:ebs/volume:Volume",
    "aws:efs/fileSystem:FileSystem",
)
_DAYS_IN_PROD = 7


@stack_rule(source="an overwritten model or table can be had again", severity=Severity.HIGH)
def bucket_versioned(stack: Stack) -> Iterator[tuple[Resource, Finding]]:
    """Every bucket keeps old versions of its objects."""
    kind, path = "aws:s3/bucketVersioning:BucketVersioning", "versioningConfiguration.status"
    for bucket in stack.of_type("aws:s3/bucket:Bucket"):
        versionings = stack.companions(bucket, kind, "bucket", "bucket", "id")
        if not versionings:
            yield bucket, Finding("versioning", None, "a BucketVersioning with status Enabled")
        for one in versionings:
            for finding in one.must_be(path, "Enabled"):
                yield one, finding


@stack_rule(
    source="Security Hub S3.13; old versions and parts of broken uploads are paid for ever", severity=Severity.MEDIUM
)
def bucket_lifecycle_present(stack: Stack) -> Iterator[tuple[Resource, Finding]]:
    """Every bucket says when what is old goes."""
    kind = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    for bucket in stack.of_type("aws:s3/bucket:Bucket"):
        if not stack.companions(bucket, kind, "bucket", "bucket", "id"):
            yield bucket, Finding("lifecycle", None, "a BucketLifecycleConfiguration")


@rule(source="`pulumi destroy` in the wrong window", severity=Severity.CRITICAL, types=_STATEFUL)
def stateful_protected_in_prod(resource: Resource) -> Iterator[Finding]:
    """In production nothing that keeps data can be destroyed by Pulumi, nor emptied for it."""
    if resource.stack not in PROTECTED_STACKS:
        return
    if not resource.protect:
        yield Finding("protect", False, "true")
    for path in ("forceDestroy", "forceDelete"):
        yield from resource.must_be(path, None, False)


@rule(
    source="Security Hub RDS.8; a wrong call of the API",
    severity=Severity.HIGH,
    types=(_DATABASE, "aws:rds/cluster:Cluster", "aws:eks/cluster:Cluster"),
)
def deletion_protected_in_prod(resource: Resource) -> Iterator[Finding]:
    """In production AWS itself refuses to delete databases and the cluster."""
    if resource.stack in PROTECTED_STACKS:
        yield from resource.must_be("deletionProtection", True)


@rule(source="the last state of a database is its only one", severity=Severity.HIGH, types=(_DATABASE,))
def database_leaves_snapshot(resource: Resource) -> Iterator[Finding]:
    """A database that goes leaves a snapshot behind."""
    yield from resource.must_be("skipFinalSnapshot", False)
    yield from resource.must_have("finalSnapshotIdentifier", "a name for the snapshot")


@rule(source="Security Hub RDS.11; a wrong DELETE is found days later", severity=Severity.HIGH, types=(_DATABASE,))
def database_backed_up(resource: Resource) -> Iterator[Finding]:
    """A database has backups of each day; in production of seven days at least, which outlive it."""
    least = _DAYS_IN_PROD if resource.stack in PROTECTED_STACKS else 1
    days = resource.get("backupRetentionPeriod")
    if days is None or (isinstance(days, int | float) and days < least):
        yield Finding("backupRetentionPeriod", days, f"{least} to 35 days")
    if resource.stack in PROTECTED_STACKS:
        yield from resource.must_be("deleteAutomatedBackups", False)


@rule(source="Security Hub RDS.5; one zone can be lost", severity=Severity.HIGH, types=(_DATABASE,))
def database_multi_az_in_prod(resource: Resource) -> Iterator[Finding]:
    """In production every database has a standby in a second zone."""
    if resource.stack in PROTECTED_STACKS:
        yield from resource.must_be("multiAz", True)


@rule(source="extended support is billed by vCPU and hour", severity=Severity.MEDIUM, types=(_DATABASE,))
def database_standard_support(resource: Resource) -> Iterator[Finding]:
    """A database whose engine's support ends is upgraded, rather than billed for extended support."""
    yield from resource.must_be("engineLifecycleSupport", "open-source-rds-extended-support-disabled")


@rule(source="Security Hub RDS.13; fixes of security holes", severity=Severity.MEDIUM, types=(_DATABASE,))
def database_upgraded_minor(resource: Resource) -> Iterator[Finding]:
    """A database takes new minor versions by itself."""
    yield from resource.must_be("autoMinorVersionUpgrade", True)


@rule(source="a password in the program is in its state for ever", severity=Severity.CRITICAL, types=(_DATABASE,))
def database_password_managed(resource: Resource) -> Iterator[Finding]:
    """RDS makes and rotates the master password; the program never has one."""
    yield from resource.must_be("manageMasterUserPassword", True)
    if resource.get("password") is not None:
        yield Finding("password", "a value", "none, with manageMasterUserPassword")
