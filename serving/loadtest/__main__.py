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
from rich.table import Table

from components.platform import Platform
from serving.loadtest.load import RATE, SECONDS, run
from serving.loadtest.report import Budgets, Report, judge
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
    console.print(show(found, budgets))
    for reason in reasons:
        console.print(f"not met: {reason}", highlight=False, soft_wrap=True)
    print(json.dumps({**asdict(found), "met": not reasons, "reasons": reasons}), flush=True)
    if reasons:
        sys.exit(1)


def show(found: Report, budgets: Budgets) -> Table:
    """The figures beside their budgets."""
    table = Table(box=None, pad_edge=False)
    for heading in ("figure", "measured", "budget"):
        table.add_column(heading, justify="left" if heading == "figure" else "right")
    table.add_row("good answers", f"{found.answered_per_second:.1f}/s", "")
    table.add_row("p50", f"{found.p50_milliseconds:.1f} ms", "")
    table.add_row("p95", f"{found.p95_milliseconds:.1f} ms", "")
    table.add_row("p99", f"{found.p99_milliseconds:.1f} ms", f"{budgets.p99_milliseconds:g} ms")
    table.add_row("slowest", f"{found.max_milliseconds:.1f} ms", "")
    table.add_row("errors", f"{found.error_share:.2%}", f"{budgets.error_share:.2%}")
    table.add_row("load generator late by at most", f"{found.late_milliseconds:.1f} ms", "")
    return table


if __name__ == "__main__":
    typer.run(main)
