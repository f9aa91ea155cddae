"""``python -m components.labels sample|take``: send trips out to people, and take in what they correct."""

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components import tables
from components.labels.take import LabelsError, take
from components.platform import Platform
from components.score.model_version import CHAMPION, NoModelError, find


def _sample(platform: Platform, given: argparse.Namespace) -> dict[str, Any]:
    from components.labels.sample import sample

    model_version = find(platform, given.model_version).version
    written = sample(platform, given.data_version, model_version, given.rows, given.seed, given.out)
    return {"file": str(given.out), "data_version": given.data_version, "model_version": model_version} | asdict(
        written
    )


def _take(platform: Platform, given: argparse.Namespace) -> dict[str, Any]:
    return asdict(take(platform, given.file, datetime.now(UTC)))


def parse(arguments: list[str]) -> argparse.Namespace:
    """What the command line asks for; its ``run`` does it."""
    parser = argparse.ArgumentParser(prog="python -m components.labels", description=__doc__)
    commands = parser.add_subparsers(required=True)
    asked = commands.add_parser("sample", help="write trips for people to look at, as CSV")
    asked.add_argument("--data-version", type=int, required=True, help="version of the trips")
    asked.add_argument(
        "--model-version", type=int, default=CHAMPION, help="whose predictions; the champion's if absent"
    )
    asked.add_argument("--rows", type=int, default=200, help="trips to choose")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--out", type=Path, required=True, help="file to write")
    asked.set_defaults(run=_sample)
    taken = commands.add_parser("take", help="check a file that came back and add its labels to the table")
    taken.add_argument("file", type=Path)
    taken.set_defaults(run=_take)
    return parser.parse_args(arguments)


def main() -> int:
    """Do what the command line asks for; returns the exit status, 1 where a file or a version is refused."""
    given = parse(sys.argv[1:])
    try:
        print(json.dumps(given.run(Platform(), given)))  # pyright: ignore[reportCallIssue]
    except (LabelsError, NoModelError, tables.TableError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
