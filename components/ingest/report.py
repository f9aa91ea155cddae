"""What an ingestion found, counted, with a few examples."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import polars as pl

from components import contract
from components.ingest.checks import REASON
from components.page import Section, Table, render
from components.trips.conform import TypedBatch
from components.trips.source_error import Breach

MAX_EXAMPLES = 10


class Findings:
    """Counts over the batches of a source.

    Attributes:
        rows_read: All rows.
        rejected: Rows left out, by reason.
        ignored: Columns that the contract leaves out, by the number of origins that have them.
        absent: Optional columns of the contract, by the number of origins that lack them.
    """

    def __init__(self) -> None:
        self.rows_read = 0
        self.rejected: Counter[str] = Counter()
        self._examples: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._ignored: dict[str, set[str]] = defaultdict(set)
        self._absent: dict[str, set[str]] = defaultdict(set)

    def see(self, batch: TypedBatch) -> None:
        """Note a batch's rows and columns."""
        self.rows_read += len(batch.frame)
        for names, noted in ((batch.ignored, self._ignored), (batch.absent, self._absent)):
            for name in names:
                noted[name].add(batch.origin)

    def reject(self, rows: pl.DataFrame, origin: str) -> None:
        """Note rows with a REASON and their number in the origin, ``row``."""
        for reason, count in rows[REASON].value_counts().iter_rows():
            self.rejected[reason] += count
            wanted = MAX_EXAMPLES - len(self._examples[reason])
            some = rows.filter(pl.col(REASON) == reason).head(wanted)
            columns = ["row", *(column.name for column in contract.COLUMNS)]
            self._examples[reason] += [{"origin": origin, **row} for row in some.select(columns).iter_rows(named=True)]

    def as_json(self, **more: object) -> str:
        """The report for programs."""
        content = {
            **more,
            "rows_read": self.rows_read,
            "rejected": {
                reason: {"rows": count, "examples": self._examples[reason]}
                for reason, count in self.rejected.most_common()
            },
            "ignored_columns": {name: len(origins) for name, origins in sorted(self._ignored.items())},
            "absent_columns": {name: len(origins) for name, origins in sorted(self._absent.items())},
        }
        return json.dumps(content, indent=2, default=str) + "\n"

    def as_page(self, source: str, breaches: Sequence[Breach] = ()) -> str:
        """The report for people."""
        left_out = sum(self.rejected.values())
        said = f"{self.rows_read:,} trips were read and {left_out:,} of them left out."
        if breaches:
            said = f"Schema skew: the run stops here, and nothing was written. {said}"
        sections = [Section(heading="Outcome", text=said)]
        if breaches:
            rows = [(one.origin, one.column, one.rule, one.rows) for one in breaches]
            columns = ("Origin", "Column", "What should hold", "Rows that do not")
            sections.append(Section(heading="Violations", table=Table(columns=columns, rows=rows)))
        if self.rejected:
            counts = Table(columns=("Reason", "Trips"), rows=self.rejected.most_common())
            sections.append(Section(heading="Trips left out", table=counts))
        sections += [self._examples_of(reason) for reason in self.rejected]
        return render(f"Ingestion of {source}", sections)

    def _examples_of(self, reason: str) -> Section:
        shown = self._examples[reason]
        cells = [[v if isinstance(v, int | float | None) else str(v) for v in row.values()] for row in shown]
        table = Table(columns=list(shown[0]), rows=cells)
        return Section(heading=f"Examples: {reason}", text=f"The first {len(shown)} of them.", table=table)
