"""Bulk writes leave the same tables as Feast's own writes, and reads survive the database."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import polars as pl
import psycopg
import pytest
from feast import FeatureStore
from feast.infra.online_stores.postgres_online_store import postgres as stock
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import RepoConfig
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components import contract, tables
from components.features import online_rows
from components.features.apply import apply
from components.features.store import feature_store
from components.platform import Platform

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
type_of_row = tuple[EntityKey, dict[str, Value], datetime, datetime | None]


def row(pair: int, value: float | None, when: datetime) -> type_of_row:
    key = EntityKey(join_keys=[contract.PAIR_KEY], entity_values=[Value(int64_val=pair)])
    features = {name: Value() if value is None else Value(double_val=value) for name in contract.PAIR_FEATURES}
    return key, features, when, None


ROWS = [row(1001, 0.1, NOON), row(1002, None, NOON), row(1001, 1e300, NOON), row(1003, -0.0, NOON.replace(tzinfo=None))]


@pytest.fixture
def store(applied: Platform) -> Iterator[FeatureStore]:
    opened = feature_store(applied)
    yield opened
    asyncio.run(opened.close())


@pytest.fixture
def connect(applied: Platform) -> Callable[[], psycopg.Connection]:
    url = applied.feast_registry.get_secret_value().replace("+psycopg", "")
    return lambda: psycopg.connect(url, autocommit=True)


def write(store: FeatureStore, rows: list[type_of_row]) -> None:
    view = store.get_feature_view(tables.PAIR_FEATURES_TABLE)
    store.provider.online_store.online_write_batch(store.config, view, rows, None)


def online(store: FeatureStore, pairs: list[int]) -> list[float | None]:
    features = [f"{tables.PAIR_FEATURES_TABLE}:pair_trips_4w"]
    return store.get_online_features(features, [{contract.PAIR_KEY: pair} for pair in pairs]).to_dict()["pair_trips_4w"]


def test_the_tables_are_those_that_feast_writes(store: FeatureStore, connect: Callable[[], psycopg.Connection]) -> None:
    view = store.get_feature_view(tables.PAIR_FEATURES_TABLE)
    settings = store.config.online_store
    assert isinstance(settings, stock.PostgreSQLOnlineStoreConfig)
    kept = settings.model_dump(exclude={"type"})
    theirs = RepoConfig(
        project="theirs", provider="local", registry="unused.db", online_store={"type": "postgres", **kept},
        entity_key_serialization_version=3,
    )  # fmt: skip
    original = stock.PostgreSQLOnlineStore()
    original.update(theirs, [], [view], [], [], partial=False)
    for rows in (ROWS, [row(1002, 7.0, NOON + timedelta(hours=1)), row(1004, 4.0, NOON)]):
        original.online_write_batch(theirs, view, rows, None)
        write(store, rows)
        with connect() as connection:
            ours, others = (
                connection.execute(
                    f"SELECT * FROM {project}_pair_features ORDER BY entity_key, feature_name"
                ).fetchall()
                for project in (contract.FEAST_PROJECT, "theirs")
            )
        assert ours == others
    assert len(ours) == 4 * len(contract.PAIR_FEATURES)


def test_rows_that_are_there_already_are_not_written_again(
    store: FeatureStore, connect: Callable[[], psycopg.Connection]
) -> None:
    places = []
    for rows in (ROWS, ROWS, [row(1002, 5.0, NOON)]):
        write(store, rows)
        with connect() as connection:
            places.append(
                dict(connection.execute("SELECT entity_key, min(ctid::text) FROM keelson_pair_features GROUP BY 1"))
            )
    assert places[0] == places[1]
    assert sum(places[1][key] != places[2][key] for key in places[2]) == 1


def test_a_cut_connection_is_replaced_before_anyone_notices(
    store: FeatureStore, connect: Callable[[], psycopg.Connection]
) -> None:
    write(store, ROWS)
    assert online(store, [1001, 9009]) == [1e300, None]
    with connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert online(store, [1001]) == [1e300]
    write(store, [row(1001, 2.0, NOON)])
    assert online(store, [1001]) == [2.0]


def test_applying_twice_changes_nothing_and_a_lost_view_comes_back(platform: Platform) -> None:
    assert "create feature view zone_features" in apply(platform)
    assert apply(platform) == []
    store = feature_store(platform)
    store.delete_feature_view(tables.ZONE_FEATURES_TABLE)
    asyncio.run(store.close())
    assert apply(platform) == ["create feature view zone_features"]
    assert apply(platform) == []


def frame(rows: list[tuple[int, float | None]], when: datetime) -> pl.DataFrame:
    """Features of pairs as ``online_rows.write`` takes them."""
    keys, values = [pair for pair, _ in rows], [value for _, value in rows]
    columns = {contract.PAIR_KEY: keys, **dict.fromkeys(contract.PAIR_FEATURES, values)}
    kinds = {contract.PAIR_KEY: pl.Int64, **dict.fromkeys(contract.PAIR_FEATURES, pl.Float64)}
    return pl.DataFrame(columns, schema=kinds).with_columns(pl.lit(when).alias(contract.EVENT_TIME))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.integers(-(2**63), 2**63 - 1), st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=1
    ),
    st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)),
)
def test_whole_columns_become_the_rows_that_feast_makes_one_by_one(
    store: FeatureStore,
    connect: Callable[[], psycopg.Connection],
    values: dict[int, float | None],
    when: datetime,
) -> None:
    query = f"SELECT * FROM keelson_{tables.PAIR_FEATURES_TABLE} ORDER BY entity_key, feature_name"
    moment = when.replace(tzinfo=UTC)
    found = []
    with connect() as connection, connection.cursor() as cursor:
        for by_feast in (True, False):
            cursor.execute(f"TRUNCATE keelson_{tables.PAIR_FEATURES_TABLE}")
            if by_feast:
                write(store, [row(pair, value, moment) for pair, value in values.items()])
            else:
                written = frame(list(values.items()), moment)
                with connection.transaction():
                    online_rows.write(cursor, tables.PAIR_FEATURES_TABLE, contract.PAIR_KEY, written)
            found.append(cursor.execute(query).fetchall())
    assert found[0] == found[1]
