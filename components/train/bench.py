"""``python -m components.train.bench``: what the training step costs over bare LightGBM on the same trips.

Each in a process of its own, in turn, so that other work on the machine meets both. Bare is ``lightgbm.train`` with
its data already in memory as arrays; the step also reads Parquet, checks, predicts for the intervals and writes the
model folder. Prints one JSON line: wall and processor seconds and peak memory of both, and their ratios. Processor
seconds tell how far other work on the machine disturbed the wall clock.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from components import contract

SEED = 7


def write(folder: Path, rows: int) -> None:
    """Write trips whose duration follows from distance and hour: Parquet for the step, arrays for bare LightGBM."""
    import polars as pl

    from components.model import to_target

    for name, count, seed in (("train", rows, 1), ("validation", max(rows // 10, 1), 2)):
        random = np.random.default_rng(seed)
        features = {feature: random.uniform(0, 100, count) for feature in contract.MODEL_FEATURES}
        features |= {"hour": np.floor(features["hour"] * 0.24), contract.DISTANCE: random.lognormal(0.8, 0.8, count)}
        speed = 12 - 5 * np.exp(-(((features["hour"] - 17) / 3) ** 2))
        seconds = features[contract.DISTANCE] / speed * 3600 * random.lognormal(0, 0.3, count)
        pl.DataFrame(features | {contract.TARGET: seconds}).write_parquet(folder / f"{name}.parquet")
        np.savez(folder / f"{name}.npz", features=np.column_stack(list(features.values())), target=to_target(seconds))
    chosen = {"family": "lightgbm", "parameters": {}}
    (folder / "parameters.json").write_text(json.dumps(chosen), encoding="utf-8")


def bare(folder: Path, _: int) -> dict[str, Any]:
    """Times of ``lightgbm.train`` alone, with its trees."""
    from components.families.lightgbm import MAX_ROUNDS, PATIENCE, LightGbm, lightgbm, settings

    lgb = lightgbm()
    train, validation = (dict(np.load(folder / f"{name}.npz")) for name in ("train", "validation"))

    def learn() -> int:
        learned = lgb.Dataset(train["features"], label=train["target"], params={"verbosity": -1})
        held = lgb.Dataset(validation["features"], label=validation["target"], reference=learned)
        booster = lgb.train(
            settings(LightGbm.DEFAULTS, SEED),
            learned,
            num_boost_round=MAX_ROUNDS,
            valid_sets=[held],
            callbacks=[lgb.early_stopping(PATIENCE, verbose=False)],
        )
        return booster.best_iteration

    return _timed(learn)


def step(folder: Path, _: int) -> dict[str, Any]:
    """Times of the whole step, with its trees."""
    from components.families.lightgbm import lightgbm
    from components.train.step import train

    # As for the other, importing is not part of the time.
    lightgbm()
    files = folder / "train.parquet", folder / "validation.parquet", folder / "parameters.json"
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        model = Path(scratch) / "model"
        return _timed(lambda: train(*files, model, family="lightgbm", seed=SEED, device="cpu").rounds)


def _timed(learn: Callable[[], int]) -> dict[str, Any]:
    """Times of a function that returns how many trees it kept."""
    wall, processor = time.perf_counter(), time.process_time()
    trees = learn()
    return {
        "seconds": time.perf_counter() - wall,
        "processor_seconds": time.process_time() - processor,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "trees": trees,
    }


def measure(rows: int, rounds: int) -> dict[str, Any]:
    """Both in turn, some rounds; what is said of them is the median, with the least and the most of the ratios."""
    with tempfile.TemporaryDirectory() as scratch:
        # A process counts the memory of the one that started it as its own, so the data are made in a third.
        _run("write", scratch, rows)
        pairs: list[tuple[dict[str, Any], dict[str, Any]]] = []
        for number in range(rounds):
            pairs.append((_run("bare", scratch, rows), _run("step", scratch, rows)))
            sys.stderr.write(f"round {number + 1} of {rounds}: bare {pairs[-1][0]}, step {pairs[-1][1]}\n")
    found: dict[str, Any] = {"rows": rows, "features": len(contract.MODEL_FEATURES), "rounds": rounds}
    for what in ("seconds", "processor_seconds", "peak_megabytes"):
        ratios = [ours[what] / theirs[what] for theirs, ours in pairs]
        found[what] = {
            "bare": round(median(theirs[what] for theirs, _ in pairs), 2),
            "step": round(median(ours[what] for _, ours in pairs), 2),
            "ratio": round(median(ratios), 3),
            "ratios": [round(min(ratios), 3), round(max(ratios), 3)],
        }
    found["trees"] = sorted({one["trees"] for pair in pairs for one in pair})
    return found


def _run(what: str, folder: str, rows: int) -> dict[str, Any]:
    """What a function of this module returns, called in a process of its own."""
    command = [sys.executable, "-m", "components.train.bench", "--rows", str(rows), "--only", what, folder]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure both in turn, or with ``--only`` one of them in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs=2, metavar=("WHAT", "FOLDER"), help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if not asked.only:
        print(json.dumps(measure(asked.rows, asked.rounds)))
        return
    what, folder = asked.only
    print(json.dumps({"write": write, "bare": bare, "step": step}[what](Path(folder), asked.rows)))


if __name__ == "__main__":
    main()
