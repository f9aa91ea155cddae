"""What the checked-out sources are: their commit, and the digest by which they are promoted."""

import subprocess
from pathlib import Path


class SourcesError(RuntimeError):
    """Git does not say what is checked out."""


def tree(workspace: Path) -> str:
    """Hash of the tree of the checked-out commit: a merge that changes no file has that of what it merged.

    Raises:
        SourcesError: It is no clone.
    """
    asked = ["git", "-C", str(workspace), "rev-parse", "HEAD^{tree}"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SourcesError(f"{workspace} is no clone of the project: {done.stderr.strip()}")
    return done.stdout.strip()
