"""The families that are a formula over few numbers, as nodes of an ONNX graph; the numbers are in their JSON files."""

import json
from pathlib import Path

import numpy as np
from onnx import TensorProto

from components import contract
from components.families.linear import FARTHEST
from serving.edge.nodes import Nodes

_MISSING = "missing"


def baseline_logs(nodes: Nodes, features: str, native: Path) -> str:
    """The median of a trip's distance band, or that of all trips where the distance is missing.

    Args:
        nodes: Of the graph.
        features: Value float64 [n, len(MODEL_FEATURES)].
        native: The model's native file.

    Returns:
        Name of a value float64 [n].
    """
    held = json.loads(native.read_text(encoding="utf-8"))
    column = np.array([contract.MODEL_FEATURES.index(contract.DISTANCE)])
    distance = nodes.add("Gather", features, column, axis=1)
    above = nodes.add("Less", np.array([held["upper_miles"]]), distance)
    band = nodes.add("ReduceSum", nodes.add("Cast", above, to=TensorProto.INT64), np.array([1]), keepdims=0)
    missing = nodes.add("Squeeze", nodes.add("IsNaN", distance), np.array([1]))
    place = nodes.add("Where", missing, len(held["bands"]), band)
    return nodes.add("Gather", np.array([*held["bands"], held["overall"]]), place)


def linear_logs(nodes: Nodes, features: str, native: Path) -> str:
    """The intercept and the standardised columns by their coefficients; as for ``baseline_logs``.

    The columns come in three kinds, which their names tell: an amount (``trip_distance``), a value (``hour=8``), and
    whether there is one (``hour=missing``).
    """
    held = json.loads(native.read_text(encoding="utf-8"))
    # Number of the feature, what stands after "=", and the column's own number.
    columns = [(*name.split("="), "")[:2] for name in held["columns"]]
    kinds = [1 if said == _MISSING else 2 if said else 0 for _, said in columns]
    order = sorted(range(len(columns)), key=lambda number: kinds[number])
    chosen = [
        np.array([contract.MODEL_FEATURES.index(columns[number][0]) for number in order if kinds[number] == kind])
        for kind in range(3)
    ]
    values = np.array([[float(columns[number][1]) for number in order if kinds[number] == 2]])

    missing = nodes.add("Or", nodes.add("IsNaN", features), nodes.add("IsInf", features))
    size = nodes.add("Log", nodes.add("Add", nodes.add("Abs", features), 1.0))
    amount = nodes.add("Where", missing, np.nan, nodes.add("Mul", nodes.add("Sign", features), size))
    blocks = (
        nodes.add("Gather", amount, chosen[0], axis=1),
        nodes.add("Gather", missing, chosen[1], axis=1),
        nodes.add("Equal", nodes.add("Gather", features, chosen[2], axis=1), values),
    )
    design = nodes.add("Concat", *(nodes.add("Cast", block, to=TensorProto.DOUBLE) for block in blocks), axis=1)
    mean, scale, coefficients = (np.array(held[name])[order] for name in ("mean", "scale", "coefficients"))
    standard = nodes.add("Div", nodes.add("Sub", design, mean), scale)
    # Before Clip: what that makes of NaN is not the same on all processors.
    known = nodes.add("Where", nodes.add("IsNaN", standard), 0.0, standard)
    near = nodes.add("Clip", known, -FARTHEST, FARTHEST)
    return nodes.add("Add", nodes.add("MatMul", near, coefficients), held["intercept"])
