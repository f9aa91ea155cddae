"""The table of predictions: one part for each data version and model version, written whole and once."""

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from components import contract, tables
from components.platform import Platform

PREDICTIONS = "predictions"
DATA_VERSION, MODEL_VERSION, PICKUP_DATE = "data_version", "model_version", "pickup_date"
PREDICTED = "predicted_seconds"
# A partition is one day of one data version as one model version sees it.
PARTITIONS = (DATA_VERSION, MODEL_VERSION, PICKUP_DATE)
SCHEMA = pa.schema(
    [
        (DATA_VERSION, pa.int64()),
        (MODEL_VERSION, pa.int64()),
        (PICKUP_DATE, pa.date32()),
        (contract.PICKUP_TIME, pa.timestamp("us")),
        (contract.PICKUP_ZONE, pa.int64()),
        (contract.DROPOFF_ZONE, pa.int64()),
        (contract.DISTANCE, pa.float64()),
        (contract.PASSENGERS, pa.float64()),
        (contract.TARGET, pa.float64()),
        (PREDICTED, pa.float64()),
    ]
)

_KEEP_OLD_VERSIONS = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)


def rows_of(platform: Platform, data_version: int, model_version: int) -> int | None:
    """How many trips of a data version a model version has scored, or None where it has not."""
    table = _existing(platform)
    if table is None or table.transaction_version(_key(data_version, model_version)) is None:
        return None
    return int(scan(platform, data_version, model_version).select(pl.len()).collect().item())


def scan(platform: Platform, data_version: int, model_version: int) -> pl.LazyFrame:
    """The predictions of a model version for a data version, read lazily; in no particular order.

    Raises:
        components.tables.TableError: There are none in the table.
    """
    table = _existing(platform)
    if table is None or table.transaction_version(_key(data_version, model_version)) is None:
        raise tables.TableError(
            f"version {data_version} of the trips has no predictions by model version {model_version}; "
            f"make them: python -m pipelines.run scoring --data-version {data_version} --model-version {model_version}"
        )
    return tables.scan(platform, PREDICTIONS).filter(
        pl.col(DATA_VERSION) == data_version, pl.col(MODEL_VERSION) == model_version
    )


def append_once(platform: Platform, data_version: int, model_version: int, file: Path, facts: dict[str, str]) -> bool:
    """Add the predictions of a model version for a data version, unless they are there.

    One commit of the table makes all rows visible; its transaction identifier lets one writer of several through. Files
    of a writer that was killed or came second belong to no version of the table: nobody reads them, and ``vacuum``
    deletes them.

    Args:
        file: Parquet, as ``SCHEMA``.
        facts: Kept with the commit.

    Returns:
        Whether this call added them.
    """
    key = _key(data_version, model_version)
    # The conflict check compares with the version that was read here, so the table must exist before.
    table = _existing(platform) or _created(platform)
    if table.transaction_version(key) is not None:
        return False
    try:
        append(table, file, key, facts)
    except CommitFailedError:
        if _opened(platform).transaction_version(key) is None:
            raise
        return False
    return True


def append(table: DeltaTable, file: Path, key: str, facts: dict[str, str]) -> None:
    """Add a file's rows to a table in one commit, batch by batch.

    Args:
        table: As it was when the key was not in it.
        file: Parquet, as ``SCHEMA``.
        key: Transaction identifier.
        facts: Kept with the commit.

    Raises:
        deltalake.exceptions.CommitFailedError: Since then another writer has committed the key.
    """
    commit = CommitProperties(app_transactions=[Transaction(app_id=key, version=1)], custom_metadata=facts)
    with pq.ParquetFile(file) as source:
        rows = pa.RecordBatchReader.from_batches(source.schema_arrow, source.iter_batches())
        write_deltalake(
            table, rows, mode="append", commit_properties=commit, post_commithook_properties=_KEEP_OLD_VERSIONS
        )


def _key(data_version: int, model_version: int) -> str:
    return f"predictions of trips {data_version} by model {model_version}"


def _opened(platform: Platform) -> DeltaTable:
    return DeltaTable(tables.table_uri(platform, PREDICTIONS), storage_options=tables.storage_options(platform))


def _existing(platform: Platform) -> DeltaTable | None:
    try:
        return _opened(platform)
    except TableNotFoundError:
        return None


def _created(platform: Platform) -> DeltaTable:
    """The table, made empty; by another writer if that one was faster."""
    try:
        return DeltaTable.create(
            tables.table_uri(platform, PREDICTIONS),
            SCHEMA,
            mode="error",
            partition_by=list(PARTITIONS),
            storage_options=tables.storage_options(platform),
            # A commit that is tried again creates the table a second time.
            commit_properties=CommitProperties(max_commit_retries=0),
        )
    except DeltaError:
        found = _existing(platform)
        if found is None:
            raise
        return found
