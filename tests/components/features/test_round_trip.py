"""From trips to the online store and back: what serving reads is what training would have seen."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from components import contract, tables
from components.build_features import step
from components.build_features.step import build_features
from components.features import aggregates
from components.features.store import feature_store
from components.materialize.step import materialize
from components.platform import Platform

FEATURES = [*contract.ZONE_FEATURES, *contract.PAIR_FEATURES]
OUTPUT = [
    contract.PICKUP_TIME,
    contract.ZONE_KEY,
    contract.PAIR_KEY,
    contract.PICKUP_ZONE,
    contract.DROPOFF_ZONE,
    *contract.MODEL_FEATURES,
    contract.TARGET,
]
ZONES = range(1, 8)
WriteTrips = Callable[[Platform, pl.DataFrame], int]
MakeTrips = Callable[..., pl.DataFrame]


def entities(moment: datetime) -> pl.DataFrame:
    """Every pair of zones, one of them unknown, at one moment."""
    pairs = [(pickup, contract.pair_id(pickup, dropoff), moment) for pickup in ZONES for dropoff in ZONES]
    kinds = {contract.ZONE_KEY: pl.Int64, contract.PAIR_KEY: pl.Int64, contract.EVENT_TIME: pl.Datetime("us", "UTC")}
    return pl.DataFrame(pairs, schema=kinds, orient="row")


def offline(platform: Platform, versions: tuple[int, int], moment: datetime) -> dict[str, list[float | None]]:
    names = (tables.ZONE_FEATURES_TABLE, tables.PAIR_FEATURES_TABLE)
    store = feature_store(platform, dict(zip(names, versions, strict=True)))
    service = store.get_feature_service(contract.FEATURE_SERVICE)
    found = store.get_historical_features(entities(moment).to_pandas(), service).to_arrow()
    return {name: found[name].to_pylist() for name in FEATURES}


def online(platform: Platform) -> dict[str, list[float | None]]:
    store = feature_store(platform)
    asked = entities(datetime.now(UTC)).drop(contract.EVENT_TIME).to_dicts()
    found = store.get_online_features(store.get_feature_service(contract.FEATURE_SERVICE), asked).to_dict()
    asyncio.run(store.close())
    return {name: found[name] for name in FEATURES}


def test_serving_reads_what_training_would_have_seen(
    applied: Platform, make_trips: MakeTrips, write_trips: WriteTrips, tmp_path: Path
) -> None:
    built = build_features(applied, write_trips(applied, make_trips(800, days=60)), tmp_path / "features.parquet")
    versions = (built.zone_features_version, built.pair_features_version)
    # Forwards, again, and back to a time at which less was known.
    weeks_before = built.feature_end - timedelta(weeks=5, hours=5)
    for end in (weeks_before, built.feature_end, built.feature_end, weeks_before):
        keys = materialize(applied, *versions, end, move_back=True)
        expected = offline(applied, versions, end)
        assert online(applied) == expected
        assert keys["zone_features"] == 6
        assert keys["pair_features"] == sum(value is not None for value in expected["pair_trips_4w"])


def test_a_pair_without_a_trip_for_four_weeks_is_forgotten_online_too(
    applied: Platform, make_trips: MakeTrips, write_trips: WriteTrips, tmp_path: Path
) -> None:
    early, late = make_trips(50, days=1), make_trips(50, days=1, zones=2, seed=1)
    later = late.with_columns(pl.col(contract.PICKUP_TIME, contract.DROPOFF_TIME) + timedelta(days=40))
    first = build_features(applied, write_trips(applied, early), tmp_path / "first.parquet")
    materialize(applied, first.zone_features_version, first.pair_features_version, first.feature_end)
    assert online(applied)["pair_trips_4w"][-9] is not None
    trips = write_trips(applied, pl.concat([early, later]))
    second = build_features(applied, trips, tmp_path / "second.parquet")
    versions = (second.zone_features_version, second.pair_features_version)
    materialize(applied, *versions, second.feature_end)
    assert online(applied) == offline(applied, versions, second.feature_end)
    assert online(applied)["pair_trips_4w"][-9] is None


def test_the_table_to_train_on_has_the_contracts_columns_and_every_trip(
    applied: Platform, make_trips: MakeTrips, write_trips: WriteTrips, tmp_path: Path
) -> None:
    trips = make_trips(500)
    output = tmp_path / "deep" / "features.parquet"
    built = build_features(applied, write_trips(applied, pl.concat([trips, trips])), output)
    table = pl.read_parquet(output)
    assert (table.columns, len(table), built.rows) == (OUTPUT, 1000, 1000)
    assert {table.schema[name] for name in [*contract.MODEL_FEATURES, contract.TARGET]} == {pl.Float64}
    assert table[contract.PICKUP_TIME].is_sorted()
    last = pl.col(contract.DROPOFF_TIME).max()
    assert built.feature_end >= trips.select(aggregates.event_time(last)).item()
    seconds = (trips[contract.DROPOFF_TIME] - trips[contract.PICKUP_TIME]).dt.total_seconds()
    assert table[contract.TARGET].sum() == 2 * seconds.sum()


def test_equal_trips_in_any_order_give_equal_bytes_and_no_new_version(
    applied: Platform, make_trips: MakeTrips, write_trips: WriteTrips, tmp_path: Path
) -> None:
    trips, files = make_trips(2000), [tmp_path / f"{n}.parquet" for n in range(3)]
    version = write_trips(applied, trips)
    first, again = (build_features(applied, version, file) for file in files[:2])
    shuffled = tables.write_version(applied, tables.TRIPS, trips.sample(fraction=1.0, shuffle=True).to_arrow(), "other")
    from_shuffled = build_features(applied, shuffled, files[2])
    assert len({file.read_bytes() for file in files}) == 1
    assert first == again == from_shuffled


def test_of_two_builds_at_once_one_is_the_newer_in_both_tables(
    applied: Platform, make_trips: MakeTrips, write_trips: WriteTrips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips = [write_trips(applied, make_trips(500, seed=seed)) for seed in (1, 2)]
    write = tables.write_version

    def write_and_dawdle(platform: Platform, name: str, data: Path, fingerprint: str) -> int:
        version = write(platform, name, data, fingerprint)
        # The first dawdles between its two tables, so that the second could go past.
        time.sleep(2.0 if version == 0 else 0.0)
        return version

    monkeypatch.setattr(tables, "write_version", write_and_dawdle)
    with ThreadPoolExecutor(2) as pool:
        built = pool.map(lambda one: build_features(applied, one, tmp_path / f"{one}.parquet"), trips)
    found = sorted((one.zone_features_version, one.pair_features_version) for one in built)
    assert found == [(0, 0), (1, 1)]


def test_slices_give_the_rows_of_one_join_in_the_same_order(
    applied: Platform, make_trips: MakeTrips, write_trips: WriteTrips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version, files = write_trips(applied, make_trips(3000)), [tmp_path / f"{n}.parquet" for n in range(2)]
    whole = build_features(applied, version, files[0])
    monkeypatch.setattr(step, "SLICE_ROWS", 100)
    sliced = build_features(applied, version, files[1])
    assert whole == sliced
    assert pq.ParquetFile(files[1]).num_row_groups > 20
    assert_frame_equal(*(pl.read_parquet(file) for file in files), check_exact=True)


def test_a_changed_contract_never_finds_the_features_of_the_old_one(
    applied: Platform, make_trips: MakeTrips, write_trips: WriteTrips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version, files = write_trips(applied, make_trips(500)), [tmp_path / f"{n}.parquet" for n in range(2)]
    before = build_features(applied, version, files[0])
    monkeypatch.setattr(contract, "PAIR_FACTOR", 2 * contract.PAIR_FACTOR)
    after = build_features(applied, version, files[1])
    assert after.zone_features_version == before.zone_features_version
    assert after.pair_features_version == before.pair_features_version + 1
    old, new = (pl.read_parquet(file).drop(contract.PAIR_KEY) for file in files)
    assert_frame_equal(old, new)


def test_trips_without_a_row_stop_the_step(
    applied: Platform, make_trips: MakeTrips, write_trips: WriteTrips, tmp_path: Path
) -> None:
    version = write_trips(applied, make_trips(5).clear())
    with pytest.raises(ValueError, match="has no rows; look at the report of the ingest step"):
        build_features(applied, version, tmp_path / "features.parquet")


def test_an_end_without_time_zone_is_refused(applied: Platform) -> None:
    with pytest.raises(ValueError, match="must have a time zone"):
        materialize(applied, 0, 0, datetime(2026, 1, 1))
