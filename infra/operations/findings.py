"""What a look at a stack finds: one row for each question, and all of them at once."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from rich.console import Group
from rich.table import Table
from rich.text import Text

from infra.operations.account import Unknown

Verdict = Literal["ok", "warning", "fails"]
_COLOURS: dict[Verdict, str] = {"ok": "green", "warning": "yellow", "fails": "red"}
_WORST_FIRST: tuple[Verdict, ...] = ("fails", "warning", "ok")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The answer to one question.

    Attributes:
        check: What was looked at.
        found: What is there.
        needed: What the stack needs.
        advice: What to do; empty where all is well.
    """

    check: str
    verdict: Verdict
    found: str
    needed: str
    advice: str = ""


def ok(check: str, found: str, needed: str) -> Finding:
    return Finding(check=check, verdict="ok", found=found, needed=needed)


def warning(check: str, found: str, needed: str, advice: str) -> Finding:
    return Finding(check=check, verdict="warning", found=found, needed=needed, advice=advice)


def fails(check: str, found: str, needed: str, advice: str) -> Finding:
    return Finding(check=check, verdict="fails", found=found, needed=needed, advice=advice)


def unknown(check: str, why: Unknown, needed: str) -> Finding:
    """A question that could not be answered: a failure, as what was not looked at may be wrong."""
    if why.permission:
        return fails(
            check,
            f"not known: {why.reason}",
            needed,
            f"allow {why.permission} to the credentials, or take the stack's deploy role on",
        )
    return fails(check, f"not known: {why.reason}", needed, "see the message of AWS, and run this again")


def any_fails(findings: Sequence[Finding]) -> bool:
    """Whether `up` would fail."""
    return any(one.verdict == "fails" for one in findings)


def as_json(stack: str, findings: Sequence[Finding]) -> str:
    """``{"stack": ..., "ready": ..., "findings": [...]}``."""
    rows = [asdict(one) for one in findings]
    return json.dumps({"stack": stack, "ready": not any_fails(findings), "findings": rows})


def _joined(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, with those that are well for the same reason in one row: most names are simply free."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        if one.verdict == "ok":
            groups.setdefault((one.found, one.needed), []).append(one)
    joined = [
        group[0] if len(group) == 1 else ok(f"{len(group)} names, from {group[0].check}", found, needed)
        for (found, needed), group in groups.items()
    ]
    return [*(one for one in findings if one.verdict != "ok"), *joined]


def render(findings: Sequence[Finding]) -> Group:
    """The findings as a person reads them, the worst first; under them what to do, in lines that can be copied."""
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for heading in ("check", "found", "needed"):
        table.add_column(heading, overflow="fold")
    table.add_column("to do", justify="right")
    todo: list[Text] = []
    for one in sorted(_joined(findings), key=lambda finding: _WORST_FIRST.index(finding.verdict)):
        if one.advice:
            todo.append(Text(f"{len(todo) + 1}. {one.check}: {one.advice}", overflow="ignore", no_wrap=True))
        number = str(len(todo)) if one.advice else ""
        table.add_row(Text(one.verdict, _COLOURS[one.verdict]), *map(Text, (one.check, one.found, one.needed, number)))
    return Group(table, Text(), *todo)
