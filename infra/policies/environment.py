"""`python -m infra.policies.environment`: make the policy pack's own environment, where Pulumi looks for it.

It is ``infra/policies/pack/.venv``, equal to the lock beside it. Packages come from the tools' cache once they are
there, so that it can be made again without a network.
"""

import os
import sys
from pathlib import Path

from infra.tools import cache, environment
from infra.tools.catalogue import load
from infra.tools.find import Search, search_path
from infra.tools.install import CLONE

PACK = Path(__file__).with_name("pack")


def interpreter() -> Path:
    """Python of the pack's environment, which is made where it is not there or not current.

    Raises:
        environment.EnvironmentFailed: It cannot be made.
    """
    search = Search(search_path(os.environ.get("PATH", ""), CLONE), cache.locate(dict(os.environ)))
    with search.cache.lock("policies", lambda: _say("policies: another install is at it; waiting")):
        python = environment.choose_python(PACK, search.path)
        if not environment.is_current(PACK, python):
            _say("policies: uv sync --frozen")
            environment.sync(PACK, python, environment.obtain_uv(load().uv, search, _say), search.cache)
    return PACK / ".venv" / "bin" / "python"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        print(interpreter())
    except environment.EnvironmentFailed as error:
        sys.exit(str(error))
