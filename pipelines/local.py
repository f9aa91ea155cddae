"""Run a pipeline on this machine by kfp.local."""

import pipelines.kfp_without_client  # noqa: F401

# isort: split
import hashlib
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from importlib import metadata
from pathlib import Path
from typing import Any

from kfp import local

import components
from components.artifacts import ArtifactIntegrityError
from pipelines.launching import Launcher
from pipelines.local_cache import ContentCache, prune
from pipelines.observation import Step, observed
from pipelines.run_log import RunLog

# A new version of any of these makes every cached answer doubtful.
CACHE_RELEVANT = (
    *("deltalake", "evidently", "feast", "kfp", "lightgbm", "numpy", "optuna", "pandera", "polars", "pyarrow"),
    *("scikit-learn", "scipy", "xgboost-cpu"),
)


def code_hash() -> str:
    """SHA-256 over the components' source and the versions of what they compute with."""
    digest = hashlib.sha256(sys.version.encode())
    for name in CACHE_RELEVANT:
        digest.update(f"{name}=={_version(name)}\n".encode())
    folder = Path(components.__path__[0])
    for file in sorted(folder.rglob("*")):
        if file.suffix in (".py", ".yaml", ".sql", ".csv", ".html"):
            digest.update(f"{file.relative_to(folder)}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        # The one of XGBoost's two packages that the environment does without.
        return "absent"


def run_pipeline(
    pipeline: Callable[..., Any],
    arguments: dict[str, Any],
    root: Path,
    log: Path,
    report: Callable[[Step], None],
    refused: Callable[[ArtifactIntegrityError], None],
    *,
    whose: Mapping[str, str] | None = None,
    launcher: Launcher | None = None,
) -> list[Step]:
    """Run a pipeline to its end or first failure.

    Steps run one after another in processes of their own. A step with the same code and inputs of the same content as
    an earlier one is answered from the cache under ``root``, if what it made then is unchanged. A step whose process
    was killed is started anew.

    Args:
        pipeline: Function made by ``dsl.pipeline``.
        arguments: Its parameters.
        root: Folder for artifacts and cache; the oldest runs in it are deleted.
        log: File for the output of kfp and of the steps, as lines of JSON (``pipelines.run_log``); appended to.
        report: Called after each step.
        refused: Called for an earlier answer that was changed since, and is therefore not used.
        whose: Ids that each line of the log carries.
        launcher: Runs the steps elsewhere, where they find ``root`` under the same path.

    Returns:
        The steps in the order in which they ended; after a failure the last ones may be missing.
    """
    steps: list[Step] = []
    log.parent.mkdir(parents=True, exist_ok=True)
    answers = ContentCache(root / "cache" / code_hash()[:16], refused)

    def finished(step: Step) -> None:
        steps.append(step)
        report(step)

    with tempfile.TemporaryDirectory(prefix="keelson-") as scratch, RunLog(log, whose or {}) as output:
        local.init(
            runner=local.SubprocessRunner(use_venv=False),
            pipeline_root=str(root),
            workspace_root=f"{scratch}/workspace",
            raise_on_error=False,
            enable_caching=True,
            cache_root=str(answers.cache_root),
        )
        with (
            _temporary_files_in(scratch),
            redirect_stdout(output),
            observed(finished, output, answers, launcher),
            warnings.catch_warnings(),
        ):
            # kfp warns of an image without "python" in its name, which means nothing here.
            warnings.simplefilter("ignore", RuntimeWarning)
            pipeline(**arguments)
    prune(root)
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
