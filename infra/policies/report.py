"""What a review found, for a person at a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table

from infra.policies.rule import Rule, StackRule, Violation


def report(stack: str, rules: Sequence[Rule | StackRule], found: Sequence[Violation], console: Console) -> bool:
    """Print the violations of a stack; returns whether a mandatory rule is among them."""
    console.print(f"{stack}: {len(rules)} rules, {len(found)} violations")
    if found:
        table = Table("severity", Column("rule", overflow="fold"), Column("violation", overflow="fold"))
        for one in found:
            table.add_row(f"{one.rule.severity}{_told(one.rule)}", one.rule.name, one.sentence)
        console.print(table)
    return any(one.rule.mandatory for one in found)


def listing(rules: Sequence[Rule | StackRule]) -> str:
    """All rules as a Markdown table."""
    rows = ["| rule | what it demands | severity | source |", "|---|---|---|---|"]
    rows += [f"| {one.name} | {one.description} | {one.severity}{_told(one)} | {one.source} |" for one in rules]
    return "\n".join(rows)


def _told(rule: Rule | StackRule) -> str:
    return "" if rule.mandatory else ", told only"
