"""Run a pipeline on this machine by kfp.local and observe its steps.

kfp.local tells nobody when a step starts or ends, so the two functions of its that run one step are wrapped while
a pipeline runs: one is called for every step, the other only for a step that the cache did not answer.
"""

import pipelines.kfp_without_client  # noqa: F401

# isort: split
import hashlib
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from kfp import dsl, local
from kfp.local import status, task_dispatcher
from kfp.local.orchestrator import task_executor

import components

# A new version of any of these makes every cached answer doubtful.
CACHE_RELEVANT = ("deltalake", "feast", "kfp", "lightgbm", "numpy", "polars", "pyarrow")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a pipeline run.

    Attributes:
        name: The component's name, e.g. ``build_features``.
        status: ``succeeded``, ``cached`` or ``failed``.
        started: Start, UTC.
        seconds: Wall time.
        parameters: Output parameters by name.
        artifacts: Paths of output artifacts by name.
        error: What went wrong, or empty.
    """

    name: str
    status: str
    started: datetime
    seconds: float
    parameters: dict[str, Any]
    artifacts: dict[str, str]
    error: str = ""


def code_hash() -> str:
    """SHA-256 over the components' source and the versions of what they compute with."""
    digest = hashlib.sha256(sys.version.encode())
    for name in CACHE_RELEVANT:
        digest.update(f"{name}=={metadata.version(name)}\n".encode())
    folder = Path(components.__path__[0])
    for file in sorted(folder.rglob("*")):
        if file.suffix in (".py", ".yaml", ".sql"):
            digest.update(f"{file.relative_to(folder)}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def run_pipeline(
    pipeline: Callable[..., Any],
    arguments: dict[str, Any],
    root: Path,
    log: Path,
    report: Callable[[Step], None],
) -> list[Step]:
    """Run a pipeline to its end or first failure.

    Steps run one after another in processes of their own; a step with the same inputs and the same code as an
    earlier one is answered from the cache under ``root``.

    Args:
        pipeline: Function made by ``dsl.pipeline``.
        arguments: Its parameters.
        root: Folder for artifacts and cache.
        log: File for the output of kfp and of the steps; appended to.
        report: Called after each step.

    Returns:
        The steps in the order in which they ended; after a failure the last ones may be missing.
    """
    steps: list[Step] = []
    log.parent.mkdir(parents=True, exist_ok=True)

    def finished(step: Step) -> None:
        steps.append(step)
        report(step)

    with tempfile.TemporaryDirectory(prefix="keelson-") as scratch, log.open("a", encoding="utf-8") as output:
        local.init(
            runner=local.SubprocessRunner(use_venv=False),
            pipeline_root=str(root),
            workspace_root=f"{scratch}/workspace",
            raise_on_error=False,
            enable_caching=True,
            cache_root=str(root / "cache" / code_hash()[:16]),
        )
        with _temporary_files_in(scratch), redirect_stdout(output), _observed(finished, log), warnings.catch_warnings():
            # kfp warns of an image without "python" in its name, which means nothing here.
            warnings.simplefilter("ignore", RuntimeWarning)
            pipeline(**arguments)
    return steps


@contextmanager
def _temporary_files_in(folder: str) -> Iterator[None]:
    """Let child processes make temporary files in a folder: kfp.local leaves one folder per step behind."""
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = folder
    try:
        yield
    finally:
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before


@contextmanager
def _observed(finished: Callable[[Step], None], log: Path) -> Iterator[None]:
    """Call ``finished`` after each step that kfp.local runs in the block."""
    execute, launch = task_executor.execute_single_task, task_dispatcher.run_single_task_implementation
    launched: set[str] = set()

    def observed_launch(**call: Any) -> Any:
        launched.add(call["component_name"])
        return launch(**call)

    def observed_execute(**call: Any) -> Any:
        component = call["task_spec"].component_ref.name
        launched.discard(component)
        sys.stdout.flush()
        started, offset = datetime.now(UTC), log.stat().st_size
        outputs, outcome, error = {}, None, ""
        try:
            outputs, outcome = execute(**call)
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
            raise
        finally:
            sys.stdout.flush()
            good = outcome == status.Status.SUCCESS
            finished(
                Step(
                    name=component.removeprefix("comp-").replace("-", "_"),
                    status=("succeeded" if component in launched else "cached") if good else "failed",
                    started=started,
                    seconds=(datetime.now(UTC) - started).total_seconds(),
                    parameters={k: v for k, v in outputs.items() if not isinstance(v, dsl.Artifact)},
                    artifacts={k: v.path for k, v in outputs.items() if isinstance(v, dsl.Artifact)},
                    error="" if good else error or error_in(_text_from(log, offset)),
                )
            )
        return outputs, outcome

    task_executor.execute_single_task = observed_execute
    task_dispatcher.run_single_task_implementation = observed_launch
    try:
        yield
    finally:
        task_executor.execute_single_task, task_dispatcher.run_single_task_implementation = execute, launch


def _text_from(log: Path, offset: int) -> str:
    """What was written to a file after an offset in bytes."""
    with log.open("rb") as file:
        file.seek(offset)
        return file.read().decode(errors="replace")


def error_in(output: str) -> str:
    """The exception that ended a step, from the step's output; the last line where there is no traceback."""
    before, traceback, after = output.rpartition("Traceback (most recent call last):")
    if not traceback:
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        return f"the step's process ended without a traceback; it said last: {lines[-1] if lines else 'nothing'}"
    indent = len(before) - len(before.rstrip(" "))
    message: list[str] = []
    for line in after.splitlines()[1:]:
        if message and not line.strip():
            break
        if message or (line.strip() and len(line) - len(line.lstrip()) <= indent):
            message.append(line.strip())
    return "\n".join(message)
