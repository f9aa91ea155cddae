"""From checked trips to seconds: the features a request carries, the online ones, the model."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from components import contract
from components.features.transform import request_features
from components.model import Model
from serving import metrics
from serving.manifest import Manifest
from serving.online_features import ONLINE_FEATURES, OnlineFeatures
from serving.trips import EXAMPLE_TRIP, REQUEST_COLUMNS, parse_trips

_KINDS: dict[contract.Kind, Any] = {
    contract.Kind.INTEGER: pl.Int64,
    contract.Kind.FLOAT: pl.Float64,
    contract.Kind.TEXT: pl.String,
    contract.Kind.TIMESTAMP: pl.Datetime("us"),
}
_TYPES = {column.name: _KINDS[column.kind] for column in contract.COLUMNS if column.name in REQUEST_COLUMNS}


def zone_pairs(trips: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """``(pickup zone, drop-off zone)`` of each trip."""
    return [(trip[contract.PICKUP_ZONE], trip[contract.DROPOFF_ZONE]) for trip in trips]


def model_input(trips: Sequence[Mapping[str, Any]], online: np.ndarray) -> np.ndarray:
    """The model's input.

    Args:
        trips: As ``serving.trips.parse_trips`` returns them.
        online: float64 [len(trips), len(ONLINE_FEATURES)].

    Returns:
        float64 [len(trips), len(MODEL_FEATURES)] in the order of ``MODEL_FEATURES``; NaN is missing.
    """
    # Column by column: Polars' query engine costs a millisecond that one row does not repay.
    asked = pl.DataFrame([pl.Series(name, [trip[name] for trip in trips], dtype=_TYPES[name]) for name in _TYPES])
    features = request_features(asked)
    columns = {name: features.get_column(name).cast(pl.Float64).to_numpy() for name in contract.REQUEST_FEATURES}
    columns |= dict(zip(ONLINE_FEATURES, online.T, strict=True))
    return np.column_stack([columns[name] for name in contract.MODEL_FEATURES])


class Predictor:
    """One bundle's model, with its online features.

    Attributes:
        manifest: What the bundle says about itself.
        model: The bundle's model.
    """

    def __init__(self, manifest: Manifest, model: Model, online: OnlineFeatures) -> None:
        self.manifest = manifest
        self.model = model
        self._online = online

    async def predict(self, trips: Sequence[Mapping[str, Any]]) -> list[float]:
        """Predicted seconds, one per trip.

        Raises:
            OnlineFeaturesUnavailableError: The online store could not be read.
        """
        with metrics.FEATURE_SECONDS.time():
            online = await self._online.read(zone_pairs(trips))
        metrics.MISSING_FEATURES.inc(int(np.isnan(online).sum()))
        return self.model.predict(model_input(trips, online)).tolist()

    async def check_ready(self) -> None:
        """Return if a request could be answered now.

        Raises:
            OnlineFeaturesUnavailableError: The online store could not be read.
        """
        await self._online.check()

    def warm_up(self) -> None:
        """Predict once without online features, so that the first caller does not pay for lazy loading."""
        trips = parse_trips(json.dumps(EXAMPLE_TRIP).encode())
        self.model.predict(model_input(trips, np.full((1, len(ONLINE_FEATURES)), np.nan)))
