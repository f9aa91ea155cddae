"""Run by check_compatibility as a process of its own: prints facts about a model folder as one JSON line."""

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from components import contract
from components.model import Model, load_model

REPEATS = 200


def examples() -> dict[str, np.ndarray]:
    """Inputs by name, each float64 of shape [n, len(MODEL_FEATURES)]: ordinary trips, and what no trip should be."""
    width = len(contract.MODEL_FEATURES)
    ordinary = np.full((24, width), 10.0)
    ordinary[:, contract.MODEL_FEATURES.index("hour")] = np.arange(24)
    return {
        "ordinary": ordinary,
        "missing": np.full((1, width), np.nan),
        "zero": np.zeros((1, width)),
        "negative": np.full((1, width), -1.0),
        "huge": np.full((1, width), np.finfo(np.float64).max),
        "infinite": np.array([[np.inf] * width, [-np.inf] * width]),
        "empty": np.empty((0, width)),
    }


def failures(model: Model) -> dict[str, str]:
    """What goes wrong for each example by name; also a wrong width must be refused."""
    found = {}
    for name, rows in examples().items():
        predicted = model.predict(rows)
        inside = (predicted >= contract.MIN_DURATION_SECONDS) & (predicted <= contract.MAX_DURATION_SECONDS)
        if predicted.shape != (len(rows),):
            found[name] = f"{len(rows)} rows gave predictions of shape {list(predicted.shape)}"
        elif not inside.all():
            found[name] = f"predictions outside the contract's limits of a trip: {predicted[~inside][:3].tolist()}"
    try:
        model.predict(np.zeros((1, len(contract.MODEL_FEATURES) + 1)))
    except ValueError:
        return found
    return found | {"width": "a row with one value too many was not refused"}


def median_milliseconds(model: Model) -> float:
    """Time to predict one trip, the median of many calls."""
    row = examples()["ordinary"][:1]
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        model.predict(row)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def main() -> None:
    """Probe the model folder named by the first argument."""
    folder = Path(sys.argv[1])
    start = time.perf_counter()
    model = load_model(folder)
    loaded = time.perf_counter() - start
    facts = {
        "failures": failures(model),
        "load_seconds": loaded,
        "median_milliseconds": median_milliseconds(model),
        "megabytes": sum(file.stat().st_size for file in folder.iterdir()) / 1e6,
        "model_sha256": model.sha256,
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
