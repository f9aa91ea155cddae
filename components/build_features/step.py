"""Compute feature tables from trips, then join to each trip what was known when it began.

Trips are handled in slices of time, so memory follows the feature tables and one slice, not the number of trips.
"""

import components.features.unchecked  # noqa: F401

# isort: split
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
from feast import FeatureStore

from components import contract, tables
from components.artifacts import digest
from components.database import alone, open_engine
from components.features import aggregates, builds
from components.features.store import opened
from components.features.transform import request_features
from components.platform import Platform

# A slice has whole hours and at least so many trips, but for the last one.
SLICE_ROWS = 500_000

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
        feature_end: When the last trip ended (UTC, see ``aggregates.event_time``); the time to materialise to. The
            snapshots of the hour and of the day that it is in are of later times, and not known then.
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
            (Float64, null where missing) and TARGET (Float64, seconds), sorted.

    Raises:
        ValueError: The version has no trips.
        components.tables.TableError: There is no such version.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="build-features-") as name:
        folder = Path(name)
        # Read from object storage once; what follows reads the copy several times.
        tables.scan(platform, tables.TRIPS, data_version).select(_TRIP_COLUMNS).sink_parquet(folder / "trips.parquet")
        trips = pl.scan_parquet(folder / "trips.parquet")
        last_ended = trips.select(aggregates.event_time(pl.col(contract.DROPOFF_TIME)).max()).collect().item()
        if last_ended is None:
            raise ValueError(f"version {data_version} of the trips has no rows; look at the report of the ingest step")
        versions = _feature_tables(platform, trips, folder)
        with opened(platform, versions) as store:
            rows = _write(output, (_joined(store, entities) for entities in _slices(trips, folder / "slices")))
    found = BuildFeaturesResult(
        rows=rows,
        zone_features_version=versions[tables.ZONE_FEATURES_TABLE],
        pair_features_version=versions[tables.PAIR_FEATURES_TABLE],
        feature_end=last_ended,
    )
    builds.record(
        platform,
        builds.Build(
            zone_features_version=found.zone_features_version,
            pair_features_version=found.pair_features_version,
            data_version=data_version,
            last_ended=last_ended,
        ),
    )
    return found


def _slices(trips: pl.LazyFrame, folder: Path) -> Iterator[pl.DataFrame]:
    """The trips as ``_entities``, slice by slice in the order of their start."""
    hour = pl.col(contract.PICKUP_TIME).dt.truncate("1h").alias("hour")
    counts = trips.group_by(hour).agg(pl.len().alias("rows")).collect(engine="streaming").sort("hour")
    before = pl.col("rows").cum_sum() - pl.col("rows")
    numbered = counts.select("hour", (before // SLICE_ROWS).alias("slice"))
    marked = trips.with_columns(hour).join(numbered.lazy(), on="hour").drop("hour")
    marked.sink_parquet(pl.PartitionBy(folder, key="slice", include_key=False), mkdir=True)
    for number in numbered["slice"].unique().sort():
        yield _entities(pl.scan_parquet(folder / f"slice={number}" / "*.parquet"))


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


def _joined(store: FeatureStore, entities: pl.DataFrame) -> pl.DataFrame:
    """The output table: entity rows with the features that Feast's point-in-time join finds for them."""
    keys = entities.select(contract.ZONE_KEY, contract.PAIR_KEY, contract.EVENT_TIME)
    service = store.get_feature_service(contract.FEATURE_SERVICE)
    # Feast passes a polars frame on as it is, which spares two conversions; its annotation only names pandas.
    found = pl.from_arrow(store.get_historical_features(keys, service).to_arrow())  # pyright: ignore[reportArgumentType]
    assert isinstance(found, pl.DataFrame)
    features = found.drop(keys.columns)
    return pl.concat([request_features(entities), features], how="horizontal").select(
        *_KEYS, pl.col(*contract.MODEL_FEATURES, contract.TARGET).cast(pl.Float64)
    )


def _write(output: Path, parts: Iterator[pl.DataFrame]) -> int:
    """Write parts as one Parquet file; returns its rows."""
    first = next(parts).to_arrow()
    rows = len(first)
    with pq.ParquetWriter(output, first.schema, compression="zstd") as writer:
        writer.write_table(first)
        for part in parts:
            writer.write_table(part.to_arrow())
            rows += len(part)
    return rows


def _feature_tables(platform: Platform, trips: pl.LazyFrame, folder: Path) -> dict[str, int]:
    """The versions of the feature tables that hold what follows from the trips.

    A version's fingerprint is its content's, so that after a change of the contract or of the aggregates the rows of
    before are never taken for those of now.
    """
    makers = {
        tables.ZONE_FEATURES_TABLE: aggregates.zone_features,
        tables.PAIR_FEATURES_TABLE: aggregates.pair_features,
    }
    files: dict[str, Path] = {}
    for name, make in makers.items():
        files[name] = folder / f"{name}.parquet"
        make(trips).collect().write_parquet(files[name])
    # Of two builds at once one is the newer in both tables: what is online is the newer by the numbers of both.
    with alone(open_engine(platform), "feature tables"):
        return {name: tables.write_version(platform, name, file, digest(file)) for name, file in files.items()}
