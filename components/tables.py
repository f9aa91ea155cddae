"""Versioned tables in object storage: Delta Lake, one version per content.

A version is named by its number; any old one can be read back. Writers that collide do not corrupt a table:
the object store's conditional put lets one commit through and the other tries again on top of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from components.platform import TableStore

TRIPS = "trips"
ZONE_FEATURES_TABLE = "zone_features"
PAIR_FEATURES_TABLE = "pair_features"

# By default the log of versions older than 30 days is deleted at every hundredth commit.
_KEEP_OLD_VERSIONS = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)


class TableError(RuntimeError):
    """A table or one of its versions is not there; the message names both and what there is."""


class WriteConflict(RuntimeError):
    """Another writer was faster more often than is sensible to wait for."""


def table_uri(platform: TableStore, name: str) -> str:
    """Where a table lies, e.g. ``s3://keelson-data/tables/trips``."""
    return f"s3://{platform.data_bucket}/tables/{name}"


def storage_options(platform: TableStore) -> dict[str, str]:
    """Options for deltalake and polars. Without keys the default AWS chain (Pod Identity) is used."""
    options = {"aws_region": platform.region, "conditional_put": "etag"}
    if platform.s3_endpoint:
        plain = str(platform.s3_endpoint.startswith("http://")).lower()
        options |= {"aws_endpoint_url": platform.s3_endpoint, "aws_allow_http": plain}
    if platform.access_key_id and platform.secret_access_key:
        options |= {
            "aws_access_key_id": platform.access_key_id,
            "aws_secret_access_key": platform.secret_access_key.get_secret_value(),
        }
    return options


def scan(platform: TableStore, name: str, version: int | None = None) -> pl.LazyFrame:
    """One version of a table, read lazily; the newest if no version is given.

    Raises:
        TableError: There is no such table or version.
    """
    _open(platform, name, version)
    return pl.scan_delta(table_uri(platform, name), version=version, storage_options=storage_options(platform))


def files(platform: TableStore, name: str, version: int) -> Iterator[pl.DataFrame]:
    """One version of a table, file by file: for what looks at each row once and must not hold them all.

    Raises:
        TableError: There is no such table or version.
    """
    for uri in _open(platform, name, version).file_uris():
        yield pl.read_parquet(uri, storage_options=storage_options(platform))


def latest_version(platform: TableStore, name: str) -> int | None:
    """The newest version's number, or None where the table does not exist."""
    table = _newest(platform, name)
    return None if table is None else table.version()


def version_rows(platform: TableStore, name: str, version: int) -> int:
    """How many rows a version has, from its files' statistics; no data is read."""
    return _open(platform, name, version).count()


def find_version(platform: TableStore, name: str, fingerprint: str) -> int | None:
    """The version that holds this content, or None."""
    table = _newest(platform, name)
    return None if table is None else table.transaction_version(fingerprint)


@retry(
    retry=retry_if_exception_type(WriteConflict),
    stop=stop_after_attempt(8),
    wait=wait_random_exponential(multiplier=0.1, max=5),
    reraise=True,
)
def write_version(platform: TableStore, name: str, data: pa.Table | Path, fingerprint: str) -> int:
    """Write ``data`` as the table's newest version; content that a version already holds is not written again.

    Args:
        data: The whole content of the version, or a Parquet file with it, which is streamed.
        fingerprint: Names the content: equal fingerprints must mean equal rows.

    Returns:
        The version that holds the content.

    Raises:
        WriteConflict: Eight attempts met other writers' commits.
    """
    known = find_version(platform, name, fingerprint)
    if known is not None:
        return known
    table = _newest(platform, name)
    # The commit lands right after the version just read or not at all, so its number can be part of it.
    # (The commit history names wrong numbers while other writers are at work.)
    version = 0 if table is None else table.version() + 1
    commit = CommitProperties(app_transactions=[Transaction(app_id=fingerprint, version=version)], max_commit_retries=0)
    try:
        with _stream(data) as rows:
            if table is None:
                options = storage_options(platform)
                write_deltalake(
                    table_uri(platform, name),
                    rows,
                    mode="error",
                    storage_options=options,
                    commit_properties=commit,
                    post_commithook_properties=_KEEP_OLD_VERSIONS,
                )
            else:
                write_deltalake(
                    table,
                    rows,
                    mode="overwrite",
                    schema_mode="overwrite",
                    commit_properties=commit,
                    post_commithook_properties=_KEEP_OLD_VERSIONS,
                )
    except (CommitFailedError, DeltaError) as error:
        newest = latest_version(platform, name)
        if newest is None or newest < version:
            raise
        raise WriteConflict(f"another writer keeps committing to table '{name}'; try again later") from error
    return version


@contextmanager
def _stream(data: pa.Table | Path) -> Iterator[pa.Table | pa.RecordBatchReader]:
    """Data as it can be handed to one attempt at writing."""
    if isinstance(data, pa.Table):
        yield data
        return
    with pq.ParquetFile(data) as file:
        yield pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches())


def _newest(platform: TableStore, name: str) -> DeltaTable | None:
    try:
        return DeltaTable(table_uri(platform, name), storage_options=storage_options(platform))
    except TableNotFoundError:
        return None


def _open(platform: TableStore, name: str, version: int | None) -> DeltaTable:
    newest = latest_version(platform, name)
    if newest is None:
        raise TableError(f"table '{name}' does not exist in {table_uri(platform, name)}: run the training pipeline")
    if version is not None and not 0 <= version <= newest:
        raise TableError(f"table '{name}' has no version {version}; there are 0 to {newest}")
    try:
        return DeltaTable(table_uri(platform, name), version=version, storage_options=storage_options(platform))
    except DeltaError as error:
        raise TableError(f"version {version} of table '{name}' cannot be read: {error}") from error
