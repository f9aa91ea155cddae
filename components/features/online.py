"""What is asked of the feature server and what its answer means: the same for serving and for the parity check."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from components import contract
from components.features.catalogue import DEFAULT, Source

ONLINE_FEATURES: tuple[str, ...] = contract.ZONE_FEATURES + contract.PAIR_FEATURES

# The number of trips is never null for an entity that the store knows.
_TELLS_KNOWN = {Source.ZONE: "zone_trips_4w", Source.PAIR: "pair_trips_4w"}


class OnlineFeaturesUnavailableError(RuntimeError):
    """The online store could not be read; the message says why, without addresses or values."""


def request_body(pairs: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """The question to the feature server for ``(pickup zone, drop-off zone)`` pairs."""
    return {
        "feature_service": contract.FEATURE_SERVICE,
        "entities": {
            contract.ZONE_KEY: [pickup for pickup, _ in pairs],
            contract.PAIR_KEY: [contract.pair_id(pickup, dropoff) for pickup, dropoff in pairs],
        },
    }


def read_answer(answer: Any, rows: int) -> np.ndarray:
    """The feature server's answer as numbers.

    Returns:
        float64 [rows, len(ONLINE_FEATURES)]; ``catalogue.DEFAULT``, which is NaN, where a zone or pair is unknown, its
        features are older than their time to live, or a value is null or not finite.

    Raises:
        OnlineFeaturesUnavailableError: A feature is absent, or the answer has another shape.
    """
    try:
        columns = dict(zip(answer["metadata"]["feature_names"], answer["results"], strict=True))
        absent = [name for name in ONLINE_FEATURES if name not in columns]
        if absent:
            raise OnlineFeaturesUnavailableError(f"the feature server does not know {', '.join(absent)}")
        read = np.full((rows, len(ONLINE_FEATURES)), DEFAULT)
        for index, name in enumerate(ONLINE_FEATURES):
            values, statuses = columns[name]["values"], columns[name]["statuses"]
            read[:, index] = [
                DEFAULT if value is None or status != "PRESENT" else float(value)
                for value, status in zip(values, statuses, strict=True)
            ]
    except (KeyError, TypeError, ValueError) as error:
        raise OnlineFeaturesUnavailableError("the feature server's answer has an unknown shape") from error
    return np.where(np.isfinite(read), read, DEFAULT)


def unknown_entities(read: np.ndarray) -> dict[str, int]:
    """How many rows of ``read_answer`` are of a zone, and of a zone pair, that the store does not know."""
    return {
        source.value: int(np.isnan(read[:, ONLINE_FEATURES.index(name)]).sum()) for source, name in _TELLS_KNOWN.items()
    }
