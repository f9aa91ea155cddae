"""What the clone that this runs from knows about commits."""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from pipelines.lineage.records import CommitRecord

_SHA = re.compile(r"[0-9a-f]{40}")


def known(shas: Iterable[str], clone: Path) -> dict[str, CommitRecord]:
    """The commits that the clone has, by SHA-1; none outside a clone."""
    asked = sorted({sha for sha in shas if _SHA.fullmatch(sha)})
    found = _log(["--no-walk", "--ignore-missing", *asked], clone) if asked else []
    return {commit.sha: commit for commit in found}


def resolve(beginning: str, clone: Path) -> CommitRecord | None:
    """The commit whose SHA-1 begins so, or None where the clone has none, or several."""
    found = _log(["-1", f"{beginning}^{{commit}}"], clone)
    # A branch may have a name of hexadecimal digits.
    return next((commit for commit in found if commit.sha.startswith(beginning)), None)


def _log(arguments: list[str], clone: Path) -> list[CommitRecord]:
    command = ["git", "-C", str(clone), "log", "--format=%H%x00%cI%x00%s", *arguments, "--"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return []
    lines = [line.split("\0") for line in told.stdout.splitlines()]
    return [CommitRecord(sha=sha, time=time, subject=subject) for sha, time, subject in lines]
