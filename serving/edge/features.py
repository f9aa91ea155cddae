"""What a trip says, as the model's input: the features of ``components.features.transform`` in an ONNX graph."""

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
from onnx import TensorProto

from components import contract
from components.features.online import ONLINE_FEATURES
from components.features.transform import request_features
from serving.edge.nodes import Nodes
from serving.trips import FIRST_YEAR, LAST_YEAR

# The graph's input of stored features, in the order of ONLINE_FEATURES. Its other inputs have the contract's names.
STORED = "stored_features"

_HOUR = 3_600_000_000
_DAY = 24 * _HOUR
_FIRST_DAY, _LAST_DAY = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# 1970-01-01 was a Thursday, which is number 3.
_EPOCH_WEEKDAY = 3


def microseconds(wall_clock: datetime) -> int:
    """Microseconds from 1970-01-01T00:00:00 to a wall-clock time, as if there were no time zones."""
    since = wall_clock.replace(tzinfo=UTC) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def holidays() -> np.ndarray:
    """Whether each day of the years that a request may name is a holiday, bool [days]; the first is FIRST_YEAR's."""
    days = pl.datetime_range(_FIRST_DAY, _LAST_DAY, "1d", time_unit="us", eager=True)
    zone = pl.Series([contract.FIRST_ZONE], dtype=pl.Int64).new_from_index(0, len(days))
    asked = pl.DataFrame({contract.PICKUP_TIME: days, contract.PICKUP_ZONE: zone, contract.DROPOFF_ZONE: zone})
    return request_features(asked).get_column("is_holiday").cast(pl.Boolean).to_numpy()


def model_features(nodes: Nodes) -> str:
    """Add the nodes from the graph's inputs to the model's.

    The inputs are vectors [n] with the contract's names (zones and pick-up time int64, the time as ``microseconds``;
    distance and passengers float64) and ``STORED``, float64 [n, len(ONLINE_FEATURES)].

    Returns:
        Name of a value float64 [n, len(MODEL_FEATURES)] in that order; NaN means missing.
    """
    time = contract.PICKUP_TIME
    # Whole numbers are divided towards zero, which is down for the years that a request may name.
    day = nodes.add("Div", time, _DAY)
    columns = {
        "hour": nodes.add("Div", nodes.add("Mod", time, _DAY), _HOUR),
        "weekday": nodes.add("Mod", nodes.add("Add", day, _EPOCH_WEEKDAY), 7),
        "is_holiday": _is_holiday(nodes, day),
        "is_airport": _is_airport(nodes),
        contract.DISTANCE: contract.DISTANCE,
        contract.PASSENGERS: contract.PASSENGERS,
    }
    floats = [nodes.add("Cast", columns[name], to=TensorProto.DOUBLE) for name in contract.REQUEST_FEATURES]
    request = [nodes.add("Unsqueeze", column, np.array([1])) for column in floats]
    joined = nodes.add("Concat", *request, STORED, axis=1)
    names = contract.REQUEST_FEATURES + ONLINE_FEATURES
    return nodes.add("Gather", joined, np.array([names.index(name) for name in contract.MODEL_FEATURES]), axis=1)


def _is_holiday(nodes: Nodes, day: str) -> str:
    """Looked up by day; no day outside the years of the table is a holiday."""
    table = np.concatenate([[False], holidays(), [False]])
    before = (_FIRST_DAY - _EPOCH.date()).days - 1
    place = nodes.add("Clip", nodes.add("Sub", day, before), 0, len(table) - 1)
    return nodes.add("Gather", table, place)


def _is_airport(nodes: Nodes) -> str:
    airports = np.array([list(contract.AIRPORT_ZONES)])
    ends = [
        nodes.add("Equal", nodes.add("Unsqueeze", zone, np.array([1])), airports)
        for zone in (contract.PICKUP_ZONE, contract.DROPOFF_ZONE)
    ]
    either = nodes.add("Cast", nodes.add("Or", *ends), to=TensorProto.INT64)
    return nodes.add("ReduceMax", either, np.array([1]), keepdims=0)
