"""One thing that is still there, and who looks for it."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from infra.operations.account import Account
from infra.operations.stack import Stack
from infra.render.prices import Prices


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """A resource of the stack that exists.

    Attributes:
        kind: What people call it.
        id: What AWS calls it.
        detail: Size and state.
        monthly: USD a month, ``None`` where the price is not known.
        removal: Shell command that removes it.
        kept: Why it stays on purpose; empty where it should be gone.
    """

    kind: str
    id: str
    region: str
    detail: str
    monthly: float | None
    removal: str
    kept: str = ""


@dataclass(frozen=True, kw_only=True)
class Look:
    """Whose leftovers are looked for, in which account and region, at which prices (those of the table's region)."""

    stack: Stack
    account: Account
    account_id: str
    region: str
    prices: Prices

    def every(self, service: str, operation: str, key: str, **parameters: Any) -> list[Any]:
        """All pages of a list in this look's region."""
        return self.account.every(service, operation, key, region=self.region, **parameters)

    def ask(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """One call in this look's region."""
        return self.account.ask(service, operation, region=self.region, **parameters)

    def unit(self, name: str, quantity: float = 1) -> float | None:
        """USD a month for so many units of a row of the price table; ``None`` where it has no such row."""
        price = self.prices.prices.get(name)
        return price.monthly * quantity if price else None

    def found(self, kind: str, id_: str, removal: str, *, detail: str = "", monthly: float | None = 0) -> Leftover:
        """A leftover in this look's region; ``removal`` is an AWS command without ``aws`` and ``--region``."""
        command = f"aws {removal} --region {self.region}"
        return Leftover(kind=kind, id=id_, region=self.region, detail=detail, monthly=monthly, removal=command)


@dataclass(frozen=True, kw_only=True)
class Lister:
    """Lists one kind of resource.

    Attributes:
        kind: What people call it.
        covers: What the tagging service calls it, ``ec2:instance``, or a whole service, ``s3:``: that service keeps
            listing for hours what is gone.
    """

    kind: str
    covers: tuple[str, ...]
    look: Callable[[Look], Iterable[Leftover]]


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """All that was found.

    Attributes:
        unseen: What could not be looked at, and why: ``{"queues: permission sqs:ListQueues is missing"}``.
    """

    leftovers: tuple[Leftover, ...]
    unseen: tuple[str, ...]

    @property
    def left(self) -> tuple[Leftover, ...]:
        """What should be gone."""
        return tuple(one for one in self.leftovers if not one.kept)

    @property
    def kept(self) -> tuple[Leftover, ...]:
        """What stays on purpose."""
        return tuple(one for one in self.leftovers if one.kept)

    @property
    def clean(self) -> bool:
        """Whether it is proven that nothing is left: nothing found, and everything looked at."""
        return not self.left and not self.unseen


def monthly(leftovers: Sequence[Leftover]) -> str:
    """What they cost together: ``12.40 USD a month, and 1 without a known price``."""
    unknown = sum(one.monthly is None for one in leftovers)
    text = f"{sum(one.monthly or 0 for one in leftovers):.2f} USD a month"
    return f"{text}, and {unknown} without a known price" if unknown else text


def as_json(stack: str, sweep: Sweep) -> str:
    """``{"stack": ..., "clean": ..., "left": [...], "kept": [...], "unseen": [...]}``."""
    return json.dumps(
        {
            "stack": stack,
            "clean": sweep.clean,
            "left": [asdict(one) for one in sweep.left],
            "kept": [asdict(one) for one in sweep.kept],
            "unseen": sweep.unseen,
        }
    )


def render(stack: str, sweep: Sweep) -> Group:
    """What is left, what it costs and how to remove it, as a person reads it."""
    parts: list[Any] = []
    if sweep.left:
        parts += [_table(sweep.left, "what is left", last="USD a month"), Text()]
        parts += [Text(one.removal, overflow="ignore", no_wrap=True) for one in sweep.left]
        parts += [Text(), Text(f"Left of stack {stack}: {len(sweep.left)} resources, {monthly(sweep.left)}.", "red")]
    if sweep.kept:
        parts += [Text(), _table(sweep.kept, "kept on purpose", last="because")]
        parts += [Text(f"Kept: {monthly(sweep.kept)}.")]
    parts += [Text(f"Not looked at: {one}", "red") for one in sweep.unseen]
    if sweep.clean:
        parts += [Text(f"Nothing of stack {stack} is left" + (" but what is kept." if sweep.kept else "."), "green")]
    return Group(*parts)


def _table(leftovers: Sequence[Leftover], title: str, *, last: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in (title, "", "region", "detail", last):
        table.add_column(heading, overflow="fold", justify="right" if heading == "USD a month" else "left")
    for one in leftovers:
        price = "not known" if one.monthly is None else f"{one.monthly:.2f}"
        cells = (one.kind, one.id, one.region, one.detail, one.kept or price)
        table.add_row(*map(Text, cells))
    return table
