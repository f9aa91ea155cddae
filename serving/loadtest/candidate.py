"""Load a bundle by itself, before any caller meets it: ``python -m serving.loadtest.candidate TAG``.

The bundle is started beside the one that serves, on a port of its own, with the stack's feature server and without a
prediction log, so that nobody's figures change. Prints one JSON line on stdout last: ``met``; ``reasons``, why not;
``told``, whether the machine let it be told.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import bentoml
import typer
from rich.console import Console

from components.platform import Platform
from serving.loadtest.contestants import deployed
from serving.loadtest.load import RATE, run
from serving.loadtest.report import Budgets, can_tell, judge
from serving.loadtest.running import UnavailableError, running
from serving.loadtest.vegeta import LoadError

# One good attempt shows what the bundle can do; a bad one may be the doing of something else on the machine.
ATTEMPTS, SECONDS = 3, 10


def load(bundle: Path, feature_server: str, console: Console) -> dict[str, Any]:
    """What came of loading a bundle, as the module says.

    Raises:
        LoadError: The load generator failed, or is not there.
    """
    budgets, reasons, told = Budgets(), [], False
    with tempfile.TemporaryDirectory(prefix="keelson-load-") as folder:
        scratch = Path(folder)
        try:
            with running(deployed(bundle, scratch, feature_server), scratch) as server:
                for _ in range(ATTEMPTS):
                    found = run(server.url, RATE, SECONDS)
                    reasons, told = judge(found, budgets), told or can_tell(found, budgets)
                    console.print(
                        f"{RATE} requests/s: p99 {found.p99_milliseconds:.1f} ms, {found.error_share:.2%} failed"
                    )
                    if not reasons:
                        return {"met": True, "reasons": [], "told": True}
        except UnavailableError as error:
            return {"met": False, "reasons": [str(error)], "told": True}
    return {"met": False, "reasons": reasons, "told": told}


def main(tag: Annotated[str, typer.Argument(help="of the bundle, name:version")]) -> None:
    """Load a bundle and hold it to the budgets of ``make loadtest``."""
    platform = Platform()  # pyright: ignore[reportCallIssue]
    try:
        found = load(Path(bentoml.get(tag).path), platform.feast_server_url, Console(stderr=True))
    except LoadError as error:
        sys.exit(f"make release: {error}")
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    typer.run(main)
