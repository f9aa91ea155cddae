"""Trips to learn nothing from, for demonstrations: ``python -m serving.release.spoilt --out trips.parquet``.

Their durations are dealt out anew among them. Each by itself is a possible trip, so the data keep their contract.
"""

import argparse
import json
import sys
from datetime import timedelta
from pathlib import Path

import polars as pl

from components import contract
from components.trips import synthetic


def spoilt(rows: int, seed: int) -> pl.DataFrame:
    """Generated trips, the contract's columns, with each other's durations."""
    trips = pl.concat([pl.DataFrame(batch) for batch in synthetic.trips(rows, seed=seed)])
    taken = pl.col(contract.DROPOFF_TIME) - pl.col(contract.PICKUP_TIME)
    sound = trips.filter(taken > timedelta(0), taken < timedelta(seconds=contract.MAX_DURATION_SECONDS))
    dealt = sound.select(taken.alias("taken"))["taken"].sample(fraction=1.0, shuffle=True, seed=seed)
    return sound.with_columns((pl.col(contract.PICKUP_TIME) + dealt).alias(contract.DROPOFF_TIME))


def main(arguments: list[str]) -> None:
    """Write the trips; prints one JSON line last: the file."""
    parser = argparse.ArgumentParser(prog="python -m serving.release.spoilt", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=4)
    given = parser.parse_args(arguments)
    spoilt(given.rows, given.seed).write_parquet(given.out)
    print(json.dumps({"file": str(given.out)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
