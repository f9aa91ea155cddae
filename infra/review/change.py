"""What a change does to every stack, without an account: ``python -m infra.review.change --before DIR --after DIR``.

Both folders hold a render of each stack (``DIR/dev``, ...). Prints Markdown.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from pulumi import RunError

from infra.policies.recorded import stack_of
from infra.policies.review import review
from infra.policies.rule import Violation
from infra.render.engine import record
from infra.review.costs import cost_change
from infra.review.renders import compare, read
from infra.review.report import section
from infra.settings import STACKS


def main(
    before: Annotated[Path, typer.Option(help="folder of renders of the branch that the change goes to")],
    after: Annotated[Path, typer.Option(help="folder of renders with the change")],
) -> None:
    """Print how the change shows in render, cost and policies of every stack."""
    for stack in STACKS:
        old, new = read(before / stack), read(after / stack)
        if not new:
            sys.exit(f"python -m infra.review.change: {after / stack} holds no render; make it with `make render`.")
        cost = cost_change(old.get("cost.md", ""), new["cost.md"])
        try:
            found = review(stack_of(record(stack)))
        except RunError as error:
            sys.exit(f"python -m infra.review.change: {error}")
        broken = [_told(one) for one in found if one.rule.mandatory]
        warned = [_told(one) for one in found if not one.rule.mandatory]
        print(section(stack, compare(old, new), cost, broken, warned))


def _told(violation: Violation) -> str:
    return f"{violation.rule.name}: {violation.sentence}"


if __name__ == "__main__":
    typer.run(main)
