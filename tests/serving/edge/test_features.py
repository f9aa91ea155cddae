"""The features inside the exported graph are those that the models learned from."""

from datetime import datetime, timedelta

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from components import contract
from components.features.online import ONLINE_FEATURES
from serving.edge import parity
from serving.edge.budget import one_thread
from serving.edge.features import STORED, microseconds, model_features
from serving.edge.nodes import Nodes
from serving.trips import EXAMPLE_TRIP, FIRST_YEAR, LAST_YEAR


@pytest.fixture(scope="module")
def features() -> onnxruntime.InferenceSession:
    """A graph that ends at the model's input."""
    nodes = Nodes()
    made = model_features(nodes)
    whole = (contract.PICKUP_TIME, contract.PICKUP_ZONE, contract.DROPOFF_ZONE)
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["n"]) for name in whole]
    floats = (contract.DISTANCE, contract.PASSENGERS)
    inputs += [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n"]) for name in floats]
    inputs += [helper.make_tensor_value_info(STORED, TensorProto.DOUBLE, ["n", len(ONLINE_FEATURES)])]
    outputs = [helper.make_tensor_value_info(made, TensorProto.DOUBLE, ["n", len(contract.MODEL_FEATURES)])]
    graph = helper.make_graph(nodes.nodes, "features", inputs, outputs, nodes.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return one_thread(model.SerializeToString())


def trips_at(times: list[datetime]) -> parity.Question:
    trips = [EXAMPLE_TRIP | {contract.PICKUP_TIME: time} for time in times]
    return parity.Question(trips, np.full((len(trips), len(ONLINE_FEATURES)), np.nan))


def assert_equal(features: onnxruntime.InferenceSession, question: parity.Question) -> None:
    (found,) = features.run(None, question.inputs())
    np.testing.assert_array_equal(found, question.model_input())


def test_trips_drawn_from_everywhere_have_the_features_of_training(features: onnxruntime.InferenceSession) -> None:
    assert_equal(features, parity.draw(10_000, 11))


def test_every_day_begins_and_ends_with_the_features_of_training(features: onnxruntime.InferenceSession) -> None:
    days = (datetime(LAST_YEAR + 1, 1, 1) - datetime(FIRST_YEAR, 1, 1)).days
    begins = [datetime(FIRST_YEAR, 1, 1) + timedelta(day) for day in range(days)]
    assert_equal(features, trips_at([*begins, *(begin + timedelta(days=1, microseconds=-1) for begin in begins)]))


def test_every_hour_begins_and_ends_with_the_features_of_training(features: onnxruntime.InferenceSession) -> None:
    begins = [datetime(2026, 3, 7) + timedelta(hours=hour) for hour in range(24 * 14)]
    assert_equal(features, trips_at([*begins, *(begin + timedelta(hours=1, microseconds=-1) for begin in begins)]))


def test_every_zone_is_an_airport_where_it_is_one_in_training(features: onnxruntime.InferenceSession) -> None:
    zones = range(contract.FIRST_ZONE, contract.LAST_ZONE + 1)
    ends = [(zone, 7) for zone in zones] + [(7, zone) for zone in zones] + [(1, 132)]
    time = datetime(2026, 1, 15, 8)
    trips = [
        EXAMPLE_TRIP | {contract.PICKUP_TIME: time, contract.PICKUP_ZONE: first, contract.DROPOFF_ZONE: last}
        for first, last in ends
    ]
    assert_equal(features, parity.Question(trips, np.ones((len(trips), len(ONLINE_FEATURES)))))


@pytest.mark.parametrize("year", [FIRST_YEAR - 1, LAST_YEAR + 1])
def test_no_day_outside_the_years_of_a_request_is_a_holiday(features: onnxruntime.InferenceSession, year: int) -> None:
    (found,) = features.run(None, trips_at([datetime(year, 1, 1, 12), datetime(year, 12, 25, 12)]).inputs())
    assert found[:, contract.MODEL_FEATURES.index("is_holiday")].tolist() == [0, 0]


def test_times_are_counted_to_the_microsecond() -> None:
    assert microseconds(datetime(2000, 1, 1, 0, 0, 0, 1)) == 946_684_800_000_001


def test_drawn_trips_hold_what_is_rare() -> None:
    column = dict(zip(contract.MODEL_FEATURES, parity.draw().model_input().T, strict=True))
    assert 0.15 < column["is_holiday"].mean() < 0.3
    assert 0.15 < column["is_airport"].mean() < 0.3
    assert (column[contract.DISTANCE] == 0).any()
    assert (column[contract.DISTANCE] == 200).any()
    assert all(0.1 < np.isnan(column[name]).mean() < 0.4 for name in (contract.PASSENGERS, *ONLINE_FEATURES))
