"""The statement of a stack's cost, and its page."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.render.prices import HOURS, Price, Prices


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that is paid for.

    Attributes:
        resource: Logical name.
        item: What of it is paid for.
        price: For one unit, with its source.
        at_rest: Units a month while nobody uses the stack.
        at_load: Units a month at the stated load.
        note: What the figure does not say.
    """

    resource: str
    item: str
    price: Price
    at_rest: float
    at_load: float
    note: str = ""

    @property
    def idle(self) -> float:
        """USD a month of a stack that nobody uses."""
        return self.price.usd * self.at_rest

    @property
    def loaded(self) -> float:
        """USD a month at the stated load."""
        return self.price.usd * self.at_load

    def row(self) -> str:
        """The line as a row of the page's table."""
        amount = " → ".join(dict.fromkeys((_short(self.at_rest), _short(self.at_load))))
        source = f"{self.price.source}{', approximate' if self.price.approximate else ''}"
        return (
            f"| {self.resource} | {self.item} | {amount} | {self.price.usd:g} / {self.price.unit} | "
            f"{self.idle:.2f} | {self.loaded:.2f} | {source} | {self.note} |"
        )


@dataclass(frozen=True, kw_only=True)
class CostReport:
    """All lines of a stack, dearest first, and what could not be priced.

    Attributes:
        unknown: What has no price, in words; it is in no sum.
        free: Types of the stack that cost nothing by themselves, and why.
    """

    stack: str
    lines: tuple[Line, ...]
    unknown: tuple[str, ...]
    free: Mapping[str, str]
    table: Prices

    @property
    def idle(self) -> float:
        """USD a month of a stack that nobody uses."""
        return sum(line.idle for line in self.lines)

    @property
    def loaded(self) -> float:
        """USD a month at the stated load."""
        return sum(line.loaded for line in self.lines)

    @property
    def approximate(self) -> float:
        """USD a month, of those idle, at prices that move or that no price list was found for."""
        return sum(line.idle for line in self.lines if line.price.approximate)

    def markdown(self) -> str:
        """The report as a page: sums, what is unknown, lines, load, sources, what is free."""
        used = sorted({line.price.source for line in self.lines})
        sections = {
            "Not in the sums, because no price is known": [f"- {one}" for one in self.unknown] or ["Nothing."],
            "Lines": [
                "| resource | item | a month | price | idle, USD | at load, USD | source | note |",
                "|---|---|---:|---:|---:|---:|---|---|",
                *(line.row() for line in self.lines),
            ],
            "The stated load, a month": _assumptions(self.table.load.model_dump()),
            "At rest, a month": _assumptions(self.table.rest.model_dump()),
            "Sources": [f"- {name}: {self.table.sources[name]}" for name in used],
            "Costs nothing by itself": [f"- {kind}: {why}" for kind, why in self.free.items()],
        }
        page = [f"# Cost of {self.stack}", "", *self._summary()]
        for title, lines in sections.items():
            page += ["", f"## {title}", "", *lines]
        return "\n".join([*page, ""])

    def _summary(self) -> list[str]:
        return [
            f"**{self.idle:.2f} USD a month idle, {self.loaded:.2f} at the stated load.** List prices of "
            f"{self.table.region}, {self.table.dated}, {HOURS} hours. Of the idle sum, {self.approximate:.2f} are at "
            "approximate prices. Left out: tax, support, data between zones, what machines that can burst use above "
            "their baseline, and each note below.",
        ]


def _short(amount: float) -> str:
    return f"{amount:.2f}".rstrip("0").rstrip(".")


def _assumptions(values: Mapping[str, object]) -> list[str]:
    rows = [f"| {name.replace('_', ' ')} | {value} |" for name, value in values.items()]
    return ["| what | how much |", "|---|---|", *rows]
