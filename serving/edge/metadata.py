"""What a device has to know about an exported model: ``metadata.json``."""

import hashlib
from datetime import datetime
from importlib.metadata import version
from typing import Any

import numpy as np

from components import contract, thresholds
from components.features.catalogue import FEATURES
from components.features.online import ONLINE_FEATURES
from components.model import Model, contract_hash
from serving.edge import parity
from serving.edge.budget import Measured
from serving.edge.features import STORED, microseconds
from serving.edge.graph import HIGH, LOW
from serving.registry import RegisteredModel
from serving.trips import EXAMPLE_TRIP, FIRST_YEAR, LAST_YEAR

# Beside what the model itself was made with.
_LARGEST = float(np.finfo(np.float64).max)
_MADE_WITH = ("holidays", "numpy", "onnx", "onnxruntime")


def describe(
    registered: RegisteredModel, model: Model, graph: bytes, measured: Measured, prediction: dict[str, float]
) -> dict[str, Any]:
    """What is written to ``metadata.json``; equal for equal exports, so without what a clock said.

    Args:
        registered: Where the model comes from.
        model: The model.
        graph: The bytes of ``model.onnx``.
        measured: Its figures.
        prediction: What the bundle says for the example trip, by the names of the graph's outputs.
    """
    return {
        "model": {
            "name": contract.MODEL_NAME,
            "version": registered.version,
            "run_id": registered.run_id,
            "data_version": registered.data_version,
            "family": model.family,
            "sha256": model.sha256,
        },
        "contract_sha256": contract_hash(),
        "model.onnx": {"sha256": hashlib.sha256(graph).hexdigest(), "bytes": len(graph)},
        "features": [
            {"name": one.name, "unit": one.unit, "meaning": one.meaning, "from": one.source.value}
            for one in sorted(FEATURES, key=lambda one: contract.MODEL_FEATURES.index(one.name))
        ],
        "inputs": _inputs(),
        "outputs": _outputs(),
        "interval": {"scale": "added to log1p of seconds", **vars(model.interval)},
        "parity": {
            "rows": parity.ROWS,
            "seed": parity.SEED,
            "tolerance": thresholds.EDGE_TOLERANCE,
            "difference": measured.difference,
        },
        "budgets": {
            "megabytes": thresholds.MAX_EDGE_MEGABYTES,
            "p99_milliseconds": thresholds.MAX_EDGE_P99_MILLISECONDS,
        },
        "packages": {**model.requires, **{name: version(name) for name in _MADE_WITH}},
        "example": {"trip": EXAMPLE_TRIP, "prediction": prediction},
    }


def _inputs() -> list[dict[str, Any]]:
    columns = {column.name: column for column in contract.COLUMNS}
    first = microseconds(datetime(FIRST_YEAR, 1, 1))
    time = {
        "name": contract.PICKUP_TIME,
        "type": "int64",
        "shape": ["n"],
        "unit": "microseconds since 1970-01-01T00:00:00, both by New York's wall clock and without offset",
        "text": f"a time of the years {FIRST_YEAR} to {LAST_YEAR} in ISO 8601, New York's wall clock without offset",
        "whole": True,
        "may_be_missing": False,
        "minimum": first,
        "maximum": microseconds(datetime(LAST_YEAR + 1, 1, 1)) - 1,
    }
    numbers = [
        {
            "name": column.name,
            "type": "float64" if column.nullable or column.kind is contract.Kind.FLOAT else "int64",
            "shape": ["n"],
            "unit": column.unit,
            "whole": column.kind is contract.Kind.INTEGER,
            "may_be_missing": column.nullable,
            "minimum": column.minimum,
            "maximum": column.maximum,
        }
        for name in (contract.PICKUP_ZONE, contract.DROPOFF_ZONE, contract.DISTANCE, contract.PASSENGERS)
        for column in [columns[name]]
    ]
    stored = {
        "name": STORED,
        "type": "float64",
        "shape": ["n", len(ONLINE_FEATURES)],
        "columns": list(ONLINE_FEATURES),
        "unit": "as of each feature",
        "whole": False,
        "may_be_missing": True,
        "minimum": -_LARGEST,
        "maximum": _LARGEST,
    }
    return [time, *numbers, stored]


def _outputs() -> list[dict[str, Any]]:
    meanings = {
        contract.TARGET: "The trip's predicted duration",
        LOW: "Lower end of the prediction interval",
        HIGH: "Upper end of the prediction interval",
    }
    limits = {"minimum": contract.MIN_DURATION_SECONDS, "maximum": contract.MAX_DURATION_SECONDS}
    return [
        {"name": name, "type": "float64", "shape": ["n"], "unit": "seconds", "meaning": meaning, **limits}
        for name, meaning in meanings.items()
    ]
