"""`make logs ID=`: everything that the local stack wrote about a request or a run.

Usage: ``python -m infra.local.find_logs ID``. The id is a request's, an MLflow run's, or a run's name such as
``training-20260105-083000-1a2b``. Lines come as they are, behind the name of their file: logs of services, of pipeline
runs with their steps, and journals of predictions and outcomes; of a run also what MLflow has about it. Exit code 1
where nothing was found.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from infra.local import pulumi_cli
from infra.local.layout import Layout

ROOT = Path(__file__).resolve().parent.parent.parent

_ID = re.compile(r"[A-Za-z0-9._-]{4,64}")
_STEP = "keelson.step."
_SECONDS = 10


def files(layout: Layout) -> list[Path]:
    """All logs and journals, rotated ones before those that follow them."""
    logs = [*layout.logs.glob("*.log*"), *(layout.pipeline_root / "logs").glob("*.log")]
    return sorted([*logs, *layout.predictions.glob("*.jsonl")], key=_written)


def _written(file: Path) -> float:
    """When a file was written to last; 0 where it was rotated away a moment ago."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def lines_about(files: list[Path], identity: str) -> Iterator[tuple[Path, str]]:
    """Each line with an id, and all of a log that has it for its name; an id that only begins alike is another."""
    wanted = identity.encode()
    exact = re.compile(rb"(?<![A-Za-z0-9._-])%b(?![A-Za-z0-9._-])" % re.escape(wanted))
    for file in files:
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            # It was rotated away.
            continue
        # Most files have nothing: to look for bytes is a hundred times faster than to look line by line.
        if file.stem == identity or wanted in content:
            found = (line for line in content.splitlines() if file.stem == identity or exact.search(line))
            yield from ((file, line.decode(errors="replace")) for line in found)


def run_facts(tracking_uri: str, run_id: str) -> dict[str, Any] | None:
    """What MLflow has about a run, and how its steps went; None where it has none of that id, or does not answer."""
    try:
        answer = httpx.get(f"{tracking_uri}/api/2.0/mlflow/runs/get", params={"run_id": run_id}, timeout=_SECONDS)
    except httpx.HTTPError:
        return None
    if answer.status_code != httpx.codes.OK:
        return None
    run = answer.json()["run"]
    tags = {tag["key"]: tag.get("value", "") for tag in run["data"].get("tags", [])}
    steps = {key.removeprefix(_STEP): json.loads(value) for key, value in tags.items() if key.startswith(_STEP)}
    shown = ("status", "started", "seconds", "error")
    return {
        "run_id": run_id,
        "name": run["info"].get("run_name", ""),
        "status": run["info"]["status"],
        "pipeline": tags.get("keelson.pipeline", ""),
        "steps": {name: {key: step.get(key) for key in shown} for name, step in steps.items()},
    }


def run_id_of(lines: list[str], identity: str) -> str:
    """The MLflow run that an id names: the one that lines about a run's name carry, else the id itself."""
    for line in lines:
        found = re.search(r'"run_id": ?"([0-9a-f]{32})"', line)
        if found and f'"run": "{identity}"' in line:
            return found[1]
    return identity


def main(identity: Annotated[str, typer.Argument(metavar="ID", help="of a request or a run")]) -> None:
    """Print everything that was written about a request or a run."""
    if not _ID.fullmatch(identity):
        sys.exit("Give the id of a request or a run: make logs ID=9f2c01b7")
    layout = Layout(ROOT)
    found = list(lines_about(files(layout), identity))
    for file, line in found:
        print(f"{file.name}: {line}")
    tracking = pulumi_cli.platform(layout).get("MLFLOW_TRACKING_URI")
    facts = run_facts(tracking, run_id_of([line for _, line in found], identity)) if tracking else None
    if facts is not None:
        print(f"mlflow: {json.dumps(facts)}")
    if not found and facts is None:
        sys.exit(f"Nothing was written about {identity}.")


if __name__ == "__main__":
    typer.run(main)
