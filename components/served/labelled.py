"""Predictions of the service with what they came to: each joined to the newest outcome that was told for it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
import pyarrow as pa

from components import contract, tables
from components.platform import Platform
from components.served.tables import (
    AT,
    DAY,
    DEGRADED,
    INDEX,
    MODEL_VERSION,
    OFFSET,
    OUTCOME_LOG,
    OUTCOME_SCHEMA,
    PREDICTED,
    PREDICTION_LOG,
    PREDICTION_SCHEMA,
    REQUEST,
    ROLE,
    SEGMENT,
    TRIP,
    VARIANT,
)

LABEL, LABEL_AT = "label_seconds", "label_at"
# Columns of ``labelled``, in this order.
COLUMNS = (
    AT,
    REQUEST,
    INDEX,
    VARIANT,
    ROLE,
    MODEL_VERSION,
    DEGRADED,
    *TRIP,
    *contract.MODEL_FEATURES,
    PREDICTED,
    LABEL,
    LABEL_AT,
)

_PREDICTION = [REQUEST, INDEX, ROLE, MODEL_VERSION]
_TRIP_OF_REQUEST = [REQUEST, INDEX]
_NEWEST = [AT, SEGMENT, OFFSET]
# The clocks of those who predict and of those who take outcomes may differ; an outcome comes later than its prediction.
_CLOCKS_DIFFER = timedelta(days=1)


@dataclass(frozen=True)
class LogVersions:
    """Versions of the two tables; None for the newest."""

    predictions: int | None = None
    outcomes: int | None = None


def labelled(platform: Platform, since: datetime, until: datetime, versions: LogVersions | None = None) -> pl.DataFrame:
    """The predictions of a period, each once, with the newest outcome of its trip.

    A line that is in the log twice, or a request that was sent again under its id within the period, counts once: the
    newest of its predictions in a role by a model version. An outcome may have come at any time since; where the trip's
    was told more than once, the last that was told counts.

    Args:
        since: First moment, with a time zone.
        until: The moment after the last, likewise.
        versions: To read what the tables held then.

    Returns:
        One row a prediction, sorted by time, request and index, with ``COLUMNS``: AT (UTC), REQUEST, INDEX (place in
        the request), VARIANT, ROLE, MODEL_VERSION, DEGRADED, pick-up time (New York wall clock) and zones,
        MODEL_FEATURES in order (Float64, null is missing), PREDICTED (seconds, null where the model failed), LABEL
        (seconds, null while none has come) and LABEL_AT (UTC). No rows where nothing was collected yet.

    Raises:
        components.tables.TableError: There is no such version.
    """
    return scan_labelled(platform, since, until, versions).collect()


def scan_labelled(
    platform: Platform, since: datetime, until: datetime, versions: LogVersions | None = None
) -> pl.LazyFrame:
    """``labelled``, read lazily: for those who need few of its columns."""
    versions = versions or LogVersions()
    predictions = _scan(platform, PREDICTION_LOG, PREDICTION_SCHEMA, versions.predictions).filter(
        pl.col(DAY).is_between(since.date() - _CLOCKS_DIFFER, until.date() + _CLOCKS_DIFFER),
        pl.col(AT) >= since,
        pl.col(AT) < until,
    )
    outcomes = _scan(platform, OUTCOME_LOG, OUTCOME_SCHEMA, versions.outcomes).filter(
        pl.col(DAY) >= since.date() - 2 * _CLOCKS_DIFFER
    )
    return joined(predictions, outcomes)


def first_asked(platform: Platform, began: datetime, version: int | None = None) -> datetime | None:
    """When the service was first asked for a trip that began at some time or later.

    Args:
        platform: Whose log is meant.
        began: New York wall clock.
        version: Of the table of predictions; None for the newest.

    Returns:
        UTC; None where it never was.

    Raises:
        components.tables.TableError: There is no such version.
    """
    predictions = _scan(platform, PREDICTION_LOG, PREDICTION_SCHEMA, version)
    asked = predictions.filter(pl.col(contract.PICKUP_TIME) >= began)
    return asked.select(pl.col(AT).min()).collect(engine="streaming").item()


def joined(predictions: pl.LazyFrame, outcomes: pl.LazyFrame) -> pl.LazyFrame:
    """``labelled`` of rows as ``PREDICTION_SCHEMA`` and ``OUTCOME_SCHEMA`` have them."""
    told = _newest(outcomes, _TRIP_OF_REQUEST).select(
        *_TRIP_OF_REQUEST, pl.col(contract.TARGET).alias(LABEL), pl.col(AT).alias(LABEL_AT)
    )
    made = _newest(predictions, _PREDICTION)
    return (
        made.join(told, on=_TRIP_OF_REQUEST, how="left").sort(AT, REQUEST, INDEX, ROLE, MODEL_VERSION).select(COLUMNS)
    )


def _newest(rows: pl.LazyFrame, key: list[str]) -> pl.LazyFrame:
    return rows.sort(_NEWEST).unique(key, keep="last", maintain_order=True)


def _scan(platform: Platform, name: str, schema: pa.Schema, version: int | None) -> pl.LazyFrame:
    if version is None and tables.latest_version(platform, name) is None:
        found = pl.from_arrow(schema.empty_table())
        assert isinstance(found, pl.DataFrame)
        return found.lazy()
    return tables.scan(platform, name, version)
