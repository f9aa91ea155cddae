"""Brings a copy of a stack's data up beside the original, compares both, and says what the copy costs.

Usage: ``python -m infra.operations.restore --stack prod --snapshot ID --as drill [--at 2026-11-20T08:00:00Z]``, and
``python -m infra.operations.restore --stack prod --as drill --delete`` to remove it again. Exit code 1 if copy and
original differ. Run it again after an interruption. The original is only read.
"""

import datetime
import sys
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from infra.operations.account import Account, AccountError
from infra.operations.patience import Patience, TimedOut
from infra.operations.restore import buckets, databases, registry
from infra.operations.restore.copy import PURPOSES, REPOSITORIES, Compared, Copy, CopyError, checked_suffix
from infra.operations.stack import StackError, load
from infra.render.prices import prices

# A large snapshot takes RDS the better part of an hour.
_DATABASE_SECONDS = 3600


def main(
    stack: Annotated[str, typer.Option(help="dev, staging or prod")],
    name: Annotated[str, typer.Option("--as", help="what the copy's names end with, such as drill")],
    snapshot: Annotated[str, typer.Option(help="RDS snapshot of the stack's Postgres")] = "",
    at: Annotated[str, typer.Option(help="copy buckets as they were then, 2026-11-20T08:00:00Z")] = "",
    delete: Annotated[bool, typer.Option("--delete", help="Remove the copy.")] = False,
) -> None:
    """Bring a copy of a stack's database, buckets and images up beside the original."""
    console = Console(stderr=True)
    try:
        chosen = load(stack)
        account = Account(chosen.region)
        account_id = account.ask("sts", "get_caller_identity")["Account"]
        copy = Copy(
            stack=chosen, account=account, account_id=account_id, suffix=checked_suffix(name), moment=moment(at)
        )
        if delete:
            remove(copy, console)
            return
        if not snapshot:
            raise CopyError(
                f"Say from which snapshot, with --snapshot: `aws rds describe-db-snapshots --db-instance-identifier "
                f"{chosen.prefix}-postgres --region {chosen.region}` lists them."
            )
        found = restore(copy, snapshot, console, pause=15)
    except (StackError, AccountError, CopyError, TimedOut) as error:
        sys.exit(f"restore: {error}")
    Console().print(table(found))
    if not all(one.equal for one in found):
        sys.exit("restore: the copy differs from the original; run it again to copy what is missing")
    print(f"Remove the copy with: python -m infra.operations.restore --stack {stack} --as {name} --delete")


def moment(text: str) -> datetime.datetime | None:
    """The time that the user gave.

    Raises:
        CopyError: It is none, or has no time zone.
    """
    if not text:
        return None
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise CopyError(f"'{text}' is no time with a zone: give one such as 2026-11-20T08:00:00Z.")
    return found


def restore(copy: Copy, snapshot: str, console: Console, *, pause: float) -> list[Compared]:
    """Make, or go on making, the copy; then compare.

    Args:
        pause: Seconds between two looks at the database.

    Raises:
        CopyError, AccountError, TimedOut: It cannot be made.
    """
    databases.described_snapshot(copy, snapshot)
    patience = Patience(tell=console.print, seconds=_DATABASE_SECONDS, pause=pause)
    with Progress(console=console) as progress:

        def bar(title: str) -> Callable[[int, int], None]:
            task = progress.add_task(title, total=None)
            return lambda done, of: progress.update(task, completed=done, total=of)

        for purpose in PURPOSES:
            buckets.restore(copy, purpose, bar(f"bucket {purpose}"))
        for purpose in REPOSITORIES:
            registry.restore(copy, purpose, bar(f"images {purpose}"))
    databases.restore(copy, snapshot)
    patience.until_gone("databases that do not serve yet", lambda: databases.starting(copy))
    table_ = prices()
    return [
        databases.compared(copy, snapshot, table_),
        *(buckets.compared(copy, purpose, table_) for purpose in PURPOSES),
        *(registry.compared(copy, purpose, table_) for purpose in REPOSITORIES),
    ]


def remove(copy: Copy, console: Console) -> None:
    """Remove the copy; what is not there is no failure."""
    databases.delete(copy)
    for purpose in PURPOSES:
        buckets.delete(copy, purpose)
    for purpose in REPOSITORIES:
        registry.delete(copy, purpose)
    console.print(f"The copy '{copy.suffix}' of stack {copy.stack.name} is gone; its database ends within minutes.")


def table(found: list[Compared]) -> Table:
    """Original and copy side by side, and what the copy costs."""
    shown = Table(box=None, pad_edge=False)
    for heading in ("", "original", "copy", "", "USD a month"):
        shown.add_column(heading, justify="right" if heading.startswith("USD") else "left")
    for one in found:
        price = "not known" if one.monthly is None else f"{one.monthly:.2f}"
        shown.add_row(one.what, one.original, one.copy, "equal" if one.equal else "[red]differs[/]", price)
    shown.add_row("", "", "", "", f"{sum(one.monthly or 0 for one in found):.2f}")
    return shown


if __name__ == "__main__":
    typer.run(main)
