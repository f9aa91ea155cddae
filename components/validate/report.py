"""What a check found, as JSON for programs and as a page for people."""

import json
import math
from typing import Any

from components.page import Cell, Section, Table, render
from components.validate.check import Findings, Violation

# Texts of trips are a letter; a longer one is a fault, and its beginning shows which.
_LONGEST_TEXT = 200


def as_json(findings: Findings, **more: object) -> str:
    """The report; times are ISO texts of the New York wall clock."""
    content = {
        **more,
        "rows": findings.rows,
        "newest_pickup": findings.newest,
        "violations": [_plain(violation) for violation in findings.violations],
        "warnings": [_plain(violation) for violation in findings.warnings],
        "rules": [vars(outcome) for outcome in findings.outcomes],
    }
    return json.dumps(content, indent=2, default=str)


def as_page(data_version: int, findings: Findings) -> str:
    """The report as HTML."""
    count = len(findings.violations)
    decision = (
        f"Schema skew: {count} {'rule is' if count == 1 else 'rules are'} not kept, and the run stops here."
        if count
        else "Passed: every rule is kept."
    )
    summary = f"{decision} {findings.rows:,} trips were checked. The last begins at {findings.newest or 'no time'}."
    sections = [Section(heading="Decision", text=summary)]
    for title, listed in (("Violations", findings.violations), ("Warnings", findings.warnings)):
        if listed:
            sections.append(Section(heading=title, table=_listed(listed)))
    sections += [_examples(one) for one in (*findings.violations, *findings.warnings) if one.examples]
    sections.append(Section(heading="Rules", text="All rules that could be checked.", table=_rules(findings)))
    return render(f"Validation of data version {data_version}", sections)


def _plain(violation: Violation) -> dict[str, Any]:
    examples = [{name: _short(value) for name, value in row.items()} for row in violation.examples]
    return {**vars(violation), "examples": examples}


def _cell(value: Any) -> Cell:
    return value if isinstance(value, int | float | None) else str(value)


def _short(value: Any) -> Any:
    """A value as it can stand in JSON, which has neither NaN nor infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value[:_LONGEST_TEXT] + "..." if isinstance(value, str) and len(value) > _LONGEST_TEXT else value


def _listed(violations: list[Violation]) -> Table:
    rows = [(one.column, one.rule, one.rows) for one in violations]
    return Table(columns=("Column", "What should hold", "Rows that do not"), rows=rows)


def _examples(violation: Violation) -> Section:
    shown = _plain(violation)["examples"]
    cells = [
        [value if isinstance(value, int | float | None) else str(value) for value in row.values()] for row in shown
    ]
    return Section(
        heading=f"Rows that break a rule of {violation.column}",
        text=f"{violation.rule}: the first {len(shown)} of {violation.rows:,} rows that do not.",
        table=Table(columns=list(shown[0]), rows=cells),
    )


def _rules(findings: Findings) -> Table:
    rows = [(one.column, one.rule, one.failing, one.tolerated) for one in findings.outcomes]
    return Table(columns=("Column", "What should hold", "Rows that do not", "Tolerated"), rows=rows)
