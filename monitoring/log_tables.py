"""How the tables of the log are written: each commit says how far it has read the journals.

The progress, a byte offset a file, is part of the commit that brings the rows (Delta's application transactions), so
rows and progress are there together or not at all. A commit lands right after the version that its writer has read: of
two that began from the same version only one gets through, and the other looks again.
"""

from collections.abc import Iterable, Mapping

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from components import tables
from components.platform import TableStore
from components.served.tables import AT, DAY

# Who reads journals into tables, takes rows out or deletes files of theirs holds this lock in the pipelines' database.
LOCK = "log tables"

# Of the other columns no smallest and largest values are kept in the table's own log: a row that is taken out would
# live on there.
_CONFIGURATION = {"delta.dataSkippingStatsColumns": AT}
# Who collects may add to a table and delete nothing, so old entries of its log go by ``purge``.
_HOOKS = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)


class Overtaken(RuntimeError):
    """Another writer committed since the table was read; nothing was written."""


def opened(platform: TableStore, name: str, schema: pa.Schema) -> DeltaTable:
    """The newest version of a table; an empty one is made where there is none."""
    return existing(platform, name) or _created(platform, name, schema)


def existing(platform: TableStore, name: str) -> DeltaTable | None:
    """The newest version of a table, or None where there is none."""
    try:
        return DeltaTable(tables.table_uri(platform, name), storage_options=tables.storage_options(platform))
    except TableNotFoundError:
        return None


def offset(table: DeltaTable, segment: str) -> int:
    """How many bytes of a journal's file the table has taken in."""
    return table.transaction_version(segment) or 0


def append(table: DeltaTable, rows: pa.Table, progress: Mapping[str, int]) -> None:
    """Add rows, and how far the journals are read with them.

    Args:
        table: As it was when the progress was looked up.
        rows: As the table's schema; may be none.
        progress: Offset behind the last byte read, by file.

    Raises:
        Overtaken: Another writer was faster.
    """
    try:
        write_deltalake(
            table,
            rows,
            mode="append",
            # A contract that has gained a feature adds a column.
            schema_mode="merge",
            commit_properties=_commit(progress),
            post_commithook_properties=_HOOKS,
        )
    except CommitFailedError as error:
        raise Overtaken(f"another writer committed to {table.table_uri}") from error


def delete(table: DeltaTable, predicate: str) -> int:
    """Take rows out; returns how many. Their bytes stay in old files until ``purge``.

    Args:
        predicate: SQL. It is written into the table's log, so it must name nobody.

    Raises:
        Overtaken: Another writer was faster.
    """
    try:
        done = table.delete(predicate, commit_properties=_commit({}), post_commithook_properties=_HOOKS)
    except CommitFailedError as error:
        raise Overtaken(f"another writer committed to {table.table_uri}") from error
    return done["num_deleted_rows"]


def purge(table: DeltaTable, hours: int = 0) -> int:
    """Delete files that no longer belong to the table, also those of writers that were killed; returns how many.
    Entries of its log that are over their time (30 days) go as well.

    Only for the holder of ``LOCK``: a writer's files do not belong to the table before its commit.

    Args:
        hours: Files that were left later than so long ago are kept, for readers of old versions.
    """
    table.cleanup_metadata()
    left = table.vacuum(retention_hours=hours, enforce_retention_duration=False, dry_run=False, full=True)
    return len(left)


def compact(table: DeltaTable, days: Iterable[str]) -> None:
    """Write the small files of days, ISO dates, together.

    Raises:
        Overtaken: Another writer was faster.
    """
    for day in days:
        try:
            table.optimize.compact([(DAY, "=", day)], commit_properties=_commit({}), post_commithook_properties=_HOOKS)
        except CommitFailedError as error:
            raise Overtaken(f"another writer committed to {table.table_uri}") from error


def _commit(progress: Mapping[str, int]) -> CommitProperties:
    offsets = [Transaction(app_id=segment, version=end) for segment, end in progress.items()]
    # Tried again, a commit would land on versions that its writer has not looked at.
    return CommitProperties(app_transactions=offsets, max_commit_retries=0)


def _created(platform: TableStore, name: str, schema: pa.Schema) -> DeltaTable:
    try:
        return DeltaTable.create(
            tables.table_uri(platform, name),
            schema,
            mode="error",
            partition_by=[DAY],
            configuration=_CONFIGURATION,
            storage_options=tables.storage_options(platform),
            commit_properties=CommitProperties(max_commit_retries=0),
        )
    except DeltaError:
        # Another writer was faster.
        found = existing(platform, name)
        if found is None:
            raise
        return found
