"""``python -m pipelines.reproduce RUN``: rebuild a training run and say whether the result is the same.

The steps run again without a cache, from the recorded data version, arguments and commit. Nothing is registered or
promoted, and the online store is not touched. Progress and the answer go to stderr; stdout ends with one JSON line.
Exit status 0: model bytes, metrics and all outputs are identical; 1: they are not; 2: the run cannot be rebuilt.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from components import tables
from components.platform import Platform
from components.tracking import TrackingError
from pipelines.lineage.registry import Registry
from pipelines.reproduce.compare import as_json, compared, sentence
from pipelines.reproduce.isolation import apart
from pipelines.reproduce.plan import ended_by_time, rebuild_of
from pipelines.reproduce.recorded import CannotReproduceError, RecordedRun, recorded_run
from pipelines.reproduce.source_tree import WORKER, code_of

_CLONE = Path(__file__).parents[2]
LATEST = "latest"


def find(platform: Platform, name: str) -> RecordedRun:
    """A run by its id, or the newest training run.

    Raises:
        CannotReproduceError: There is none, or it cannot be rebuilt.
        components.tracking.TrackingError: MLflow does not answer.
    """
    with Registry(platform.mlflow_tracking_uri) as registry:
        newest = registry.newest_run()
        record = newest if name == LATEST else registry.run(name)
    if record is None:
        there_is = f"the newest is {newest.run_id}" if newest else "there are no training runs; `make train` makes one"
        raise CannotReproduceError(f"MLflow has no run {name}; {there_is}")
    run = recorded_run(record)
    try:
        tables.version_rows(platform, tables.TRIPS, run.data_version)
    except tables.TableError as error:
        raise CannotReproduceError(f"the data of run {run.run_id} are not there: {error}") from error
    return run


def rebuilt(platform: Platform, run: RecordedRun, root: Path) -> dict[str, Any]:
    """What the code in ``root`` makes of a run's data and arguments.

    Raises:
        CannotReproduceError: The code could not even begin; its own words are in the message.
    """
    with tempfile.TemporaryDirectory(prefix="keelson-rebuild-") as folder, apart(platform, root) as environment:
        done = subprocess.run(
            [sys.executable, "-m", WORKER],
            cwd=root,
            env=environment,
            input=json.dumps(asdict(rebuild_of(run, folder))),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise CannotReproduceError(f"the code at {run.commit or 'hand'} ended with status {done.returncode}; see above")
    return json.loads(done.stdout.splitlines()[-1])


def notes(run: RecordedRun) -> list[str]:
    """What a reader of the answer must know."""
    told = [f"the run was made by code that no commit holds ({run.commit or 'outside a clone'})"] * (
        run.dirty or not run.commit
    )
    for family, done in sorted(ended_by_time(run).items()):
        wanted = run.arguments.get("trials", "more")
        told.append(
            f"the search of {family} was ended by its time budget after {done} of {wanted} trials; it is rebuilt with "
            f"{done}, and its own file, which says what ended it, is not compared"
        )
    return told


def main(arguments: Sequence[str]) -> int:
    """Rebuild the run that the command line names; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.reproduce", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="id of a run in MLflow, or latest")
    parser.add_argument("--allow-dirty", action="store_true", help="take today's code where no commit holds the run's")
    given = parser.parse_args(arguments)
    platform = Platform()  # pyright: ignore[reportCallIssue]
    try:
        run = find(platform, given.run)
        with code_of(run, _CLONE, allow_dirty=given.allow_dirty) as root:
            made = rebuilt(platform, run, root)
    except (CannotReproduceError, TrackingError) as error:
        sys.stderr.write(f"cannot reproduce: {error}\n")
        return 2
    comparison = compared(run, made)
    told = notes(run)
    sys.stderr.write("".join(f"note: {note}\n" for note in told))
    sys.stderr.write(f"{sentence(run, comparison)}\n")
    print(json.dumps(as_json(run, comparison, told)))
    return 0 if comparison.identical else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
