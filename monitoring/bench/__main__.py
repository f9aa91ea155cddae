"""How fast drift is judged, how often nothing is taken for something, and how soon something is seen.

    python -m monitoring.bench --rows 1000000 --seeds 100

Prints a table for people. Two thirds of the time are the generated cities.
"""

import multiprocessing
import os
import platform
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from components.trips.synthetic import Regime
from monitoring.bench import speed
from monitoring.bench.replay import WITHIN, Replayed, replay
from monitoring.decision import Policy

_SHIFTS = {
    Regime.CONGESTION: "all traffic at 60 % of its speed",
    Regime.CLOSED_AIRPORT: "LaGuardia closed, its trips go to JFK",
}


def main(
    rows: Annotated[int, typer.Option(help="Rows to profile.")] = 1_000_000,
    evidently_rows: Annotated[int, typer.Option(help="Rows that Evidently compares.")] = 100_000,
    seeds: Annotated[int, typer.Option(help="Cities for each shift.")] = 100,
) -> None:
    """Measure all of it."""
    cores = len(os.sched_getaffinity(0))
    table = Table("figure", "measured", title=f"{cores} cores, {platform.system()} {platform.release()}")
    for figure, measured in (*_speed(rows, evidently_rows), *_rates(seeds, cores)):
        table.add_row(figure, measured)
    Console().print(table)


def _speed(rows: int, evidently_rows: int) -> list[tuple[str, str]]:
    found = speed.measure(rows, evidently_rows)
    theirs = found.evidently_rows / found.evidently_seconds
    return [
        (f"{rows:,} rows x 20 columns, profiled and judged", f"{found.seconds:.3f} s of one core"),
        ("rows a second", f"{found.rows / found.seconds:,.0f}"),
        (f"Evidently's rows a second, on {evidently_rows:,} rows", f"{theirs:,.0f}"),
        ("ratio", f"{found.ratio:,.0f}"),
        ("columns with Evidently's verdict", f"{found.equal} of 20"),
        ("profile, as JSON", f"{found.profile_bytes / 1000:.0f} kB"),
    ]


def _rates(seeds: int, cores: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    everything: list[Replayed] = []
    # polars' threads do not survive a fork.
    with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn")) as pool:
        for place, (regime, told) in enumerate(_SHIFTS.items()):
            drawn = range(place * seeds, (place + 1) * seeds)
            replayed = list(pool.map(partial(replay, regime=regime, policy=Policy()), drawn))
            everything += replayed
            found.append((f"seen within {WITHIN} windows: {told}", _count(replayed)))
    calm, false = sum(one.calm for one in everything), [reason for one in everything for reason in one.false]
    degraded = sum(one.degraded for one in everything)
    drifted = sum(one.drifted for one in everything) / len(everything)
    return [
        (
            f"runs or alerts in {calm} calm windows of {len(everything)} seeds",
            "\n".join([f"{len(false)} ({len(false) / calm:.2%})", *false]),
        ),
        ("of those degraded overall or in a slice, for one window", f"{degraded / calm:.1%}"),
        ("columns with Evidently's drift in those", f"{drifted:.0%}"),
        *found,
    ]


def _count(replayed: Sequence[Replayed]) -> str:
    seen = sum(one.detected for one in replayed)
    once = sum(one.runs == 1 for one in replayed)
    return f"{seen} of {len(replayed)} seeds ({seen / len(replayed):.0%}), one run in {once}"


if __name__ == "__main__":
    typer.run(main)
