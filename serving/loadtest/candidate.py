"""Load a bundle by itself, before any caller meets it: ``python -m serving.loadtest.candidate TAG --serves TAG``.

The bundle is started beside the one that serves, on a port of its own, with the stack's feature server and without a
prediction log, so that nobody's figures change. One that is over its budgets is told from a machine that has other work
to do by loading the bundle that serves in the same way, started beside it too. Prints one JSON line on stdout last:
``met``; ``reasons``, why not; ``told``, whether it is the bundle's doing.
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
from serving.loadtest.report import Budgets, judge
from serving.loadtest.running import UnavailableError, running
from serving.loadtest.vegeta import LoadError

# One good attempt shows what the bundle can do; a bad one may be the doing of something else on the machine.
ATTEMPTS, SECONDS = 3, 10


def load(bundle: Path, serves: Path, feature_server: str, console: Console) -> dict[str, Any]:
    """What came of loading a bundle, as the module says.

    Args:
        bundle: Folder of the one to try.
        serves: Folder of the one that serves.
        feature_server: Address.
        console: Told of each attempt.

    Raises:
        LoadError: The load generator failed, or is not there.
    """
    try:
        reasons = attempts(bundle, feature_server, console)
    except UnavailableError as error:
        return {"met": False, "reasons": [str(error)], "told": True}
    if not reasons:
        return {"met": True, "reasons": [], "told": True}
    console.print("it is over its budgets; the bundle that serves, loaded in the same way:")
    try:
        also = attempts(serves, feature_server, console)
    except UnavailableError as error:
        also = [str(error)]
    said = [f"the bundle that serves does no better on this machine now: {reason}" for reason in also]
    return {"met": False, "reasons": [*reasons, *said], "told": not also}


def attempts(bundle: Path, feature_server: str, console: Console) -> list[str]:
    """Why no attempt at loading a bundle met the budgets, by the last one; empty where one did.

    Raises:
        UnavailableError: The bundle does not start, or does not answer.
        LoadError: As ``load``.
    """
    budgets, reasons = Budgets(), []
    with tempfile.TemporaryDirectory(prefix="keelson-load-") as folder:
        scratch = Path(folder)
        with running(deployed(bundle, scratch, feature_server), scratch) as server:
            for _ in range(ATTEMPTS):
                found = run(server.url, RATE, SECONDS)
                reasons = judge(found, budgets)
                console.print(f"{RATE} requests/s: p99 {found.p99_milliseconds:.1f} ms, {found.error_share:.2%} failed")
                if not reasons:
                    break
    return reasons


def main(
    tag: Annotated[str, typer.Argument(help="of the bundle, name:version")],
    serves: Annotated[str, typer.Option(help="of the bundle that serves")],
) -> None:
    """Load a bundle and hold it to the budgets of ``make loadtest``."""
    platform = Platform()  # pyright: ignore[reportCallIssue]
    try:
        tried, beside = (Path(bentoml.get(one).path) for one in (tag, serves))
        found = load(tried, beside, platform.feast_server_url, Console(stderr=True))
    except LoadError as error:
        sys.exit(f"make release: {error}")
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    typer.run(main)
