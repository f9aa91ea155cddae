"""``python -m pipelines.bench --rows 1000000``: the training pipeline's time and memory on this machine, step by step.

Runs the whole pipeline on synthetic trips against the stack of the environment, with an empty cache, and samples the
memory of all its processes. Memory is the sum of what each process holds for itself (unique set size) at one moment.
Processor seconds are those of the pipeline's processes together; they tell how far other work disturbed the wall clock.
"""

import argparse
import json
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

_SAMPLE_SECONDS = 0.25


@dataclass
class Peak:
    """The largest memory that was seen, in bytes, of all processes together."""

    bytes: int = 0

    def watch(self, process: psutil.Process, ended: threading.Event) -> None:
        """Sample until told to stop."""
        while not ended.wait(_SAMPLE_SECONDS):
            self.bytes = max(self.bytes, sum(_unique(one) for one in _tree(process)))


def _tree(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _unique(process: psutil.Process) -> int:
    try:
        return process.memory_full_info().uss
    except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
        return 0


def measure(rows: int, seed: int) -> dict[str, Any]:
    """Run the pipeline; returns its JSON line with ``wall_seconds``, ``processor_seconds`` and ``peak_bytes``.

    Raises:
        RuntimeError: The run failed; the message is the step's.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as root:
        command = [sys.executable, "-m", "pipelines.run", "training", "--rows", str(rows), "--seed", str(seed)]
        began, used = time.perf_counter(), _processor_seconds()
        process = subprocess.Popen(
            command, env=os.environ | {"KEELSON_PIPELINE_ROOT": root}, stdout=subprocess.PIPE, text=True
        )
        peak, ended = Peak(), threading.Event()
        watcher = threading.Thread(target=peak.watch, args=(psutil.Process(process.pid), ended))
        watcher.start()
        said = process.communicate()[0]
        ended.set()
        watcher.join()
    told = json.loads(said.splitlines()[-1])
    if told["status"] != "succeeded":
        raise RuntimeError(f"the run failed at {told['failed_step']}: {told['error']}")
    return told | {
        "wall_seconds": time.perf_counter() - began,
        "processor_seconds": _processor_seconds() - used,
        "peak_bytes": peak.bytes,
    }


def _processor_seconds() -> float:
    """Of all processes that this one has started and that have ended, and of theirs."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def show(rows: int, told: dict[str, Any]) -> Table:
    """The figures as a table."""
    table = Table("Step", "Seconds", title=f"Training pipeline, {rows:,} trips, {os.cpu_count()} cores")
    for step, seconds in told["seconds"].items():
        table.add_row(step, f"{seconds:.1f}")
    table.add_section()
    table.add_row("wall", f"{told['wall_seconds']:.0f}")
    table.add_row("processor", f"{told['processor_seconds']:.0f}")
    table.add_row("peak memory", f"{told['peak_bytes'] / 1e9:.2f} GB")
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    # Of trips that the stack has seen, tables and studies would only be found.
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="another one each time by default")
    given = parser.parse_args()
    Console(width=100).print(show(given.rows, measure(given.rows, given.seed)))


if __name__ == "__main__":
    main()
