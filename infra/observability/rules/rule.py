"""Recording and alerting rules as typed values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from infra.observability.metrics import Where

Severity = Literal["critical", "warning"]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A query whose result is kept as the series ``name``, with ``labels`` added."""

    name: str
    query: str
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    where: Where = Where.EVERYWHERE


@dataclass(frozen=True, kw_only=True)
class Alert:
    """Fires while ``measure`` fulfils ``condition``, for every series that does.

    Attributes:
        measure: Query that has series also while nothing is wrong.
        condition: What is put after it.
        minutes: How long the condition must hold first.
        severity: ``critical`` calls somebody now, ``warning`` can wait for working hours.
    """

    name: str
    measure: str
    condition: str
    minutes: int
    severity: Severity
    summary: str
    where: Where = Where.EVERYWHERE

    @property
    def query(self) -> str:
        """The whole expression."""
        return f"{self.measure} {self.condition}"

    @property
    def runbook(self) -> str:
        """Page about the alert: a path in the repository, as each fork has an address of its own."""
        return f"docs/runbooks/{self.name}.md"


Rule = Recording | Alert


@dataclass(frozen=True, kw_only=True)
class Group:
    """Rules that Prometheus evaluates one after the other."""

    name: str
    rules: Sequence[Rule]


def written(rule: Rule) -> dict[str, Any]:
    """The rule as Prometheus reads it."""
    if isinstance(rule, Recording):
        labels = {"labels": dict(rule.labels)} if rule.labels else {}
        return {"record": rule.name, "expr": rule.query, **labels}
    return {
        "alert": rule.name,
        "expr": rule.query,
        "for": f"{rule.minutes}m",
        "labels": {"severity": rule.severity},
        "annotations": {"summary": rule.summary, "runbook_url": rule.runbook},
    }
