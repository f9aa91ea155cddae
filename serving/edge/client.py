"""Predict trips with an exported model: ``python client.py [TRIPS.json]``.

It needs onnxruntime and numpy, and the two files beside it: model.onnx and metadata.json. TRIPS.json is a trip or a
list of trips, an object each with the names that metadata.json lists under ``inputs``: the pick-up time as ISO 8601
text, New York's wall clock, without offset; stored features by their own names, or left out where they are not known.
Without a file the example of metadata.json is predicted. The last line on standard output is JSON.
"""

import hashlib
import json
import math
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime


def load(folder: Path) -> tuple[onnxruntime.InferenceSession, dict[str, Any]]:
    """Open an exported model.

    Args:
        folder: Holds model.onnx and metadata.json.

    Returns:
        A session on one core, and what metadata.json says.

    Raises:
        ValueError: model.onnx is not the file that metadata.json tells of.
    """
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    graph = (folder / "model.onnx").read_bytes()
    actual, expected = hashlib.sha256(graph).hexdigest(), metadata["model.onnx"]["sha256"]
    if actual != expected:
        raise ValueError(f"model.onnx has SHA-256 {actual}, metadata.json says {expected}; copy the folder again")
    options = onnxruntime.SessionOptions()
    # More threads would add the trees in another order, and answer with other last digits.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"]), metadata


def predict(
    session: onnxruntime.InferenceSession, metadata: dict[str, Any], trips: list[dict[str, Any]]
) -> list[dict[str, float]]:
    """Predict durations and their intervals in seconds, by the names of the graph's outputs.

    Raises:
        ValueError: A field is missing, unknown or out of range; the message names it.
    """
    known = {name for one in metadata["inputs"] for name in one.get("columns", [one["name"]])}
    for number, trip in enumerate(trips):
        if unknown := sorted(trip.keys() - known):
            raise ValueError(f"trips[{number}].{unknown[0]} is not known; there are {', '.join(sorted(known))}")
    inputs = {one["name"]: _values(one, trips) for one in metadata["inputs"]}
    names = [one["name"] for one in metadata["outputs"]]
    columns = session.run(names, inputs)
    return [dict(zip(names, map(float, row), strict=True)) for row in zip(*columns, strict=True)]


def _values(described: dict[str, Any], trips: list[dict[str, Any]]) -> np.ndarray:
    """One input of the graph."""
    if names := described.get("columns"):
        rows = [[_value(described, trip, name, number) for name in names] for number, trip in enumerate(trips)]
    else:
        rows = [_value(described, trip, described["name"], number) for number, trip in enumerate(trips)]
    return np.array(rows, dtype=described["type"])


def _value(described: dict[str, Any], trip: dict[str, Any], name: str, number: int) -> float:
    """One number, checked: NaN where it is missing and may be."""
    value = trip.get(name)
    if value is None and described["may_be_missing"]:
        return math.nan
    asked: Any = _microseconds(value) if "text" in described else value
    kind, kinds = ("a whole number", (int,)) if described["whole"] else ("a number", (int, float))
    least, most = described["minimum"], described["maximum"]
    # The type itself: JSON's true is no number.
    if type(asked) in kinds and least <= asked <= most:
        return asked
    allowed = described.get("text", f"{kind} from {least} to {most}, {described['unit']}")
    raise ValueError(f"trips[{number}].{name} is {value!r}, allowed is {allowed}")


def _microseconds(text: Any) -> int | None:
    """None where the text is no time without offset."""
    try:
        since = datetime.fromisoformat(text) - datetime(1970, 1, 1)
    except (TypeError, ValueError):
        return None
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def main(arguments: list[str]) -> None:
    """Print the predictions of a file's trips, or of the example."""
    try:
        session, metadata = load(Path(__file__).resolve().parent)
        given = json.loads(Path(arguments[0]).read_text(encoding="utf-8")) if arguments else metadata["example"]["trip"]
        trips = given if isinstance(given, list) else [given]
        if not trips or not all(isinstance(trip, dict) for trip in trips):
            raise ValueError("give a JSON object, or a list of at least one")
        found = predict(session, metadata, trips)
    except (OSError, ValueError) as error:
        sys.exit(f"no prediction: {error}")
    print(json.dumps({"model_version": metadata["model"]["version"], "predictions": found}))


if __name__ == "__main__":
    main(sys.argv[1:])
