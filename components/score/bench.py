"""``python -m components.score.bench --rows 1000000``: how fast trips are scored, with features that are there already.

Makes synthetic trips with their features, trains LightGBM as the pipeline does where nobody tuned, and scores all trips
in a process of its own, into a table on this machine's disk. Prints one JSON line.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import DeltaTable

from components import contract, thresholds
from components.features import aggregates
from components.features.transform import request_features
from components.model import load_model
from components.score import predictions
from components.score.step import SLICE_ROWS, model_input, predict_file
from components.score.trees import for_many_rows
from components.trips import synthetic

ROWS, SEED = 1_000_000, 42
# More trips teach the model little, and training is not what is measured.
_TRAIN_ROWS = 700_000


def make(rows: int, folder: Path) -> None:
    """Write ``features.parquet`` and ``model`` to a folder."""
    from components.families.family import Part, family
    from components.model import save_model, to_target
    from components.train.step import conformal

    table = _features(rows)
    table.write_parquet(folder / "features.parquet")
    learn = table.head(min(_TRAIN_ROWS, rows * 8 // 10))
    part, held = (
        Part(model_input(half), to_target(half[contract.TARGET].to_numpy()))
        for half in (learn, table.tail(min(_TRAIN_ROWS, rows) // 10))
    )
    learned = family("lightgbm").fit(part, held, {}, seed=SEED)
    interval = conformal(held.target - learned.predict(held.features, threads=0), thresholds.INTERVAL_COVERAGE)
    save_model(learned, folder / "model", interval=interval, training={})


def _features(rows: int) -> pl.DataFrame:
    """Synthetic trips with features as of their start, as build_features writes them."""
    duration = pl.col(contract.DROPOFF_TIME) - pl.col(contract.PICKUP_TIME)
    trips = (
        pl.concat([pl.DataFrame(batch) for batch in synthetic.trips(rows, SEED)])
        .with_columns((duration.dt.total_microseconds() / 1_000_000).alias(contract.TARGET))
        .filter(pl.col(contract.TARGET).is_between(contract.MIN_DURATION_SECONDS, contract.MAX_DURATION_SECONDS))
        .with_columns(
            pl.col(contract.PICKUP_ZONE).cast(pl.Int64).alias(contract.ZONE_KEY),
            aggregates.pair_key(),
            aggregates.event_time(pl.col(contract.PICKUP_TIME)).alias(contract.EVENT_TIME),
        )
    )
    joined = trips
    for table, key in ((aggregates.zone_features, contract.ZONE_KEY), (aggregates.pair_features, contract.PAIR_KEY)):
        known = table(trips.lazy()).sort(contract.EVENT_TIME).collect()
        joined = joined.join_asof(
            known, on=contract.EVENT_TIME, by=key, tolerance=timedelta(weeks=4), check_sortedness=False
        )
    return request_features(joined).select(
        contract.PICKUP_TIME,
        contract.PICKUP_ZONE,
        contract.DROPOFF_ZONE,
        pl.col(*contract.MODEL_FEATURES, contract.TARGET).cast(pl.Float64),
    )


def measure(folder: Path) -> dict[str, Any]:
    """Score the trips of a folder that ``make`` wrote; rows per second, and the memory of this process."""
    model, spool = load_model(folder / "model"), folder / "predictions.parquet"
    few = model_input(pl.scan_parquet(folder / "features.parquet").head(SLICE_ROWS).collect())
    alone = {name: _rate(one.predict, few) for name, one in (("plain", model), ("blocked", for_many_rows(model)))}
    table = DeltaTable.create(str(folder / "table"), predictions.SCHEMA, partition_by=list(predictions.PARTITIONS))
    began, used = time.perf_counter(), time.process_time()
    rows = predict_file(model, folder / "features.parquet", spool, 0, 1)
    predicted = time.perf_counter()
    predictions.append(table, spool, "bench", {})
    ended, used = time.perf_counter(), time.process_time() - used
    return {
        "rows": rows,
        "trees": model.learned.rounds,
        "cores": len(os.sched_getaffinity(0)),
        "model_rows_per_processor_second": {name: round(rate) for name, rate in alone.items()},
        "seconds": {"predict": round(predicted - began, 2), "write": round(ended - predicted, 2)},
        "rows_per_second": round(rows / (ended - began)),
        # Tells how far other work on the machine disturbed the measurement.
        "rows_per_processor_second": round(rows / used),
        "peak_megabytes": _peak_megabytes(),
    }


def _peak_megabytes() -> int:
    """The most memory that this process has held; ``getrusage`` would tell of the process that started it, too."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1000


def _rate(predict: Any, features: Any) -> float:
    """Rows per second of processor time of one call, once the model has answered one."""
    predict(features[:5000])
    used = time.process_time()
    predict(features)
    return len(features) / (time.process_time() - used)


def main() -> None:
    """Make what is needed and measure; with ``--folder`` only measure what lies there."""
    parser = argparse.ArgumentParser(prog="python -m components.score.bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.folder:
        print(json.dumps(measure(given.folder)))
        return
    with tempfile.TemporaryDirectory(prefix="score-bench-") as folder:
        sys.stderr.write(f"making {given.rows:,} trips and a model\n")
        make(given.rows, Path(folder))
        command = [sys.executable, "-m", "components.score.bench", "--folder", folder]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
