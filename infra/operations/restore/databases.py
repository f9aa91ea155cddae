"""A database instance made from a snapshot, in the original's network."""

from typing import Any

from infra.operations.account import Absent
from infra.operations.restore.copy import Compared, Copy, CopyError
from infra.render.prices import Prices


def restore(copy: Copy, snapshot: str) -> None:
    """Start an instance from the snapshot, unless it is there already.

    Raises:
        CopyError: There is no such snapshot, or it is not of this stack.
    """
    held = described_snapshot(copy, snapshot)
    original = f"{copy.stack.prefix}-postgres"
    if held["DBInstanceIdentifier"] != original:
        raise CopyError(
            f"Snapshot {snapshot} is of {held['DBInstanceIdentifier']}, not of {original}: choose one of "
            f"`aws rds describe-db-snapshots --db-instance-identifier {original} --region {copy.stack.region}`."
        )
    if exists(copy):
        return
    copy.account.ask(
        "rds",
        "restore_db_instance_from_db_snapshot",
        DBInstanceIdentifier=copy.database_copy,
        DBSnapshotIdentifier=snapshot,
        DBInstanceClass=copy.stack.settings.database.postgres_class,
        # The rest is the snapshot's; a look at data needs no standby, and nobody from outside.
        MultiAZ=False,
        PubliclyAccessible=False,
        DeletionProtection=False,
        CopyTagsToSnapshot=True,
        Tags=copy.tag_list,
        **_network(copy, original),
    )


def starting(copy: Copy) -> list[str]:
    """The copy's name while it does not serve yet."""
    found = copy.account.ask("rds", "describe_db_instances", DBInstanceIdentifier=copy.database_copy)["DBInstances"]
    return [one["DBInstanceIdentifier"] for one in found if one["DBInstanceStatus"] != "available"]


def described_snapshot(copy: Copy, snapshot: str) -> dict[str, str]:
    """RDS's description of the snapshot.

    Raises:
        CopyError: There is none.
    """
    try:
        return copy.account.ask("rds", "describe_db_snapshots", DBSnapshotIdentifier=snapshot)["DBSnapshots"][0]
    except (Absent, IndexError):
        raise CopyError(f"There is no snapshot {snapshot} in {copy.stack.region}.") from None


def exists(copy: Copy) -> bool:
    """Whether the copy is there."""
    try:
        return bool(
            copy.account.ask("rds", "describe_db_instances", DBInstanceIdentifier=copy.database_copy)["DBInstances"]
        )
    except Absent:
        return False


def _network(copy: Copy, original: str) -> dict[str, Any]:
    """Subnets, firewall and parameters of the original; RDS's defaults would lie in the default VPC."""
    try:
        found = copy.account.ask("rds", "describe_db_instances", DBInstanceIdentifier=original)["DBInstances"][0]
    except Absent:
        raise CopyError(
            f"{original} is not there, and so not the network that its copy needs: resume the stack."
        ) from None
    groups = [one["VpcSecurityGroupId"] for one in found.get("VpcSecurityGroups", [])]
    parameters = [one["DBParameterGroupName"] for one in found.get("DBParameterGroups", [])]
    subnets = found.get("DBSubnetGroup", {}).get("DBSubnetGroupName")
    return {
        **({"DBSubnetGroupName": subnets} if subnets else {}),
        **({"VpcSecurityGroupIds": groups} if groups else {}),
        **({"DBParameterGroupName": parameters[0]} if parameters else {}),
    }


def compared(copy: Copy, snapshot: str, prices: Prices) -> Compared:
    """Size and engine of snapshot and copy."""
    held = described_snapshot(copy, snapshot)
    made = copy.account.ask("rds", "describe_db_instances", DBInstanceIdentifier=copy.database_copy)["DBInstances"][0]
    machine, disk = prices.databases.get(made["DBInstanceClass"]), prices.prices.get("rds_storage")
    return Compared(
        what="database",
        original=f"{held['Engine']}, {held['AllocatedStorage']} GiB",
        copy=f"{made['Engine']}, {made['AllocatedStorage']} GiB",
        monthly=machine.monthly + disk.monthly * made["AllocatedStorage"] if machine and disk else None,
    )


def delete(copy: Copy) -> None:
    """Remove the copy, without a snapshot of it."""
    if exists(copy):
        copy.account.ask(
            "rds",
            "delete_db_instance",
            DBInstanceIdentifier=copy.database_copy,
            SkipFinalSnapshot=True,
            DeleteAutomatedBackups=True,
        )
