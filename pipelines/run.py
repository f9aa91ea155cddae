"""``python -m pipelines.run training --data synthetic --rows 200000 --seed 42``: run a pipeline on this machine.

Progress goes to stderr, one line a step; stdout ends with one JSON line that says what came of the run.
"""

import argparse
import getpass
import json
import secrets
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.platform import Platform
from components.recording import open_run
from components.tracking import Run, Tracking
from components.trips.source import fingerprint
from components.versions import COMPONENT_VERSIONS
from pipelines.local import Step, run_pipeline
from pipelines.training import VERSION, training

DEFAULT_ROWS, DEFAULT_SEED = 200_000, 42


@dataclass(frozen=True)
class Request:
    """What a user asks of the training pipeline: a source of trips, how many, and the seed."""

    data: str
    rows: int
    seed: int


def train(platform: Platform, request: Request) -> dict[str, Any]:
    """Run the training pipeline; returns what the JSON line says. A failed step is an answer, not an exception."""
    began = time.monotonic()
    key = f"training-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    root = Path(platform.pipeline_root)
    log = root / "logs" / f"{key}.log"
    parameters = {"source": request.data, "rows": request.rows, "seed": request.seed}
    arguments = {**parameters, "fingerprint": fingerprint(request.data, request.rows, request.seed)}
    commit = current_commit()
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        run = open_run(tracking, key, parameters=parameters, tags=run_tags(platform, commit))
        steps: list[Step] = []
        try:
            steps = run_pipeline(training, {**arguments, "run": key, "commit": commit}, root, log, _print_step)
        finally:
            good = bool(steps) and all(step.status != "failed" for step in steps)
            tracking.log(run, metrics=step_seconds(steps), tags=step_tags(steps))
            tracking.close_run(run, "FINISHED" if good else "FAILED")
    return summary(run, steps, time.monotonic() - began, log)


def run_tags(platform: Platform, commit: str) -> dict[str, str]:
    """Where a run comes from: stack, commit, versions, and who started it by what."""
    return {
        "keelson.stack": platform.stack,
        "keelson.commit": commit,
        "keelson.pipeline": "training",
        "keelson.pipeline_version": VERSION,
        "keelson.component_versions": json.dumps(COMPONENT_VERSIONS),
        "keelson.started_by": f"{getpass.getuser()}@{socket.gethostname()} by pipelines.run",
    }


def current_commit() -> str:
    """The commit that the code is at, marked where files differ from it; empty outside a repository."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def step_tags(steps: list[Step]) -> dict[str, str]:
    """One tag a step, as JSON: version, status, start, seconds, outputs, pointers to artifacts, error."""
    return {
        f"keelson.step.{step.name}": json.dumps(
            {
                "version": COMPONENT_VERSIONS.get(step.name, ""),
                "status": step.status,
                "started": step.started.isoformat(),
                "seconds": round(step.seconds, 3),
                "parameters": step.parameters,
                "artifacts": step.artifacts,
                "error": step.error[:2000],
            },
            default=str,
        )
        for step in steps
    }


def step_seconds(steps: list[Step]) -> dict[str, float]:
    """Seconds of each step, as metrics of the run."""
    return {f"seconds.{step.name}": step.seconds for step in steps}


def summary(run: Run, steps: list[Step], seconds: float, log: Path) -> dict[str, Any]:
    """The JSON line of a run."""
    by_name = {step.name: step for step in steps}
    failed = next((step for step in steps if step.status == "failed"), None)
    verdict, metrics = _json_output(by_name, "compare", "verdict"), _json_output(by_name, "evaluate", "metrics")
    return {
        "run_id": run.run_id,
        "status": "succeeded" if steps and not failed else "failed",
        "data_version": _parameter(by_name, "ingest", "data_version"),
        "model_version": _parameter(by_name, "register", "model_version"),
        "verdict": {name: verdict[name] for name in ("accepted", "reasons")} if verdict else None,
        "metrics": {part: metrics[part] for part in ("train", "test", "baseline")} if metrics else None,
        "seconds": {step.name: round(step.seconds, 2) for step in steps},
        "total_seconds": round(seconds, 2),
        "cached": [step.name for step in steps if step.status == "cached"],
        "failed_step": failed.name if failed else None,
        "error": failed.error if failed else None,
        "log": str(log),
    }


def _parameter(steps: dict[str, Step], step: str, name: str) -> Any:
    return steps[step].parameters.get(name) if step in steps else None


def _json_output(steps: dict[str, Step], step: str, name: str) -> dict[str, Any] | None:
    """The content of a step's JSON artifact, or None where the step did not succeed."""
    if step not in steps or name not in steps[step].artifacts:
        return None
    return json.loads(Path(steps[step].artifacts[name]).read_text(encoding="utf-8"))


def _print_step(step: Step) -> None:
    sys.stderr.write(f"{step.name:20} {step.status:10} {step.seconds:6.1f} s\n")
    sys.stderr.flush()


def parse(arguments: list[str]) -> Request:
    """The request on the command line."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.run", description=__doc__)
    parser.add_argument("pipeline", choices=["training"])
    parser.add_argument("--data", default="synthetic", help="synthetic, a path to trip files, or tlc:YYYY-MM")
    parser.add_argument("--rows", type=int, default=DEFAULT_ROWS, help="trips to generate")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    given = parser.parse_args(arguments)
    return Request(given.data, given.rows, given.seed)


def main() -> int:
    """Run the pipeline that the command line names; returns the exit status."""
    request = parse(sys.argv[1:])
    try:
        result = train(Platform(), request)  # pyright: ignore[reportCallIssue]
    except Exception as error:
        # The last line of stdout is JSON whatever happens: callers read nothing else.
        result = {"run_id": None, "status": "failed", "failed_step": None, "error": f"{type(error).__name__}: {error}"}
    if result["status"] == "failed":
        sys.stderr.write(f"failed: {result['error']}\n")
    print(json.dumps(result))
    return 0 if result["status"] == "succeeded" else 1


if __name__ == "__main__":
    sys.exit(main())
