"""All rules of a stack, and the form that Prometheus reads them in."""

from collections.abc import Sequence
from typing import Any

from infra.observability.metrics import Where
from infra.observability.rules import capacity, limits, models, objectives, parts
from infra.observability.rules.limits import LOCAL, Limits
from infra.observability.rules.rule import Alert, Group, Recording, Rule, written

__all__ = [
    "LOCAL",
    "Alert",
    "Group",
    "Limits",
    "Recording",
    "Rule",
    "file",
    "of_any_cluster",
    "of_cluster",
    "of_local_stack",
]


def of_cluster(monthly_budget: int) -> tuple[Group, ...]:
    """The rules of a stack in the cloud that may cost so many USD a month."""
    return (*_everywhere(limits.of_cluster(monthly_budget)), *capacity.groups())


def of_any_cluster() -> tuple[Group, ...]:
    """The rules of a stack on any Kubernetes, which pays for nothing that the program makes."""
    return (*_everywhere(limits.ANY_CLUSTER), *capacity.of_any_cluster())


def of_local_stack() -> tuple[Group, ...]:
    """The rules whose metrics the local stack has too."""
    groups = [
        Group(name=group.name, rules=[rule for rule in group.rules if rule.where is Where.EVERYWHERE])
        for group in _everywhere(LOCAL)
    ]
    return tuple(group for group in groups if group.rules)


def file(groups: Sequence[Group]) -> dict[str, Any]:
    """Content of a rule file, and specification of a PrometheusRule."""
    return {"groups": [{"name": group.name, "rules": [written(rule) for rule in group.rules]} for group in groups]}


def _everywhere(bounds: Limits) -> tuple[Group, ...]:
    return (*objectives.groups(), *models.groups(), *parts.groups(bounds))
