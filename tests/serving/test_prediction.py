"""The model's input is built in the contract's order, by the transform that training uses."""

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from components import contract
from components.features.transform import request_features
from components.model import Model, load_model
from serving.manifest import Manifest, Variant
from serving.online_features import ONLINE_FEATURES, OnlineFeatures
from serving.prediction import Predictor, model_input
from serving.traffic import TrafficFile
from serving.trips import EXAMPLE_TRIP, parse_trips

MANIFEST = Manifest(
    tag="trip_duration:test",
    commit="unknown",
    variants=(Variant(model_version="1", run_id="r", data_version="0", model_sha256="m"),),
    lock_hash="l",
    packages={},
    files={},
)


def predictor(model: Model, online: OnlineFeatures) -> Predictor:
    return Predictor(MANIFEST, {"1": model}, online, traffic=TrafficFile(MANIFEST, None))


def trips(**changes: Any) -> list[dict[str, Any]]:
    return parse_trips(json.dumps({**EXAMPLE_TRIP, **changes}).encode())


def column(name: str, given: list[dict[str, Any]], online: np.ndarray | None = None) -> np.ndarray:
    stored = np.full((len(given), len(ONLINE_FEATURES)), np.nan) if online is None else online
    return model_input(given, stored)[:, contract.MODEL_FEATURES.index(name)]


def test_every_feature_stands_in_the_place_that_the_contract_gives_it() -> None:
    online = np.arange(float(len(ONLINE_FEATURES)))[np.newaxis]
    for index, name in enumerate(ONLINE_FEATURES):
        assert column(name, trips(), online) == [float(index)]
    assert column(contract.DISTANCE, trips(trip_distance=3.5)) == [3.5]
    assert column("hour", trips(tpep_pickup_datetime="2026-01-15T08:59:59")) == [8.0]
    assert column("is_airport", trips(PULocationID=132, DOLocationID=1)) == [1.0]
    assert column("is_airport", trips(PULocationID=100, DOLocationID=101)) == [0.0]
    assert column("is_holiday", trips(tpep_pickup_datetime="2026-12-25T12:00:00")) == [1.0]
    assert column("is_holiday", trips(tpep_pickup_datetime="2026-12-29T12:00:00")) == [0.0]


def test_a_missing_passenger_count_is_nan() -> None:
    assert np.isnan(column(contract.PASSENGERS, trips(passenger_count=None)))


def test_serving_and_training_compute_the_same_request_features() -> None:
    many = [trips(tpep_pickup_datetime=f"2026-0{month}-04T{2 * month:02}:30:00")[0] for month in range(1, 10)]
    frame = pl.DataFrame(many, schema_overrides={contract.PICKUP_TIME: pl.Datetime("us")})
    trained = request_features(frame).select(pl.col(contract.REQUEST_FEATURES).cast(pl.Float64)).to_numpy()
    for index, name in enumerate(contract.REQUEST_FEATURES):
        assert (column(name, many) == trained[:, index]).all()


def test_the_model_sees_request_and_online_features(model_folder: Path, feature_server: Any) -> None:
    model = load_model(model_folder)

    async def ask(given: list[dict[str, Any]]) -> list[float]:
        async with OnlineFeatures(feature_server.url) as online:
            answer = await predictor(model, online).predict(given, request_id="r", key="k")
            return answer.seconds

    short, long, far = asyncio.run(ask([*trips(trip_distance=1), *trips(trip_distance=18), *trips(PULocationID=1)]))
    assert short < long
    assert far < asyncio.run(ask(trips()))[0]
    assert [short, long] == asyncio.run(ask([*trips(trip_distance=1), *trips(trip_distance=18)]))


def test_a_predictor_warms_up_without_an_online_store(model_folder: Path) -> None:
    async def warm() -> None:
        async with OnlineFeatures("http://127.0.0.1:9") as online:
            predictor(load_model(model_folder), online).warm_up()

    asyncio.run(warm())


@pytest.mark.parametrize("moment", ["2000-01-01T00:00:00", "2100-12-31T23:59:59", "2026-03-08T02:30:00"])
def test_every_allowed_time_has_features(moment: str) -> None:
    assert np.isfinite(column("hour", trips(tpep_pickup_datetime=moment))).all()
    assert column("hour", trips(tpep_pickup_datetime=moment)) == [float(datetime.fromisoformat(moment).hour)]
