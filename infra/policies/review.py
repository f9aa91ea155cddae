"""All rules held against a stack."""

from collections.abc import Iterable

from infra.policies.exemptions import EXEMPTIONS, Exemption
from infra.policies.resource import Stack
from infra.policies.rule import Rule, StackRule, Violation, violations_in, violations_of
from infra.policies.rules import RULES


def review(
    stack: Stack,
    rules: Iterable[Rule | StackRule] = RULES,
    exemptions: Iterable[Exemption] = EXEMPTIONS,
) -> tuple[Violation, ...]:
    """Everything that breaks a rule and is not exempted, by rule and resource."""
    known = tuple(exemptions)
    found: list[Violation] = []
    for rule in rules:
        if isinstance(rule, StackRule):
            found += violations_in(stack, rule)
        else:
            found += (one for resource in stack.resources for one in violations_of(resource, rule))
    return tuple(one for one in found if not any(exemption.covers(one) for exemption in known))
