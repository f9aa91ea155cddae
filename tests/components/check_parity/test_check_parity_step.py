"""What serving is told is what training saw; where it is not, the step says which value of whom."""

import json
import math
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
from feast import feature_server
from hypothesis import given
from hypothesis import strategies as st

from components import contract, tables, thresholds
from components.build_features.step import BuildFeaturesResult, build_features
from components.check_parity.step import ParityError, check_parity, same, sample
from components.features.apply import apply
from components.features.push import push
from components.features.store import feature_store
from components.materialize.step import materialize
from components.platform import Platform
from components.trips import synthetic

FEATURES = len(contract.ZONE_FEATURES) + len(contract.PAIR_FEATURES)


def some_trips(rows: int) -> pl.DataFrame:
    """Trips of one week without the absurd ones."""
    trips = pl.concat([pl.DataFrame(batch) for batch in synthetic.trips(3000, seed=2, weeks=1)])
    taken = pl.col(contract.DROPOFF_TIME) - pl.col(contract.PICKUP_TIME)
    return trips.filter(taken > timedelta(0), taken < timedelta(hours=4)).head(rows)


@pytest.fixture
def served(platform: Platform, answering: Callable[[Any], AbstractContextManager[str]]) -> Iterator[Platform]:
    """The platform with Feast's feature server on it."""
    apply(platform)
    with answering(feature_server.get_app(feature_store(platform), 30)) as address:
        yield platform.model_copy(update={"feast_server_url": address})


def built(platform: Platform, folder: Path, rows: int = 1000) -> BuildFeaturesResult:
    trips = some_trips(rows)
    version = tables.write_version(platform, tables.TRIPS, trips.to_arrow(), str(trips.hash_rows().sum()))
    return build_features(platform, version, folder / "features.parquet")


def bring(platform: Platform, features: BuildFeaturesResult) -> None:
    materialize(platform, features.zone_features_version, features.pair_features_version, features.feature_end)


def check(platform: Platform, features: BuildFeaturesResult, report: Path) -> int:
    versions = (features.zone_features_version, features.pair_features_version)
    return check_parity(platform, *versions, features.feature_end, report)


def change(platform: Platform, statement: str, *values: object) -> int:
    """Change the online store behind everyone's back; returns the rows that were changed."""
    url = platform.feast_registry.get_secret_value().replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        return connection.execute(statement, values).rowcount  # pyright: ignore[reportArgumentType]


def key_of(zone: int) -> bytes:
    """The end of the zone's key in the online tables."""
    return struct.pack("<q", zone)


def test_equal_stores_pass_and_the_report_says_what_was_compared(served: Platform, tmp_path: Path) -> None:
    features, report = built(served, tmp_path), tmp_path / "report.json"
    bring(served, features)
    compared = check(served, features, report)
    told = json.loads(report.read_text())
    assert told["compared"] == compared == told["entities"] * FEATURES
    assert (told["left_out"], told["differences"]) == (0, [])
    # A zone that no one knows, and pairs between known zones without a trip.
    assert told["unknown_entities"]["zone"] == 1
    assert told["unknown_entities"]["zone pair"] > 1


def test_a_value_that_was_changed_online_is_named_with_both_values(served: Platform, tmp_path: Path) -> None:
    features, report = built(served, tmp_path), tmp_path / "report.json"
    bring(served, features)
    zone = sample(served, {tables.ZONE_FEATURES_TABLE: 0, tables.PAIR_FEATURES_TABLE: 0})[0][0]
    wrong = b"\x29" + struct.pack("<d", 4711.0)
    statement = (
        "UPDATE keelson_zone_features SET value = %s WHERE feature_name = 'zone_trips_4w' "
        "AND substr(entity_key, length(entity_key) - 7) = %s"
    )
    assert change(served, statement, wrong, key_of(zone)) == 1
    with pytest.raises(ParityError, match=rf"zone_trips_4w of zone {zone}: offline \d+\.0, online 4711\.0"):
        check(served, features, report)
    assert not report.exists()


def test_a_value_that_is_missing_online_is_a_difference(served: Platform, tmp_path: Path) -> None:
    features = built(served, tmp_path)
    bring(served, features)
    assert change(served, "DELETE FROM keelson_pair_features WHERE feature_name = 'pair_trips_4w'") > 0
    with pytest.raises(ParityError, match=r"pair_trips_4w of pair \d+ to \d+: offline \d+\.0, online None"):
        check(served, features, tmp_path / "report.json")


def test_a_value_that_is_online_for_an_unknown_entity_is_a_difference(served: Platform, tmp_path: Path) -> None:
    features = built(served, tmp_path)
    bring(served, features)
    statement = (
        "INSERT INTO keelson_zone_features (entity_key, feature_name, value, event_ts) "
        "SELECT substr(entity_key, 1, length(entity_key) - 8) || %s, feature_name, value, event_ts "
        "FROM keelson_zone_features WHERE feature_name = 'zone_trips_4w' LIMIT 1"
    )
    assert change(served, statement, key_of(0)) == 1
    with pytest.raises(ParityError, match=r"zone_trips_4w of zone 0: offline None, online \d+"):
        check(served, features, tmp_path / "report.json")


def test_versions_that_are_not_online_fail_the_step(served: Platform, tmp_path: Path) -> None:
    old = built(served, tmp_path, 500)
    with pytest.raises(ParityError, match="nothing is: run the materialize step"):
        check(served, old, tmp_path / "report.json")
    bring(served, old)
    new = built(served, tmp_path)
    with pytest.raises(ParityError, match=r"versions \(1, 1\) at .* are not online, but \(0, 0\)"):
        check(served, new, tmp_path / "report.json")


def test_a_run_that_was_overtaken_by_a_newer_one_has_nothing_to_compare(served: Platform, tmp_path: Path) -> None:
    old, new = built(served, tmp_path, 500), built(served, tmp_path)
    bring(served, new)
    assert check(served, old, tmp_path / "report.json") == 0
    assert json.loads((tmp_path / "report.json").read_text())["online"]["zone_features_version"] == 1


def test_what_was_pushed_since_is_left_out_and_counted(served: Platform, tmp_path: Path) -> None:
    features, report = built(served, tmp_path, 999), tmp_path / "report.json"
    bring(served, features)
    assert push(served, some_trips(1000).tail(1)).counted == 1
    compared = check(served, features, report)
    left_out = json.loads(report.read_text())["left_out"]
    assert left_out > 0
    assert compared + left_out == json.loads(report.read_text())["entities"] * FEATURES


def test_a_feature_server_that_does_not_answer_is_named(platform: Platform, tmp_path: Path) -> None:
    apply(platform)
    features = built(platform, tmp_path)
    bring(platform, features)
    with pytest.raises(ParityError, match=r"the feature server at .* gave no features"):
        check(platform, features, tmp_path / "report.json")


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=1e-6, max_value=1e12), st.floats(0, 3))
def test_values_are_the_same_within_the_tolerance(value: float, part: float) -> None:
    other = value * (1 + part * thresholds.PARITY_TOLERANCE)
    if not math.isclose(part, 1, rel_tol=1e-3):
        assert same(value, other) == (part < 1)


def test_missing_is_the_same_as_missing_alone() -> None:
    assert same(math.nan, math.nan)
    assert not same(math.nan, 0.0)
    assert not same(0.0, math.nan)
