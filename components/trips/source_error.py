"""The errors of every source of trips."""

from collections.abc import Sequence
from dataclasses import dataclass


class SourceError(ValueError):
    """A source cannot be used as it is; the message names the file or the setting, the reason and what to do."""


@dataclass(frozen=True, kw_only=True)
class Breach:
    """One rule of the contract on columns that an origin does not keep.

    Attributes:
        origin: The file, or the name of another source.
        column: The column's name.
        rule: What should hold.
        rows: How many rows do not keep it; 0 where that was not counted, because no row was read.
    """

    origin: str
    column: str
    rule: str
    rows: int = 0


class SchemaSkewError(SourceError):
    """A source has other columns than the contract; nothing of it may be learned from.

    Attributes:
        breaches: Each rule that an origin does not keep.
    """

    def __init__(self, breaches: Sequence[Breach]) -> None:
        told = "; ".join(f"{one.origin}: {one.column} should hold: {one.rule}" for one in breaches)
        super().__init__(
            f"{told}. Give files of the TLC yellow-trip schema, or change components/contract.py if the schema changed"
        )
        self.breaches = tuple(breaches)
