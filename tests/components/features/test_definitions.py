"""What Feast's registry says of the features, and that it holds no code."""

from datetime import UTC, datetime

import polars as pl
import psycopg
import pytest

from components import contract
from components.features import catalogue
from components.features.apply import apply
from components.features.definitions import REQUEST_VIEW
from components.features.store import feature_store
from components.platform import Platform

TRIP = {
    contract.PICKUP_TIME: [datetime(2026, 7, 3, 17, 59)],
    contract.PICKUP_ZONE: [132],
    contract.DROPOFF_ZONE: [7],
    contract.DISTANCE: [1.5],
    contract.PASSENGERS: [2],
    contract.EVENT_TIME: [datetime(2026, 7, 3, tzinfo=UTC)],
}


def test_no_entry_of_the_registry_holds_code(applied: Platform) -> None:
    url = applied.feast_registry.get_secret_value().replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM on_demand_feature_views").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM stream_feature_views").fetchone() == (0,)
        views = connection.execute("SELECT feature_view_proto FROM feature_views").fetchall()
    assert len(views) == 3
    # What a pickle of any protocol from 2 on begins with.
    assert not any(
        b"\x80" + bytes([protocol]) + b"\x95" in bytes(view) for (view,) in views for protocol in range(2, 6)
    )


def test_features_of_the_request_come_through_feast_as_training_and_serving_compute_them(applied: Platform) -> None:
    names = [feature.name for feature in catalogue.of(catalogue.Source.REQUEST)]
    entities = pl.DataFrame(TRIP)
    found = feature_store(applied).get_historical_features(entities, [f"{REQUEST_VIEW}:{name}" for name in names])  # pyright: ignore[reportArgumentType]
    row = found.to_arrow().to_pylist()[0]
    assert [row[name] for name in names] == [17, 4, 1, 1, 1.5, 2]


def test_a_column_that_the_request_lacks_is_named(applied: Platform) -> None:
    entities = pl.DataFrame(TRIP).drop(contract.DROPOFF_ZONE)
    with pytest.raises(ValueError, match=f"lack {contract.DROPOFF_ZONE}: add"):
        feature_store(applied).get_historical_features(entities, [f"{REQUEST_VIEW}:hour"])  # pyright: ignore[reportArgumentType]


def test_applying_twice_changes_nothing(applied: Platform) -> None:
    assert apply(applied) == []
