"""The shape of a rule, and what comes of holding rules against a stack."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from infra.policies.resource import Finding, Resource, Stack, shown

Check = Callable[[Resource], Iterable[Finding]]
StackCheck = Callable[[Stack], Iterable[tuple[Resource | None, Finding]]]


class Severity(StrEnum):
    """How bad it is when the rule is broken, in Pulumi's words."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule on single resources.

    Attributes:
        name: Unique; words joined by hyphens.
        description: What it demands, one sentence.
        source: Where it comes from, or what goes wrong without it.
        severity: How bad a violation is.
        types: Type tokens that it holds for; ``aws:*`` is every type of a package.
        check: Gives a finding for each property that breaks it.
        mandatory: Whether a violation stops a deployment; otherwise it is only told.
        brought: Whether it also holds for objects that a Helm chart or a kustomization brings.
    """

    name: str
    description: str
    source: str
    severity: Severity
    types: tuple[str, ...]
    check: Check
    mandatory: bool = True
    brought: bool = False

    def holds_for(self, resource: Resource) -> bool:
        """Whether the rule looks at this resource."""
        if resource.brought and not self.brought:
            return False
        return any(
            resource.type.startswith(one[:-1]) if one.endswith("*") else resource.type == one for one in self.types
        )


@dataclass(frozen=True, kw_only=True)
class StackRule:
    """A rule on a stack as a whole: what must be there beside something else. Attributes as in ``Rule``."""

    name: str
    description: str
    source: str
    severity: Severity
    check: StackCheck
    mandatory: bool = True


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One breach of a rule.

    Attributes:
        urn: Of the resource; empty where it is the stack as a whole.
        sentence: Names resource, property, given and allowed value.
    """

    rule: Rule | StackRule
    urn: str
    sentence: str


def rule(
    *, source: str, severity: Severity, types: tuple[str, ...], mandatory: bool = True, brought: bool = False
) -> Callable[[Check], Rule]:
    """Make a check into a rule: its name is the function's, its description the docstring."""

    def made(check: Check) -> Rule:
        name, description = _title(check)
        return Rule(
            name=name,
            description=description,
            source=source,
            severity=severity,
            types=types,
            check=check,
            mandatory=mandatory,
            brought=brought,
        )

    return made


def stack_rule(*, source: str, severity: Severity, mandatory: bool = True) -> Callable[[StackCheck], StackRule]:
    """Make a check of a whole stack into a rule; see ``rule``."""

    def made(check: StackCheck) -> StackRule:
        name, description = _title(check)
        return StackRule(
            name=name, description=description, source=source, severity=severity, check=check, mandatory=mandatory
        )

    return made


def violations_of(resource: Resource, rule: Rule) -> Iterator[Violation]:
    """What one rule finds at one resource."""
    if rule.holds_for(resource):
        for finding in rule.check(resource):
            yield _violation(rule, resource, resource.stack, finding)


def violations_in(stack: Stack, rule: StackRule) -> Iterator[Violation]:
    """What one rule finds in a stack."""
    for resource, finding in rule.check(stack):
        yield _violation(rule, resource, stack.name, finding)


def _violation(rule: Rule | StackRule, resource: Resource | None, stack: str, finding: Finding) -> Violation:
    what = f"{resource.kind} '{resource.name}'" if resource else f"stack '{stack}'"
    sentence = f"{what}: {finding.path} is {shown(finding.given)}; allowed: {finding.allowed}"
    return Violation(rule=rule, urn=resource.urn if resource else "", sentence=sentence)


def _title(check: Callable[..., object]) -> tuple[str, str]:
    assert check.__doc__
    return check.__name__.replace("_", "-"), " ".join(check.__doc__.split())
