"""``.github/CODEOWNERS``, written from the table of roles: ``python -m infra.repository.codeowners --owner acme``.

GitHub wants the organization's name before each team, so a fork writes the file once anew.
"""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from infra.render.engine import ROOT
from infra.repository.roles import OWNED

FILE = Path(".github/CODEOWNERS")
_OWNER = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9])*")
_HEAD = """\
# Written by `make codeowners OWNER=`, from infra/repository/roles.py. The last line that fits a file decides.
"""


def codeowners(owner: str, root: Path = ROOT) -> str:
    """The file's text for an organization.

    Tests are owned as what they test: a line of a folder or file is repeated for its place below ``tests/``.
    """
    lines = []
    for one in OWNED:
        teams = " ".join(f"@{owner}/{slug}" for slug in one.owners)
        tests = f"/tests{one.path}"
        lines += [f"{path} {teams}" for path in (one.path, tests) if path == one.path or (root / tests[1:]).exists()]
    return "\n".join([_HEAD, *lines, ""])


def main(owner: Annotated[str, typer.Option(help="organization that the repository belongs to")]) -> None:
    """Write the file."""
    if not _OWNER.fullmatch(owner):
        sys.exit(
            f"make codeowners: '{owner}' is no organization: give OWNER=, as it stands in the repository's address."
        )
    (ROOT / FILE).write_text(codeowners(owner))
    print(FILE)


if __name__ == "__main__":
    typer.run(main)
