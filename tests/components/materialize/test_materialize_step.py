"""The online store moves forwards only, whole or not at all, and nothing is written twice."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import polars as pl
import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from components import contract, tables
from components.build_features.step import BuildFeaturesResult, build_features
from components.features.apply import apply
from components.materialize.step import materialize
from components.platform import Platform
from components.trips import synthetic

VIEWS = (tables.ZONE_FEATURES_TABLE, tables.PAIR_FEATURES_TABLE)
Rows = dict[tuple[str, bytes, str], tuple[object, ...]]


def some_trips(rows: int) -> pl.DataFrame:
    """Trips of one week without the absurd ones."""
    trips = pl.concat([pl.DataFrame(batch) for batch in synthetic.trips(2000, seed=1, weeks=1)])
    taken = pl.col(contract.DROPOFF_TIME) - pl.col(contract.PICKUP_TIME)
    return trips.filter(taken > timedelta(0), taken < timedelta(hours=4)).head(rows)


@pytest.fixture
def build(platform: Platform, tmp_path: Path) -> Callable[[pl.DataFrame], BuildFeaturesResult]:
    """Builds features of trips on a platform whose feature store is applied."""
    apply(platform)

    def built(trips: pl.DataFrame) -> BuildFeaturesResult:
        version = tables.write_version(platform, tables.TRIPS, trips.to_arrow(), str(trips.hash_rows().sum()))
        return build_features(platform, version, tmp_path / "features.parquet")

    return built


def bring(platform: Platform, built: BuildFeaturesResult, *, move_back: bool = False) -> dict[str, int]:
    versions = (built.zone_features_version, built.pair_features_version)
    return materialize(platform, *versions, built.feature_end, move_back=move_back)


def online(platform: Platform, *columns: str) -> Rows:
    """Columns of the online tables by view, key and feature."""
    query = sql.SQL(f"SELECT entity_key, feature_name, {', '.join(columns)} FROM {{}}")  # pyright: ignore[reportArgumentType]
    url = platform.feast_registry.get_secret_value().replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        return {
            (view, row[0], row[1]): row[2:]
            for view in VIEWS
            for row in connection.execute(query.format(sql.Identifier(f"keelson_{view}")))
        }


def test_a_second_call_writes_nothing(platform: Platform, build: Callable[[pl.DataFrame], BuildFeaturesResult]) -> None:
    built = build(some_trips(500))
    keys = bring(platform, built)
    first = online(platform, "xmin::text", "ctid::text")
    assert bring(platform, built) == keys
    assert online(platform, "xmin::text", "ctid::text") == first
    assert sum(keys.values()) == len({key[:2] for key in first})


def test_of_a_newer_version_only_what_differs_is_written(
    platform: Platform, build: Callable[[pl.DataFrame], BuildFeaturesResult]
) -> None:
    trips = some_trips(1000)
    bring(platform, build(trips))
    before = online(platform, "xmin::text", "value", "event_ts")
    # One more trip, which ended the day before: what still runs is not online.
    times = (contract.PICKUP_TIME, contract.DROPOFF_TIME)
    more = trips.tail(1).with_columns(pl.col(*times) - timedelta(days=1))
    bring(platform, build(pl.concat([trips, more])))
    after = online(platform, "xmin::text", "value", "event_ts")
    written = {key for key in after if before.get(key, ())[:1] != after[key][:1]}
    differing = {key for key in after if before.get(key, ())[1:] != after[key][1:]}
    assert written == differing
    assert 0 < len(written) <= len(contract.ZONE_FEATURES) + len(contract.PAIR_FEATURES)


def test_keys_that_a_newer_version_lacks_are_forgotten(
    platform: Platform, build: Callable[[pl.DataFrame], BuildFeaturesResult]
) -> None:
    trips = some_trips(500)
    bring(platform, build(trips))
    fewer = trips.gather_every(2)
    bring(platform, build(fewer))
    pairs = {key for view, key, _ in online(platform, "value") if view == tables.PAIR_FEATURES_TABLE}
    ended = pl.col(contract.DROPOFF_TIME)
    over = fewer.filter(ended <= ended.max().dt.truncate("1d"))
    assert len(pairs) == over.select(contract.PICKUP_ZONE, contract.DROPOFF_ZONE).n_unique()


def test_older_versions_and_older_ends_change_nothing_unless_that_is_asked_for(
    platform: Platform, build: Callable[[pl.DataFrame], BuildFeaturesResult], capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = build(some_trips(300)), build(some_trips(600))
    bring(platform, old)
    of_old = online(platform, "value", "event_ts")
    keys = bring(platform, new)
    newest = online(platform, "value", "event_ts")
    assert bring(platform, old) == keys
    versions = (new.zone_features_version, new.pair_features_version)
    assert materialize(platform, *versions, new.feature_end - timedelta(days=1)) == keys
    assert online(platform, "value", "event_ts") == newest
    assert capsys.readouterr().err.count("nothing written: versions (1, 1)") == 2
    bring(platform, old, move_back=True)
    assert online(platform, "value", "event_ts") == of_old


def test_whoever_is_later_the_newer_version_stays(
    platform: Platform, build: Callable[[pl.DataFrame], BuildFeaturesResult]
) -> None:
    builds = [build(some_trips(rows)) for rows in (200, 400, 600)]
    with ThreadPoolExecutor(len(builds)) as pool:
        list(pool.map(lambda built: bring(platform, built), builds))
    raced = online(platform, "value", "event_ts")
    bring(platform, builds[0], move_back=True)
    bring(platform, builds[2])
    assert online(platform, "value", "event_ts") == raced


@pytest.mark.parametrize("place", ["online_rows.retain_keys", "online_sums.replace", "online_state.save"])
def test_a_call_that_is_killed_changed_nothing_and_the_next_one_completes(
    platform: Platform, build: Callable[[pl.DataFrame], BuildFeaturesResult], place: str
) -> None:
    old, new = build(some_trips(300)), build(some_trips(600))
    bring(platform, old)
    before = online(platform, "value", "event_ts")
    module, name = place.split(".")
    code = (
        f"import os; from datetime import datetime; from components.features import {module}\n"
        "from components.materialize import step; from components.platform import Platform\n"
        f"{module}.{name} = lambda *_: os.kill(os.getpid(), 9)\n"
        f"step.materialize(Platform(), {new.zone_features_version}, {new.pair_features_version}, "
        f"datetime.fromisoformat('{new.feature_end.isoformat()}'))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=variables(platform), check=False, timeout=300)
    assert done.returncode == -9
    assert online(platform, "value", "event_ts") == before
    bring(platform, new)
    completed = online(platform, "value", "event_ts")
    bring(platform, old, move_back=True)
    bring(platform, new)
    assert online(platform, "value", "event_ts") == completed != before


def test_the_command_takes_the_newest_versions(
    platform: Platform, build: Callable[[pl.DataFrame], BuildFeaturesResult]
) -> None:
    command = [sys.executable, "-m", "components.materialize"]
    nothing = subprocess.run(command, env=variables(platform), capture_output=True, text=True, timeout=300, check=True)
    assert nothing.stdout == "no features have been built yet\n"
    built = build(some_trips(300))
    done = subprocess.run(command, env=variables(platform), capture_output=True, text=True, timeout=300, check=True)
    keys = bring(platform, built)
    assert done.stdout == "".join(f"{view}: {keys[view]} keys are online\n" for view in VIEWS)


def variables(platform: Platform) -> dict[str, str]:
    """The platform's settings as variables, for another process."""
    found = dict(os.environ)
    for name, field in Platform.model_fields.items():
        value = getattr(platform, name)
        if value is not None:
            plain = value.get_secret_value() if isinstance(value, SecretStr) else value
            found[str(field.validation_alias)] = str(plain)
    return found
