"""All rules, by name."""

from infra.policies.rule import Rule, StackRule
from infra.policies.rules import (
    authorization,
    boundaries,
    capacity,
    cluster,
    encryption,
    exposure,
    identity,
    pods,
    resilience,
    supply,
    tags,
    workloads,
)

_SUBJECTS = (
    authorization,
    boundaries,
    capacity,
    cluster,
    encryption,
    exposure,
    identity,
    pods,
    resilience,
    supply,
    tags,
    workloads,
)

RULES: tuple[Rule | StackRule, ...] = tuple(
    sorted(
        (one for subject in _SUBJECTS for one in vars(subject).values() if isinstance(one, Rule | StackRule)),
        key=lambda one: one.name,
    )
)
