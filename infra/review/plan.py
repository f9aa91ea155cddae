"""What Pulumi would do to a stack: ``pulumi preview --json``, in words.

``pulumi preview --json ... | python -m infra.review.plan --stack dev`` prints Markdown; exit status 2 if something
would change, 1 if Pulumi said something else than a plan.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from infra.review.markdown import block, code, folded, limited

_CHARACTERS = 9_000
# Steps that leave a resource as it is.
_STILL = {"same", "read", "refresh"}
CHANGES = 2


class PlanError(ValueError):
    """The text is no plan of Pulumi's; the message holds what it says instead."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One resource that would change.

    Attributes:
        verb: Pulumi's word: ``create``, ``update``, ``replace``, ``delete``.
        name: Type and logical name.
        properties: Which of its properties change.
    """

    verb: str
    name: str
    properties: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that would change, and what Pulumi warns of or fails for."""

    steps: tuple[Step, ...]
    errors: tuple[str, ...]

    def markdown(self, stack: str) -> str:
        """The plan as a section of a comment."""
        if self.errors:
            said = limited("\n".join(self.errors), _CHARACTERS, "... and more, in the run's log.")
            return f"**Pulumi** cannot preview {stack}:\n\n{block(said)}\n"
        if not self.steps:
            return f"**Pulumi** would change nothing of {stack}.\n"
        counts = Counter(step.verb for step in self.steps)
        summary = ", ".join(f"{count} to {verb}" for verb, count in sorted(counts.items()))
        # What goes is read first.
        ordered = sorted(self.steps, key=lambda step: (step.verb not in {"delete", "replace"}, step.verb, step.name))
        listed = limited("\n".join(_line(step) for step in ordered), _CHARACTERS, "- and more, in the run's log")
        return f"**Pulumi** {summary}.\n\n{folded(f'What Pulumi would do to {stack}', listed)}\n"


def read(text: str) -> Plan:
    """Understand what ``pulumi preview --json`` printed.

    Raises:
        PlanError: It is no plan.
    """
    try:
        said = json.loads(text)
        steps = tuple(_steps(said.get("steps") or []))
        errors = tuple(_errors(said.get("diagnostics") or []))
    except (ValueError, AttributeError, KeyError, TypeError):
        raise PlanError(f"this is no plan of Pulumi's: {text.strip()[-2000:] or 'nothing was printed'}") from None
    return Plan(steps=steps, errors=errors)


def _steps(steps: Sequence[Mapping[str, Any]]) -> Iterator[Step]:
    for step in steps:
        # A replacement is told as itself, and once more as the two halves that it is made of.
        if step["op"] not in _STILL and step["op"] not in {"create-replacement", "delete-replaced"}:
            _, kind, name = step["urn"].rsplit("::", 2)
            properties = tuple(sorted(step.get("detailedDiff") or step.get("diffReasons") or ()))
            yield Step(verb=step["op"], name=f"{kind.rpartition('$')[2]} {name}", properties=properties)


def _errors(diagnostics: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    return (one["message"].strip() for one in diagnostics if one.get("severity") == "error")


def _line(step: Step) -> str:
    properties = f": {', '.join(map(code, step.properties))}" if step.properties else ""
    return f"- {step.verb} {code(step.name)}{properties}"


def main(stack: Annotated[str, typer.Option(help="dev, staging or prod")]) -> None:
    """Say in words what Pulumi would do."""
    try:
        plan = read(sys.stdin.read())
    except PlanError as error:
        print(f"**Pulumi** cannot preview {stack}:\n\n{block(str(error))}")
        sys.exit(1)
    print(plan.markdown(stack))
    sys.exit(1 if plan.errors else CHANGES if plan.steps else 0)


if __name__ == "__main__":
    typer.run(main)
