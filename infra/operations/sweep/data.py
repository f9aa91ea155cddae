"""Where data lie: databases and their snapshots, buckets, images, keys and secrets."""

from collections.abc import Iterator

from infra.operations.account import Absent, Denied, tags_of
from infra.operations.sweep.belonging import belongs, is_named_for
from infra.operations.sweep.leftover import Leftover, Lister, Look

# Object versions that are counted; a bucket with more is described as "at least".
_COUNTED = 10_000
_GIB = 2**30


def databases(look: Look) -> Iterator[Leftover]:
    for one in look.every("rds", "describe_db_instances", "DBInstances"):
        name = one["DBInstanceIdentifier"]
        if not _of_rds(look, name, one):
            continue
        engine, zones = one["Engine"], 2 if one.get("MultiAZ") else 1
        machine = look.prices.databases.get(one["DBInstanceClass"])
        disk = look.unit("rds_storage", one["AllocatedStorage"] * zones)
        yield look.found(
            "database",
            name,
            f"rds delete-db-instance --db-instance-identifier {name} --final-db-snapshot-identifier {name}-last",
            detail=f"{engine}, {one['DBInstanceClass']}, {one['AllocatedStorage']} GiB, {one['DBInstanceStatus']}",
            monthly=None if machine is None or disk is None else machine.monthly * zones + disk,
        )


def database_snapshots(look: Look) -> Iterator[Leftover]:
    for one in look.every("rds", "describe_db_snapshots", "DBSnapshots", SnapshotType="manual"):
        name = one["DBSnapshotIdentifier"]
        if _of_rds(look, name, one):
            yield look.found(
                "database snapshot",
                name,
                f"rds delete-db-snapshot --db-snapshot-identifier {name}",
                detail=f"{one['Engine']}, {one['AllocatedStorage']} GiB{_fate_of_key(look, one.get('KmsKeyId'))}",
                monthly=look.unit("rds_snapshot", one["AllocatedStorage"]),
            )


def database_backups(look: Look) -> Iterator[Leftover]:
    retained = [{"Name": "status", "Values": ["retained"]}]
    for one in look.every(
        "rds", "describe_db_instance_automated_backups", "DBInstanceAutomatedBackups", Filters=retained
    ):
        # While its database lives, a backup goes with it.
        if one["Status"] == "retained" and is_named_for(one["DBInstanceIdentifier"], look.stack):
            yield look.found(
                "database backup",
                one["DBInstanceIdentifier"],
                f"rds delete-db-instance-automated-backup --dbi-resource-id {one.get('DbiResourceId', '<id>')}",
                detail="outlived its database",
                monthly=look.unit("rds_snapshot", one["AllocatedStorage"]) if "AllocatedStorage" in one else None,
            )


def _of_rds(look: Look, name: str, resource: dict[str, object]) -> bool:
    return is_named_for(name, look.stack) or belongs(tags_of(resource), look.stack)


def _fate_of_key(look: Look, key: str | None) -> str:
    """Says when a snapshot will be unreadable because its key goes."""
    if not key:
        return ""
    try:
        found = look.ask("kms", "describe_key", KeyId=key)["KeyMetadata"]
    except (Absent, Denied):
        return ", its key is gone or not ours to see"
    if found["KeyState"] != "PendingDeletion":
        return ""
    key_id, until = found["KeyId"], found["DeletionDate"].date()
    return f", unreadable from {until}, when its key goes: aws kms cancel-key-deletion --key-id {key_id} keeps it"


def buckets(look: Look) -> Iterator[Leftover]:
    for one in look.every("s3", "list_buckets", "Buckets"):
        name = one["Name"]
        if not is_named_for(name, look.stack):
            continue
        place = look.ask("s3", "get_bucket_location", Bucket=name).get("LocationConstraint") or "us-east-1"
        if place == look.region:
            count, size = _held(look, name)
            more = "at least " if count >= _COUNTED else ""
            yield look.found(
                "bucket",
                name,
                f"s3api delete-bucket --bucket {name}" if not count else _EMPTY.format(name=name),
                detail=f"{more}{count} object versions, {size / _GIB:.2f} GiB",
                monthly=look.unit("s3_standard", size / _GIB),
            )


# `aws s3 rm` leaves old versions: the bucket's own lifecycle removes them all.
_EMPTY = (
    "s3api put-bucket-lifecycle-configuration --bucket {name} --lifecycle-configuration "
    '\'{{"Rules":[{{"ID":"empty","Status":"Enabled","Filter":{{"Prefix":""}},"Expiration":{{"Days":1}},'
    '"NoncurrentVersionExpiration":{{"NoncurrentDays":1}}}}]}}\' # empty in a day or two, then: '
    "aws s3api delete-bucket --bucket {name}"
)


def _held(look: Look, bucket: str) -> tuple[int, int]:
    """Number and bytes of all object versions, up to ``_COUNTED``."""
    count, size, marker = 0, 0, {}
    while True:
        page = look.ask("s3", "list_object_versions", Bucket=bucket, **marker)
        versions = page.get("Versions", [])
        count += len(versions) + len(page.get("DeleteMarkers", []))
        size += sum(one["Size"] for one in versions)
        if not page.get("IsTruncated") or count >= _COUNTED:
            return count, size
        marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page.get("NextVersionIdMarker", "")}


def repositories(look: Look) -> Iterator[Leftover]:
    for one in look.every("ecr", "describe_repositories", "repositories"):
        name = one["repositoryName"]
        if is_named_for(name, look.stack):
            images = look.every("ecr", "describe_images", "imageDetails", repositoryName=name)
            size = sum(image.get("imageSizeInBytes", 0) for image in images)
            yield look.found(
                "image repository",
                name,
                f"ecr delete-repository --repository-name {name} --force",
                detail=f"{len(images)} images, {size / _GIB:.2f} GiB",
                monthly=look.unit("ecr_storage", size / _GIB),
            )


def keys(look: Look) -> Iterator[Leftover]:
    for listed in look.every("kms", "list_keys", "Keys"):
        try:
            one = look.ask("kms", "describe_key", KeyId=listed["KeyId"])["KeyMetadata"]
            if one["KeyManager"] == "AWS":
                continue
            tags = tags_of(look.ask("kms", "list_resource_tags", KeyId=listed["KeyId"]))
        except (Absent, Denied):
            # Another project's key, closed to us by its own policy or by ours, which goes by the tag `project`.
            continue
        if belongs(tags, look.stack):
            going = one["KeyState"] == "PendingDeletion"
            yield look.found(
                "key",
                one["KeyId"],
                f"kms schedule-key-deletion --key-id {one['KeyId']} --pending-window-in-days 7",
                detail=f"goes on {one['DeletionDate'].date()}" if going else one["KeyState"],
                monthly=0 if going else look.unit("kms_key"),
            )


def aliases(look: Look) -> Iterator[Leftover]:
    for one in look.every("kms", "list_aliases", "Aliases"):
        if is_named_for(one["AliasName"], look.stack):
            yield look.found("key alias", one["AliasName"], f"kms delete-alias --alias-name {one['AliasName']}")


def secrets(look: Look) -> Iterator[Leftover]:
    for one in look.every("secretsmanager", "list_secrets", "SecretList", IncludePlannedDeletion=True):
        name, going = one["Name"], one.get("DeletedDate")
        if is_named_for(name, look.stack) or belongs(tags_of(one), look.stack):
            yield look.found(
                "secret",
                name,
                f"secretsmanager delete-secret --secret-id {name} --force-delete-without-recovery",
                detail=f"goes on {going.date()}; until then its name is taken" if going else "",
                monthly=0 if going else look.unit("secret"),
            )


LISTERS = (
    Lister(kind="databases", covers=("rds:db",), look=databases),
    Lister(kind="database snapshots", covers=("rds:snapshot",), look=database_snapshots),
    Lister(kind="database backups", covers=("rds:auto-backup",), look=database_backups),
    Lister(kind="buckets", covers=("s3:",), look=buckets),
    Lister(kind="image repositories", covers=("ecr:repository",), look=repositories),
    Lister(kind="secrets", covers=("secretsmanager:secret",), look=secrets),
    Lister(kind="key aliases", covers=(), look=aliases),
    Lister(kind="keys", covers=("kms:key",), look=keys),
)
