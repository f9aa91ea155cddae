"""Last snapshots of databases: what is left of one when it is taken down, and what the next one starts from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.operations.account import Absent, Account
from infra.operations.stack import Stack

# The setting that says which snapshot each engine's database is made from.
SETTINGS: Mapping[str, str] = {"postgres": "database.restore-from", "mysql": "database.restore-mysql-from"}


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """An RDS snapshot."""

    id: str
    status: str
    created: datetime | None


@dataclass(frozen=True, kw_only=True)
class Ending:
    """A database of the stack's state, and the name under which its data will stay."""

    database: str
    snapshot: str


def engines(stack: Stack) -> tuple[str, ...]:
    """Engines of the stack's RDS instances."""
    return ("postgres", "mysql") if stack.settings.database.mysql == "rds" else ("postgres",)


def newest(account: Account, stack: Stack, engine: str) -> Snapshot | None:
    """The youngest complete last snapshot of the stack's database.

    Raises:
        AccountError: AWS refused the answer.
    """
    found = [one for one in of_engine(account, stack, engine) if one.status == "available" and one.created]
    return max(found, key=lambda one: (one.created, one.id), default=None)


def of_engine(account: Account, stack: Stack, engine: str) -> list[Snapshot]:
    """All last snapshots of the stack's databases of this engine, complete or not."""
    prefix = f"{stack.prefix}-{engine}-final-"
    found = account.every("rds", "describe_db_snapshots", "DBSnapshots", SnapshotType="manual")
    return [_snapshot(one) for one in found if one["DBSnapshotIdentifier"].startswith(prefix)]


def endings(resources: Iterable[Mapping[str, Any]]) -> list[Ending]:
    """The databases that a Pulumi state knows, with the names of their last snapshots."""
    return [
        Ending(database=one["inputs"]["identifier"], snapshot=one["inputs"]["finalSnapshotIdentifier"])
        for one in resources
        if one["type"] == "aws:rds/instance:Instance" and "finalSnapshotIdentifier" in one.get("inputs", {})
    ]


def taken(account: Account, ending: Ending) -> bool:
    """Whether the database lives and the name of its last snapshot is taken: RDS would refuse to delete it."""
    try:
        found = account.ask("rds", "describe_db_instances", DBInstanceIdentifier=ending.database)["DBInstances"]
        # One that is being deleted is writing that very snapshot.
        return found[0]["DBInstanceStatus"] != "deleting" and bool(
            account.ask("rds", "describe_db_snapshots", DBSnapshotIdentifier=ending.snapshot)["DBSnapshots"]
        )
    except Absent:
        return False


def missing(account: Account, endings: Iterable[Ending]) -> list[str]:
    """Snapshots that should be there once their databases are gone, and are not there or not complete."""

    def complete(name: str) -> bool:
        try:
            found = account.ask("rds", "describe_db_snapshots", DBSnapshotIdentifier=name)["DBSnapshots"]
        except Absent:
            return False
        return bool(found) and found[0]["Status"] == "available"

    return [one.snapshot for one in endings if not complete(one.snapshot)]


def _snapshot(described: dict[str, Any]) -> Snapshot:
    return Snapshot(
        id=described["DBSnapshotIdentifier"],
        status=described["Status"],
        created=described.get("SnapshotCreateTime"),
    )
