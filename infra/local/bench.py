"""`make bench-up`: the local stack's figures on this machine.

Clones the project into a scratch folder, brings it up on ports of its own with tools and packages from
the cache, and prints how long each phase took, what a second `make up` costs, how much memory the
platform holds at rest, and what the pipeline runner adds to its steps.

Usage: ``python -m infra.local.bench [--rows N] [--port-base N]``
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent.parent
_SETTLE_SECONDS = 20


def main(
    rows: Annotated[int, typer.Option(min=1000, help="trips of the synthetic data")] = 200_000,
    port_base: Annotated[int, typer.Option(help="first of the scratch stack's ports")] = 27000,
) -> None:
    """Print the figures; exit 1 when the scratch stack does not come up."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="keelson-bench-") as folder:
        clone = Path(folder) / "keelson"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        try:
            seconds, first = _timed(clone, "up", f"ROWS={rows}", f"PORT_BASE={port_base}")
            again, _ = _timed(clone, "up")
            time.sleep(_SETTLE_SECONDS)
            status = json.loads(_make(clone, "status", "JSON=1"))
            overhead = json.loads(_client(clone, "pipelines.overhead", "--rows", str(rows)))
        finally:
            _make(clone, "down", "PURGE=1")
    memory = psutil.virtual_memory().total / 2**30
    console.print(f"Machine: {psutil.cpu_count()} cores, {memory:.0f} GiB, {platform.platform()}; {rows:,} trips")
    console.print(_table(seconds, first, again, status, overhead))


def _table(seconds: float, first: dict[str, Any], again: float, status: dict[str, Any], overhead: Any) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("figure", "measured", "goal"):
        table.add_column(heading)
    table.add_row("fresh clone to answered prediction", f"{seconds:.0f} s", "under 120 s, aim 90 s")
    for phase, spent in first["phases"].items():
        table.add_row(f"  of it {phase}", f"{spent:.1f} s", "15 s" if phase == "platform" else "")
    table.add_row("make up with nothing to do", f"{again:.1f} s", "under 10 s")
    table.add_row("pipeline wall time / its steps as plain functions", f"{overhead['ratio']:.2f}", "at most 1.5")
    for service in status["services"]:
        table.add_row(f"  memory of {service['name']}", f"{service['memory_mb']} MB", "")
    in_all = sum(service["memory_mb"] for service in status["services"])
    table.add_row("memory of the platform at rest", f"{in_all} MB", "under 2,500 MB")
    return table


def _timed(clone: Path, *words: str) -> tuple[float, dict[str, Any]]:
    start = time.perf_counter()
    said = _make(clone, *words)
    return time.perf_counter() - start, json.loads(said.strip().splitlines()[-1])


def _make(clone: Path, *words: str) -> str:
    return _run(clone, ["make", *words])


def _client(clone: Path, module: str, *arguments: str) -> str:
    said = _run(clone, [str(clone / ".venv/bin/python"), "-m", "infra.local.client", module, *arguments])
    return said.strip().splitlines()[-1]


def _run(clone: Path, command: list[str]) -> str:
    # The scratch clone's make must not take itself for a part of the one that called this.
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    done = subprocess.run(command, cwd=clone, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed with exit code {done.returncode}")
    return done.stdout


if __name__ == "__main__":
    typer.run(main)
