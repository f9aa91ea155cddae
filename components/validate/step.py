"""Hold a version of the trips table against the contract: schema skew stops the run with a report."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrors

from components import contract, tables
from components.contract import Column, Kind
from components.platform import Platform

EXAMPLES_PER_VIOLATION = 10

_DTYPES = {
    Kind.INTEGER: pl.Int64,
    Kind.FLOAT: pl.Float64,
    Kind.TEXT: pl.String,
    Kind.TIMESTAMP: pl.Datetime("us"),
}


class SchemaSkewError(ValueError):
    """The data do not keep the contract; the message names each violation, the report has examples."""


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One rule of the contract that rows do not keep.

    Attributes:
        column: The column's name.
        rule: What should hold.
        rows: How many rows do not keep it.
        examples: Up to ten of them.
    """

    column: str
    rule: str
    rows: int
    examples: list[dict[str, Any]]


@dataclass(frozen=True)
class ValidationResult:
    """A version that keeps the contract."""

    rows: int


def schema() -> pa.DataFrameSchema:
    """The contract as a pandera schema: names, types, null values, ranges and closed sets of values."""
    return pa.DataFrameSchema({column.name: _column(column) for column in contract.COLUMNS}, strict=True)


def _column(column: Column) -> pa.Column:
    checks = []
    if column.minimum is not None and column.maximum is not None:
        checks.append(pa.Check.in_range(column.minimum, column.maximum))
    if column.allowed is not None:
        checks.append(pa.Check.isin(list(column.allowed)))
    return pa.Column(_DTYPES[column.kind], checks=checks, nullable=column.nullable)


def violations(trips: pl.DataFrame) -> list[Violation]:
    """All violations of the contract, in column order; empty for data that keep it."""
    try:
        schema().validate(trips, lazy=True)
    except SchemaErrors as errors:
        found = [_violation(trips, error) for error in errors.schema_errors]
        return sorted(found, key=lambda violation: violation.column)
    return []


def merged(batches: Iterable[list[Violation]]) -> list[Violation]:
    """The violations of several batches as those of one table: rows added up, examples from the first batches."""
    whole: dict[tuple[str, str], Violation] = {}
    for violation in (violation for batch in batches for violation in batch):
        key = (violation.column, violation.rule)
        before = whole.get(key, replace(violation, rows=0, examples=[]))
        examples = (before.examples + violation.examples)[:EXAMPLES_PER_VIOLATION]
        whole[key] = replace(before, rows=before.rows + violation.rows, examples=examples)
    return [whole[key] for key in sorted(whole)]


def _violation(trips: pl.DataFrame, error: Any) -> Violation:
    column = str(getattr(error.schema, "name", None) or error.failure_cases)
    rule = str(getattr(error.check, "error", None) or error.check or error.reason_code)
    bad = trips.head(0)
    if error.check_output is not None and error.check_output.height == trips.height:
        bad = trips.filter(~error.check_output["check_output"])
    return Violation(column=column, rule=rule, rows=bad.height, examples=bad.head(EXAMPLES_PER_VIOLATION).to_dicts())


def validate(platform: Platform, data_version: int, report: Path) -> ValidationResult:
    """Check one version of the trips table and write the report.

    Args:
        platform: Where the trips table lies.
        data_version: Version to check.
        report: JSON file to write; it lists each violation with counts and example rows.

    Raises:
        SchemaSkewError: The contract is not kept; the report is written before.
    """
    rows, batches = 0, []
    # File by file: a version may be larger than memory.
    for trips in tables.files(platform, tables.TRIPS, data_version):
        rows += trips.height
        batches.append(violations(trips))
    found = merged(batches)
    content = {
        "data_version": data_version,
        "rows": rows,
        "passed": not found,
        "violations": [vars(violation) for violation in found],
    }
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(content, indent=2, default=str), encoding="utf-8")
    if found:
        told = "; ".join(f"{v.column}: {v.rule} ({v.rows} rows)" for v in found)
        raise SchemaSkewError(f"data version {data_version} does not keep the contract: {told}. See {report}.")
    return ValidationResult(rows=rows)
