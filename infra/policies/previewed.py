"""A stack as Pulumi shows it to policies before it deploys, and the rules as Pulumi's policies.

Importable in the pack's own environment only.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# The repository's main environment cannot have it: pulumi-policy and Kubeflow Pipelines need different protobufs.
import pulumi_policy as pac  # pyright: ignore[reportMissingImports]
from pulumi_policy.proxy import UnknownValueError  # pyright: ignore[reportMissingImports]

from infra.policies.exemptions import EXEMPTIONS
from infra.policies.resource import Resource, Stack, Unknown
from infra.policies.rule import Rule, StackRule, Violation, violations_in, violations_of
from infra.policies.rules import RULES


def policies() -> list[Any]:
    """One policy for each rule."""
    return [_stack_policy(one) if isinstance(one, StackRule) else _policy(one) for one in RULES]


def _policy(rule: Rule) -> Any:
    def validate(args: Any, report: Any) -> None:
        resource = Resource(
            urn=args.urn,
            type=args.resource_type,
            name=args.name,
            stack=_stack_name(args.urn),
            props=_known(args.props),
            protect=args.opts.protect,
        )
        _report(violations_of(resource, rule), report)

    return pac.ResourceValidationPolicy(validate=validate, **_described(rule))


def _stack_policy(rule: StackRule) -> Any:
    def validate(args: Any, report: Any) -> None:
        resources = tuple(
            Resource(
                urn=one.urn,
                type=one.resource_type,
                name=one.name,
                stack=_stack_name(one.urn),
                props=_known(one.props),
                protect=one.opts.protect,
                needs={key: [need.urn for need in found] for key, found in one.property_dependencies.items()},
            )
            for one in args.resources
        )
        name = resources[0].stack if resources else ""
        _report(violations_in(Stack(name=name, resources=resources), rule), report)

    return pac.StackValidationPolicy(validate=validate, **_described(rule))


def _described(rule: Rule | StackRule) -> dict[str, Any]:
    level = pac.EnforcementLevel.MANDATORY if rule.mandatory else pac.EnforcementLevel.ADVISORY
    return {
        "name": rule.name,
        "description": rule.description,
        "enforcement_level": level,
        "severity": pac.Severity(rule.severity.value),
    }


def _report(found: Iterator[Violation], report: Any) -> None:
    for one in found:
        if not any(exemption.covers(one) for exemption in EXEMPTIONS):
            report(one.sentence, one.urn or None)


def _stack_name(urn: str) -> str:
    """``prod`` of ``urn:pulumi:prod::keelson::aws:s3/bucket:Bucket::data``."""
    return urn.split("::", 1)[0].rsplit(":", 1)[1]


def _known(props: Any) -> Any:
    """Inputs as plain data; Pulumi raises an error where a value is not known before deployment."""
    if isinstance(props, Mapping):
        return {key: _read(props, key) for key in props if not key.startswith("__")}
    if isinstance(props, Sequence) and not isinstance(props, str | bytes):
        return [_read(props, number) for number in range(len(props))]
    return props


def _read(props: Any, key: Any) -> Any:
    try:
        return _known(props[key])
    except UnknownValueError:
        return Unknown()
