"""The program of a tool, mostly of one that is no part of the stack: what needs it gets it, when it needs it.

``python -m infra.tools.program GROUP NAME`` prints its path, for those who may not import this.
"""

import os
import sys
from pathlib import Path

from infra.tools import cache
from infra.tools.catalogue import load
from infra.tools.find import Missing, Search, obtain, search_path
from infra.tools.install import CLONE, how_to_get, is_offline
from infra.tools.release import Downloads


class MissingProgramError(RuntimeError):
    """A tool can be had in no way; the message names the ways and why each failed."""


def program(name: str, *, group: str | None) -> Path:
    """A tool from PATH or the cache, else from its release, else built. What takes time is told on stderr.

    Args:
        name: The tool's.
        group: What needs it; None for the stack's own tools.

    Raises:
        MissingProgramError: It can be had in none of these ways.
    """
    search = Search(search_path(os.environ.get("PATH", ""), CLONE), cache.locate(dict(os.environ)))
    (tool,) = (one for one in load(group=group).tools if one.name == name)
    found = obtain(tool, search, {}, Downloads(offline=is_offline()), lambda line: print(line, file=sys.stderr))
    if isinstance(found, Missing):
        raise MissingProgramError(f"{name} is missing ({'; '.join(found.reasons)}). {how_to_get(tool)}")
    return found.programs[name]


def main() -> None:
    """Print the path of the program that the command line names."""
    group, name = sys.argv[1:]
    try:
        print(program(name, group=group))
    except MissingProgramError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
