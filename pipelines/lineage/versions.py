"""What the tables in the object store say: versions of the trips, and the predictions made for them."""

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from components import tables
from components.platform import Platform
from components.score import predictions
from pipelines.lineage.records import DataRecord, PredictionsRecord

# A question is answered in seconds or not at all; writers are more patient. A store that has taken the connection is
# there: on a busy machine it may be slow to answer.
_HURRY = {"max_retries": "1", "connect_timeout": "1s", "timeout": "10s"}


class StoreUnavailableError(RuntimeError):
    """The object store does not answer."""


def newest_data_version(platform: Platform) -> int | None:
    """The newest version of the trips, or None where there is none.

    Raises:
        StoreUnavailableError: The object store does not answer.
    """
    table = _open(platform, tables.TRIPS)
    return None if table is None else table.version()


def data_version(platform: Platform, version: int) -> DataRecord:
    """A version of the trips; its fault says why it cannot be read."""
    try:
        newest = newest_data_version(platform)
        if newest is None or version > newest:
            known = "there are none" if newest is None else f"there are 0 to {newest}"
            return DataRecord(version=version, fault=f"the table of trips has no such version: {known}")
        table = _open(platform, tables.TRIPS, version)
    except (StoreUnavailableError, DeltaError) as error:
        return DataRecord(version=version, fault=str(error))
    return DataRecord(version=version, rows=table.count() if table else 0)


def scored(platform: Platform) -> tuple[PredictionsRecord, ...]:
    """What is in the table of predictions, from its log alone; nothing where the object store does not answer."""
    try:
        table = _open(platform, predictions.PREDICTIONS)
    except StoreUnavailableError:
        return ()
    if table is None:
        return ()
    added = table.get_add_actions(flatten=True)
    names = (f"partition.{predictions.DATA_VERSION}", f"partition.{predictions.MODEL_VERSION}", "num_records")
    rows: dict[tuple[int, int], int] = {}
    for data, model, count in zip(*(added[name].to_pylist() for name in names), strict=True):
        rows[int(data), int(model)] = rows.get((int(data), int(model)), 0) + count
    return tuple(PredictionsRecord(data_version=d, model_version=m, rows=n) for (d, m), n in sorted(rows.items()))


def _open(platform: Platform, name: str, version: int | None = None) -> DeltaTable | None:
    options = tables.storage_options(platform) | _HURRY
    try:
        return DeltaTable(tables.table_uri(platform, name), version=version, storage_options=options)
    except TableNotFoundError:
        return None
    except OSError as error:
        raise StoreUnavailableError(f"the object store at {platform.s3_endpoint or 'AWS'} does not answer") from error
