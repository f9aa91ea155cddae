"""Run one pipeline on this machine and keep in MLflow what was run, by whom, with what, and what came of it."""

import getpass
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components import contract
from components.artifacts import ArtifactIntegrityError, digest
from components.platform import Platform
from components.recording import open_run
from components.tracking import Run, Tracking
from components.versions import COMPONENT_VERSIONS
from pipelines.launching import Launcher
from pipelines.local import run_pipeline
from pipelines.observation import Step

_LOCK_FILE = Path(__file__).parents[1] / "uv.lock"
# Tag of a run: why it was started.
REASON = "keelson.reason"
_LONGEST_TAG = 5000
_DATA_PAGES = ("ingest", "validate", "profile", "detect_skew")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A pipeline with its arguments.

    Attributes:
        name: The pipeline's name.
        version: Its version.
        pipeline: Function made by ``dsl.pipeline``; it takes the arguments, ``run`` and ``commit``.
        arguments: What it is run with.
        reason: Why, in words; may be empty.
    """

    name: str
    version: str
    pipeline: Callable[..., Any]
    arguments: Mapping[str, Any]
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where steps run.

    Attributes:
        run: Key of the run, the same when it begins anew because this process was killed.
        root: Folder for artifacts, which steps find under the same path.
        by: Program that runs them.
        image: Image of the steps, as their run is to note it; empty where they are processes of this machine, of the
            environment that the lock file names.
        launcher: Runs them, where they are not.
    """

    run: str
    root: Path
    by: str
    image: str = ""
    launcher: Launcher | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a run.

    Attributes:
        run: The MLflow run.
        steps: In the order in which they ended.
        seconds: Wall time.
        log: What kfp and the steps said.
    """

    run: Run
    steps: tuple[Step, ...]
    seconds: float
    log: Path

    @property
    def failed(self) -> Step | None:
        """The step at which the run failed, or None."""
        return next((step for step in self.steps if step.status == "failed"), None)

    @property
    def succeeded(self) -> bool:
        """Whether every step did what it should; a run without any step did not."""
        return bool(self.steps) and self.failed is None

    def step(self, name: str) -> Step | None:
        """A step by its name, or None where it did not run."""
        return next((step for step in self.steps if step.name == name), None)


def execute(platform: Platform, job: Job, place: Place | None = None) -> Outcome:
    """Run a pipeline; a failed step is an answer, not an exception.

    Args:
        platform: The stack that it works on.
        job: What is run.
        place: Where its steps run; else on this machine.

    Raises:
        components.tracking.TrackingError: MLflow does not answer.
    """
    began = time.monotonic()
    place = place or Place(run=new_key(job.name), root=Path(platform.pipeline_root), by="pipelines.run")
    key, root = place.run, place.root
    log = root / "logs" / f"{key}.log"
    commit = current_commit()
    with Tracking(platform.mlflow_tracking_uri) as tracking:
        run = open_run(tracking, key, parameters=dict(job.arguments), tags=run_tags(platform, job, commit, place))
        arguments = {**job.arguments, "run": key, "commit": commit}
        steps: list[Step] = []
        try:
            whose = {"run": key, "run_id": run.run_id}
            steps = run_pipeline(
                job.pipeline, arguments, root, log, _print_step, _print_refusal, whose=whose, launcher=place.launcher
            )
        finally:
            good = bool(steps) and all(step.status != "failed" for step in steps)
            tracking.log(run, metrics=step_seconds(steps), tags=step_tags(steps))
            for path, page in data_pages(steps).items():
                tracking.upload(run, page, path)
            tracking.close_run(run, "FINISHED" if good else "FAILED")
    return Outcome(run=run, steps=tuple(steps), seconds=time.monotonic() - began, log=log)


def new_key(name: str) -> str:
    """A key for a run of a pipeline."""
    return f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def run_tags(platform: Platform, job: Job, commit: str, place: Place) -> dict[str, str]:
    """Where a run comes from: stack, commit, and what ``provenance`` has."""
    said = provenance(
        job.name,
        job.version,
        COMPONENT_VERSIONS,
        image=place.image,
        lock_sha256=lock_sha256(),
        by=place.by,
        reason=job.reason,
    )
    return {"keelson.stack": platform.stack, "keelson.commit": commit, **said}


def provenance(
    pipeline: str,
    version: str,
    component_versions: Mapping[str, str],
    *,
    image: str,
    lock_sha256: str,
    by: str,
    reason: str = "",
) -> dict[str, str]:
    """Tags that say what a run is a run of, in what it runs, who started it, and why.

    Args:
        pipeline: Its name.
        version: Its version.
        component_versions: By component.
        image: Image of the steps, by digest; empty where they are processes.
        lock_sha256: Of the file that names their packages; empty where that is not known.
        by: Program that starts the run.
        reason: Why, in words; without one there is no tag for it.
    """
    return ({REASON: reason[:_LONGEST_TAG]} if reason else {}) | {
        "keelson.image": image,
        "keelson.feature_service": contract.FEATURE_SERVICE,
        "keelson.lock_sha256": lock_sha256,
        "keelson.pipeline": pipeline,
        "keelson.pipeline_version": version,
        "keelson.component_versions": json.dumps(dict(component_versions)),
        "keelson.started_by": f"{_user()}@{socket.gethostname()} by {by}",
    }


def _user() -> str:
    """Who this process is; a pod's user has a number, and no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def lock_sha256() -> str:
    """SHA-256 of this source tree's ``uv.lock``, or empty outside one."""
    return digest(_LOCK_FILE) if _LOCK_FILE.exists() else ""


def current_commit() -> str:
    """The commit that the code is at, marked where files differ from it; empty outside a repository."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def step_tags(steps: list[Step]) -> dict[str, str]:
    """One tag a step, as JSON: version, status, start, seconds, outputs, artifacts with their digests, error."""
    return {
        f"keelson.step.{step.name}": json.dumps(
            {
                "version": COMPONENT_VERSIONS.get(step.component, ""),
                "status": step.status,
                "started": step.started.isoformat(),
                "seconds": round(step.seconds, 3),
                "attempts": step.attempts,
                "parameters": step.parameters,
                "artifacts": step.artifacts,
                "digests": step.digests,
                "error": step.error[:2000],
            },
            default=str,
        )
        for step in steps
    }


def data_pages(steps: list[Step]) -> dict[str, Path]:
    """Pages about the data by their path among the run's artifacts; those about the model are stored with it."""
    return {
        f"reports/{step.name}.html": Path(step.artifacts["page"])
        for step in steps
        if step.name in _DATA_PAGES and "page" in step.artifacts
    }


def step_seconds(steps: list[Step]) -> dict[str, float]:
    """Seconds of each step, as metrics of the run."""
    return {f"seconds.{step.name}": step.seconds for step in steps}


def result(outcome: Outcome) -> dict[str, Any]:
    """What every pipeline's JSON line says of a run."""
    failed = outcome.failed
    return {
        "run_id": outcome.run.run_id,
        "status": "succeeded" if outcome.succeeded else "failed",
        "seconds": {step.name: round(step.seconds, 2) for step in outcome.steps},
        "total_seconds": round(outcome.seconds, 2),
        "cached": [step.name for step in outcome.steps if step.status == "cached"],
        "restarted": [step.name for step in outcome.steps if step.attempts > 1],
        "failed_step": failed.name if failed else None,
        "error": failed.error if failed else None,
        "log": str(outcome.log),
    }


def _print_step(step: Step) -> None:
    sys.stderr.write(f"{step.name:28} {step.status:10} {step.seconds:6.1f} s\n")
    sys.stderr.flush()


def _print_refusal(fault: ArtifactIntegrityError) -> None:
    sys.stderr.write(f"an earlier answer is not used: {fault}\n")
    sys.stderr.flush()
