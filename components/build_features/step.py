"""Compute feature tables from trips, then join to each trip what was known when it began."""

import hashlib
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from components import contract, tables
from components.features import aggregates
from components.features.store import feature_store
from components.features.transform import request_features
from components.platform import Platform

_TRIP_COLUMNS = (
    contract.PICKUP_TIME,
    contract.DROPOFF_TIME,
    contract.PICKUP_ZONE,
    contract.DROPOFF_ZONE,
    contract.DISTANCE,
    contract.PASSENGERS,
)
_KEYS = (contract.PICKUP_TIME, contract.ZONE_KEY, contract.PAIR_KEY, contract.PICKUP_ZONE, contract.DROPOFF_ZONE)


@dataclass(frozen=True)
class BuildFeaturesResult:
    """What was built.

    Attributes:
        rows: Trips in the output.
        zone_features_version: Version of the table of zone features that was joined.
        pair_features_version: Version of the table of pair features that was joined.
        feature_end: Time of the newest zone features (UTC, see ``aggregates.event_time``); the time to materialise to.
    """

    rows: int
    zone_features_version: int
    pair_features_version: int
    feature_end: datetime


def build_features(platform: Platform, data_version: int, output: Path) -> BuildFeaturesResult:
    """Write the table to train on; equal trips give equal bytes.

    Args:
        data_version: Version of the trips.
        output: Parquet file to write: PICKUP_TIME, ZONE_KEY, PAIR_KEY, PICKUP_ZONE, DROPOFF_ZONE, MODEL_FEATURES
            (Float64, null where unknown) and TARGET (Float64, seconds), sorted.

    Raises:
        ValueError: The version has no trips.
        components.tables.TableError: There is no such version.
    """
    trips = tables.scan(platform, tables.TRIPS, data_version).select(_TRIP_COLUMNS)
    versions, feature_end = _feature_tables(platform, trips)
    if feature_end is None:
        raise ValueError(f"version {data_version} of the trips has no rows; look at the report of the ingest step")
    joined = _join(platform, versions, request_features(_entities(trips)))
    output.parent.mkdir(parents=True, exist_ok=True)
    joined.write_parquet(output)
    return BuildFeaturesResult(
        rows=len(joined),
        zone_features_version=versions[tables.ZONE_FEATURES_TABLE],
        pair_features_version=versions[tables.PAIR_FEATURES_TABLE],
        feature_end=feature_end,
    )


def _entities(trips: pl.LazyFrame) -> pl.DataFrame:
    """Trips with their keys, their time and their duration in seconds, sorted by everything that is in the output."""
    duration = pl.col(contract.DROPOFF_TIME) - pl.col(contract.PICKUP_TIME)
    return (
        trips.select(
            *_TRIP_COLUMNS,
            pl.col(contract.PICKUP_ZONE).cast(pl.Int64).alias(contract.ZONE_KEY),
            aggregates.pair_key(),
            aggregates.event_time(pl.col(contract.PICKUP_TIME)).alias(contract.EVENT_TIME),
            (duration.dt.total_microseconds() / 1_000_000).alias(contract.TARGET),
        )
        .sort(_TRIP_COLUMNS)
        .collect()
    )


def _join(platform: Platform, versions: dict[str, int], entities: pl.DataFrame) -> pl.DataFrame:
    """The output table: entity rows with the features that Feast's point-in-time join finds for them."""
    store = feature_store(platform, versions)
    service = store.get_feature_service(contract.FEATURE_SERVICE)
    keys = entities.select(contract.ZONE_KEY, contract.PAIR_KEY, contract.EVENT_TIME)
    # Feast passes a polars frame on as it is, which spares two conversions; its annotation only names pandas.
    found = pl.from_arrow(store.get_historical_features(keys, service).to_arrow())  # pyright: ignore[reportArgumentType]
    assert isinstance(found, pl.DataFrame)
    features = found.drop(keys.columns)
    return pl.concat([entities, features], how="horizontal").select(
        *_KEYS, pl.col(*contract.MODEL_FEATURES, contract.TARGET).cast(pl.Float64)
    )


def _feature_tables(platform: Platform, trips: pl.LazyFrame) -> tuple[dict[str, int], datetime | None]:
    """The versions of the feature tables that hold what follows from the trips, and the time of the newest features.

    A version's fingerprint is its content's, so that after a change of the contract or of the aggregates the rows of
    before are never taken for those of now.
    """
    makers = {
        tables.ZONE_FEATURES_TABLE: aggregates.zone_features,
        tables.PAIR_FEATURES_TABLE: aggregates.pair_features,
    }
    versions: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="build-features-") as folder:
        for name, make in makers.items():
            rows, file = make(trips).collect(), Path(folder) / f"{name}.parquet"
            rows.write_parquet(file)
            with file.open("rb") as content:
                fingerprint = hashlib.file_digest(content, "sha256").hexdigest()
            versions[name] = tables.write_version(platform, name, file, fingerprint)
    zones = tables.scan(platform, tables.ZONE_FEATURES_TABLE, versions[tables.ZONE_FEATURES_TABLE])
    return versions, zones.select(pl.col(contract.EVENT_TIME).max()).collect().item()
