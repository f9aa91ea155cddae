"""The code that a run was made by, in a folder."""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.artifacts import digest
from pipelines.reproduce.recorded import CannotReproduceError, RecordedRun

WORKER = "pipelines.reproduce.rebuild"


@contextmanager
def code_of(run: RecordedRun, clone: Path, *, allow_dirty: bool) -> Iterator[Path]:
    """The root of the code: the clone itself where it is at the run's commit unchanged, else the commit's files.

    Args:
        run: The run.
        clone: Root of the clone.
        allow_dirty: Take the clone as it is for a run whose code no commit holds.

    Raises:
        CannotReproduceError: No commit holds the run's code, the clone does not have the commit, the commit is older
            than this module, or the code was made for other packages than are installed.
    """
    if run.dirty or not run.commit:
        if not allow_dirty:
            raise CannotReproduceError(_no_commit(run))
        yield clone
        return
    if _git(clone, "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*") == run.commit:
        _check_packages(run, clone, clone)
        yield clone
        return
    with tempfile.TemporaryDirectory(prefix="keelson-code-") as folder:
        root = Path(folder)
        _extract(run, clone, root)
        _check_packages(run, root, clone)
        yield root


def _no_commit(run: RecordedRun) -> str:
    why = f"files differed from commit {run.commit}" if run.dirty else "it was made outside a clone"
    return (
        f"run {run.run_id} cannot be rebuilt exactly: {why}, so no commit holds its code; "
        "--allow-dirty rebuilds it with the code that is here"
    )


def _extract(run: RecordedRun, clone: Path, root: Path) -> None:
    """Write the commit's files; the clone and its index stay as they are."""
    archive = subprocess.run(["git", "-C", str(clone), "archive", run.commit], capture_output=True, check=False)
    if archive.returncode != 0:
        raise CannotReproduceError(
            f"commit {run.commit} of run {run.run_id} is not in this clone; bring it here with `git fetch`"
        )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(root, filter="data")
    if not (root / WORKER.replace(".", "/")).with_suffix(".py").is_file():
        raise CannotReproduceError(f"commit {run.commit} is from before runs could be rebuilt: it has no {WORKER}")


def _check_packages(run: RecordedRun, root: Path, clone: Path) -> None:
    """Raise where the run was made with other packages than those of the clone's lock file, which are installed."""
    here = digest(clone / "uv.lock")
    if run.lock_sha256 not in ("", here):
        raise CannotReproduceError(
            f"run {run.run_id} was made with other packages: its uv.lock has SHA-256 {run.lock_sha256}, the one here "
            f"{here}; reproduce it in a clone at its commit: git worktree add ../at-{run.commit[:7]} {run.commit}, "
            "then `make env` there"
        )


def _git(clone: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(clone), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip()
