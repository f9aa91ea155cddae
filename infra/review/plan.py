"""What Pulumi would do to a stack: ``pulumi preview --json``, in words.

``python -m infra.review.plan --stack dev`` prints Markdown; exit status 1 if Pulumi cannot say, or if something would
change and ``--expect-no-changes`` was given.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.operations.pulumi_cli import with_tools
from infra.render.engine import ROOT
from infra.review.markdown import block, code, folded, limited
from infra.settings import STACKS

_CHARACTERS = 9_000
# Steps that leave a resource as it is.
_STILL = {"same", "read", "refresh"}


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


def ask(stack: str, *arguments: str, environment: Mapping[str, str], root: Path = ROOT) -> Plan:
    """Have Pulumi preview a stack.

    Args:
        arguments: Further ones for ``pulumi preview``.
        environment: All variables that Pulumi gets; they say where the state lies and as whom AWS is asked.

    Raises:
        FileNotFoundError: There is no Pulumi.
    """
    done = subprocess.run(
        ["pulumi", "preview", "--stack", stack, "--json", "--non-interactive", *arguments],
        cwd=root,
        env=with_tools(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        plan = read(done.stdout)
    except PlanError:
        return Plan(steps=(), errors=(done.stderr.strip() or done.stdout.strip() or "Pulumi said nothing",))
    if done.returncode != 0 and not plan.errors:
        return Plan(steps=plan.steps, errors=(done.stderr.strip() or f"Pulumi ended with {done.returncode}",))
    return plan


def main(
    stack: Annotated[str, typer.Option(help="dev, staging or prod")],
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask AWS for each resource first.")] = False,
    expect_no_changes: Annotated[
        bool, typer.Option("--expect-no-changes", help="Say nothing of a stack that is as it should be; fail else.")
    ] = False,
) -> None:
    """Say in words what Pulumi would do to a stack."""
    if stack not in STACKS:
        sys.exit(f"python -m infra.review.plan: stack '{stack}' is not known; allowed: {', '.join(STACKS)}.")
    arguments = ["--policy-pack", "infra/policies/pack", *(["--refresh"] if refresh else [])]
    try:
        plan = ask(stack, *arguments, environment=os.environ)
    except FileNotFoundError:
        sys.exit("python -m infra.review.plan: Pulumi is not on PATH: run `make env`, or install Pulumi.")
    if plan.steps or plan.errors or not expect_no_changes:
        print(plan.markdown(stack))
    sys.exit(1 if plan.errors or (plan.steps and expect_no_changes) else 0)


if __name__ == "__main__":
    typer.run(main)
