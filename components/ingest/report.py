"""What an ingestion found, counted, with a few examples."""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import polars as pl

from components import contract
from components.ingest.checks import REASON
from components.trips.conform import TypedBatch

MAX_EXAMPLES = 10


class Findings:
    """Counts over the batches of a source.

    Attributes:
        rows_read: All rows.
        rejected: Rows left out, by reason.
        unknown: Columns that the contract does not know, by the number of origins that have them.
        absent: Optional columns of the contract, by the number of origins that lack them.
    """

    def __init__(self) -> None:
        self.rows_read = 0
        self.rejected: Counter[str] = Counter()
        self._examples: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._unknown: dict[str, set[str]] = defaultdict(set)
        self._absent: dict[str, set[str]] = defaultdict(set)

    def see(self, batch: TypedBatch) -> None:
        """Note a batch's rows and columns."""
        self.rows_read += len(batch.frame)
        for names, noted in ((batch.unknown, self._unknown), (batch.absent, self._absent)):
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

    def write(self, file: Path, **more: object) -> None:
        """Write the JSON report."""
        content = {
            **more,
            "rows_read": self.rows_read,
            "rejected": {
                reason: {"rows": count, "examples": self._examples[reason]}
                for reason, count in self.rejected.most_common()
            },
            "unknown_columns": {name: len(origins) for name, origins in sorted(self._unknown.items())},
            "absent_columns": {name: len(origins) for name, origins in sorted(self._absent.items())},
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, indent=2, default=str), encoding="utf-8")
