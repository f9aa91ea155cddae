"""Count what rows do not keep, file by file: a version of the trips table may be larger than memory."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from components import contract, thresholds
from components.validate.rules import STORED_AS, Rule, Severity, rules

EXAMPLES_PER_VIOLATION = 10
# Number of an example's row, from 0, in the order in which the table's files are listed.
ROW = "row"
WHOLE_TABLE = "(table)"

# Two trips that differ in any of these are not the same. Few trips agree in all, so that few are looked at again.
_KEY = (contract.PICKUP_TIME, contract.DROPOFF_TIME, contract.PICKUP_ZONE, contract.DROPOFF_ZONE)

Files = Callable[[], Iterable[pl.DataFrame]]


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One rule of the contract that a version does not keep.

    Attributes:
        column: The column's name, or what is derived from columns.
        rule: What should hold.
        severity: Whether it stops the run.
        rows: How many rows do not keep it.
        examples: Up to ten of them, with their number as ``row``.
    """

    column: str
    rule: str
    severity: Severity
    rows: int
    examples: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One rule and how many rows do not keep it."""

    column: str
    rule: str
    failing: int
    tolerated: int


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What became of a check.

    Attributes:
        rows: Rows checked.
        newest: The last pick-up, New York wall clock; None without rows or column.
        violations: Rules not kept, in the order of the contract.
        warnings: Likewise, but they stop nothing.
        outcomes: All rules that could be checked.
    """

    rows: int
    newest: datetime | None
    violations: list[Violation]
    warnings: list[Violation]
    outcomes: list[Outcome]


def check(files: Files, written: datetime) -> Findings:
    """Hold the files of one version against the contract.

    Memory is that of the largest file and under 20 bytes per row.

    Args:
        files: Gives the files, the same ones in the same order each time it is called.
        written: When the version was written, New York wall clock.
    """
    tally = _Tally(rules(written))
    for frame in files():
        tally.see(frame)
    found = [*tally.structure(), *tally.broken_rules(), *_repeated(files, tally), *_stale(tally.newest, written)]
    return Findings(
        rows=tally.rows,
        newest=tally.newest,
        violations=[one for one in found if one.severity is Severity.VIOLATION],
        warnings=[one for one in found if one.severity is Severity.WARNING],
        outcomes=tally.outcomes(),
    )


class _Tally:
    """Counts over the files seen so far."""

    def __init__(self, declared: list[Rule]) -> None:
        self.rows = 0
        self.newest: datetime | None = None
        self.keys: list[np.ndarray] = []
        self._rules = declared
        self._failing = [0] * len(declared)
        self._checked = [False] * len(declared)
        self._examples: list[list[dict[str, Any]]] = [[] for _ in declared]
        self._structure: dict[tuple[str, str], int] = {}

    def see(self, frame: pl.DataFrame) -> None:
        """Count a file's rows."""
        for fault in structure_faults(frame.schema):
            self._structure[fault] = self._structure.get(fault, 0) + frame.height
        sound = {column.name for column in contract.COLUMNS if frame.schema.get(column.name) == STORED_AS[column.kind]}
        usable = [number for number, rule in enumerate(self._rules) if sound.issuperset(rule.needs)]
        measures = [self._rules[number].fails.sum().alias(str(number)) for number in usable]
        if contract.PICKUP_TIME in sound:
            measures.append(pl.col(contract.PICKUP_TIME).max().alias("newest"))
        # The streaming engine keeps a piece of all columns in the processor's cache: half the time of the other.
        counts = frame.lazy().select(measures).collect(engine="streaming").row(0, named=True) if measures else {}
        for number in usable:
            self._checked[number] = True
            self._note(number, counts[str(number)], frame)
        if counts.get("newest") is not None:
            self.newest = max(counts["newest"], self.newest or counts["newest"])
        if sound.issuperset(_KEY):
            self.keys.append(frame.select(_key()).to_series().to_numpy())
        self.rows += frame.height

    def _note(self, number: int, failing: int, frame: pl.DataFrame) -> None:
        rule, examples = self._rules[number], self._examples[number]
        self._failing[number] += failing
        wanted = EXAMPLES_PER_VIOLATION - len(examples)
        if wanted and rule.broken(failing, frame.height):
            where = frame.select(rule.fails).to_series().arg_true().head(wanted)
            examples += _shown(frame, where, self.rows)

    def structure(self) -> Iterator[Violation]:
        """Columns that are missing, too many, stored otherwise, or in another order."""
        if not self.rows:
            yield Violation(column=WHOLE_TABLE, rule="holds trips", severity=Severity.VIOLATION, rows=0)
        for (column, rule), rows in self._structure.items():
            yield Violation(column=column, rule=rule, severity=Severity.VIOLATION, rows=rows)

    def broken_rules(self) -> Iterator[Violation]:
        """Rules that more rows than tolerated do not keep."""
        for rule, failing, examples in zip(self._rules, self._failing, self._examples, strict=True):
            if rule.broken(failing, self.rows):
                yield Violation(
                    column=rule.column, rule=rule.says, severity=rule.severity, rows=failing, examples=examples
                )

    def outcomes(self) -> list[Outcome]:
        """Every rule that could be checked."""
        return [
            Outcome(column=rule.column, rule=rule.says, failing=failing, tolerated=int(rule.tolerated * self.rows))
            for rule, failing, checked in zip(self._rules, self._failing, self._checked, strict=True)
            if checked
        ]


def structure_faults(schema: pl.Schema) -> list[tuple[str, str]]:
    """What is wrong with the columns of a file, as pairs of column and rule; nothing for those of the contract."""
    expected = {column.name: STORED_AS[column.kind] for column in contract.COLUMNS}
    faults = [(name, "is there") for name in expected if name not in schema]
    faults += [(name, "is not there: the contract does not know it") for name in schema if name not in expected]
    faults += [
        (name, f"is stored as {kind}, not as {schema[name]}")
        for name, kind in expected.items()
        if name in schema and schema[name] != kind
    ]
    if not faults and schema.names() != list(expected):
        faults.append((WHOLE_TABLE, "has its columns in the order of the contract"))
    return faults


def _key() -> pl.Expr:
    """A number that equal trips share, and hardly any others."""
    mixed = pl.lit(0, dtype=pl.Int64)
    for name in _KEY:
        mixed = mixed * 1_000_003 + pl.col(name).cast(pl.Int64).fill_null(0)
    return mixed


def _repeated(files: Files, tally: _Tally) -> Iterator[Violation]:
    """Trips that repeat another in every column, where they are more than tolerated.

    No column or set of columns names a TLC trip: a cab's charge and its reversal share all but the amounts. So only
    whole records are compared, by 64-bit hashes, and only if enough of them agree in times and zones at all.
    """
    most = thresholds.MAX_REPEATED_SHARE * tally.rows
    if not tally.keys or _surplus(tally.keys) <= most:
        return
    hashes = [frame.hash_rows().to_numpy() for frame in files()]
    surplus = _surplus(hashes)
    if surplus <= most:
        return
    yield Violation(
        column=WHOLE_TABLE,
        rule=f"at most {thresholds.MAX_REPEATED_SHARE:.1%} of the trips repeat another in every column",
        severity=Severity.VIOLATION,
        rows=surplus,
        examples=_repeated_examples(files, hashes),
    )


def _surplus(numbers: list[np.ndarray]) -> int:
    """How many values are equal to another that stands before them."""
    ordered = np.concatenate(numbers)
    ordered.sort()
    return int((ordered[1:] == ordered[:-1]).sum())


def _repeated_examples(files: Files, hashes: list[np.ndarray]) -> list[dict[str, Any]]:
    """The first few of the records that are there more than once, each as often as it is found among the first."""
    ordered = np.sort(np.concatenate(hashes))
    some = ordered[1:][ordered[1:] == ordered[:-1]][: EXAMPLES_PER_VIOLATION // 2]
    examples: list[dict[str, Any]] = []
    first_row = 0
    for frame, part in zip(files(), hashes, strict=True):
        wanted = EXAMPLES_PER_VIOLATION - len(examples)
        where = pl.Series(np.flatnonzero(np.isin(part, some))[:wanted])
        examples += _shown(frame, where, first_row)
        first_row += frame.height
        if len(examples) == EXAMPLES_PER_VIOLATION:
            break
    return examples


def _stale(newest: datetime | None, written: datetime) -> Iterator[Violation]:
    """Data that were old when they were written. The clock is that moment: a later look at a version says the same."""
    if newest is None or written - newest <= timedelta(days=thresholds.MAX_DATA_AGE_DAYS):
        return
    yield Violation(
        column=contract.PICKUP_TIME,
        rule=f"reaches within {thresholds.MAX_DATA_AGE_DAYS} days of {written:%Y-%m-%d}, when the version was "
        f"written; the last is of {newest:%Y-%m-%d}",
        severity=Severity.VIOLATION if thresholds.STALE_DATA_STOPS else Severity.WARNING,
        rows=0,
    )


def _shown(frame: pl.DataFrame, where: pl.Series, first_row: int) -> list[dict[str, Any]]:
    """Rows of a frame with their number in the version."""
    return [{ROW: first_row + at, **frame.row(at, named=True)} for at in where.to_list()]
