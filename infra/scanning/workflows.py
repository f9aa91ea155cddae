"""`python -m infra.scanning.workflows`: actionlint and zizmor over GitHub's workflows; exit status 1: a finding.

Actionlint knows what a workflow and its expressions may be, zizmor how workflows are attacked. Neither needs a network.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

from infra.tools.install import CLONE
from infra.tools.program import MissingProgramError, program

FOLDER = CLONE / ".github"


def commands(folder: Path) -> list[list[str]]:
    """Both checks of the folder ``.github``.

    Raises:
        MissingProgramError: Actionlint can be had in no way.
    """
    actionlint, zizmor = program("actionlint", group="checks"), Path(sysconfig.get_path("scripts")) / "zizmor"
    files = [str(file) for file in sorted((folder / "workflows").glob("*.yml"))]
    return [
        # It would call these where they happen to be on PATH, and find more on one machine than on another.
        [str(actionlint), "-shellcheck=", "-pyflakes=", *files],
        [str(zizmor), "--offline", "--persona", "pedantic", "--no-progress", str(folder)],
    ]


def main() -> int:
    """Run both, also where the first finds something; returns the exit status."""
    try:
        checks = commands(FOLDER)
    except MissingProgramError as error:
        sys.exit(str(error))
    done = [subprocess.run(command, cwd=CLONE, check=False).returncode for command in checks]
    return 1 if any(done) else 0


if __name__ == "__main__":
    sys.exit(main())
