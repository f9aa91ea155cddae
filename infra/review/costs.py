"""What a change costs: the lines of two cost pages beside each other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# Less than this is rounding.
_CENT = 0.005
_COLUMNS = 8

Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Amount:
    """USD a month: of a stack that nobody uses, and at the stated load."""

    idle: float = 0.0
    loaded: float = 0.0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(idle=self.idle + other.idle, loaded=self.loaded + other.loaded)


@dataclass(frozen=True, kw_only=True)
class Move:
    """One line of the cost, before and after."""

    resource: str
    item: str
    before: Amount
    after: Amount

    @property
    def more(self) -> float:
        """USD a month at the stated load that it costs more; less than nothing where it costs less."""
        return self.after.loaded - self.before.loaded


@dataclass(frozen=True, kw_only=True)
class CostChange:
    """Both sums, and the lines that moved, the largest move first."""

    before: Amount
    after: Amount
    moves: tuple[Move, ...]


def cost_change(before: str, after: str) -> CostChange:
    """Compare two ``cost.md`` pages of a render; an empty text is a stack that is not there."""
    old, new = lines(before), lines(after)
    nothing = Amount()
    moves = [
        Move(resource=key[0], item=key[1], before=old.get(key, nothing), after=new.get(key, nothing))
        for key in {**old, **new}
    ]
    moved = [one for one in moves if max(abs(one.more), abs(one.after.idle - one.before.idle)) >= _CENT]
    return CostChange(
        before=sum(old.values(), nothing),
        after=sum(new.values(), nothing),
        moves=tuple(sorted(moved, key=lambda one: (-abs(one.more), one.resource, one.item))),
    )


def lines(page: str) -> Mapping[Key, Amount]:
    """What each line of a cost page comes to, by resource and item; lines of the same name are one."""
    found: dict[Key, Amount] = {}
    for resource, item, amount in _rows(page):
        found[resource, item] = found.get((resource, item), Amount()) + amount
    return found


def _rows(page: str) -> Iterator[tuple[str, str, Amount]]:
    """The rows of the one table of eight columns, which ``CostReport.markdown`` writes below "Lines"."""
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("| ") else []
        if len(cells) == _COLUMNS and cells[0] != "resource":
            yield cells[0], cells[1], Amount(idle=float(cells[4]), loaded=float(cells[5]))
