"""Load the running service and hold it to its budgets: ``python -m serving.loadtest --rate 50 --seconds 30``.

Prints a table on stderr and one JSON line on stdout last. Exit status 1: a budget was not met, or no load could be
sent; the last lines on stderr say which.
"""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from components.platform import Platform
from serving.loadtest.load import RATE, SECONDS, run
from serving.loadtest.report import Budgets, judge
from serving.loadtest.tables import report_table
from serving.loadtest.vegeta import LoadError


def main(
    rate: Annotated[int, typer.Option(min=1, help="requests per second, one trip each")] = RATE,
    seconds: Annotated[int, typer.Option(min=1, help="for how long")] = SECONDS,
    url: Annotated[str | None, typer.Option(help="address of the service; else that of the stack")] = None,
) -> None:
    """Send trips at a fixed rate and print how fast and how well they were answered."""
    console = Console(stderr=True)
    address = url or Platform().serving_url  # pyright: ignore[reportCallIssue]
    console.print(f"{rate} requests/s for {seconds} s to {address}")
    try:
        found = run(address, rate, seconds)
    except LoadError as error:
        sys.exit(f"make loadtest: {error}")
    except KeyboardInterrupt:
        sys.exit("make loadtest: interrupted; nothing was judged")
    budgets = Budgets()
    reasons = judge(found, budgets)
    console.print(report_table(found, budgets))
    for reason in reasons:
        console.print(f"not met: {reason}", highlight=False, soft_wrap=True)
    print(json.dumps({**asdict(found), "met": not reasons, "reasons": reasons}), flush=True)
    if reasons:
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
