"""What a change does to one stack, known without an account: a section of the comment."""

from collections.abc import Iterator, Sequence

from infra.review.costs import CostChange, Move
from infra.review.markdown import block, code, folded, limited
from infra.review.renders import Difference

# GitHub takes comments of 65,536 characters: three stacks of this, and what Pulumi says of each, are within that.
_DIFF_CHARACTERS = 6_000
_MOST_ROWS = 12
_SUMS = {"README.md", "components.json", "cost.md"}


def section(stack: str, difference: Difference, cost: CostChange, broken: Sequence[str], warned: Sequence[str]) -> str:
    """The section of a stack, as Markdown.

    Args:
        broken: What breaks a policy after the change and stops the deployment, a sentence each.
        warned: What breaks one that is only told.
    """
    parts = [f"### {stack}", "", _policies(broken, "broken") if broken else "**Policies** hold."]
    parts += ["", _policies(warned, "only told")] if warned else []
    parts += ["", _cost(cost)]
    if difference.nothing:
        parts += ["", "The render is the same to the byte."]
    else:
        parts += ["", *_files(difference)]
    if cost.moves:
        parts += ["", folded("What costs more or less", _moves(cost.moves))]
    if difference.changed:
        parts += ["", folded("Changed files", block(_diffs(difference), "diff"))]
    return "\n".join([*parts, ""])


def _cost(cost: CostChange) -> str:
    if not cost.moves:
        return f"**Cost** stays {cost.after.idle:.2f} USD a month idle, {cost.after.loaded:.2f} at the stated load."
    return (
        f"**Cost** {_step(cost.before.idle, cost.after.idle)} USD a month idle, "
        f"{_step(cost.before.loaded, cost.after.loaded)} at the stated load."
    )


def _step(before: float, after: float) -> str:
    return f"{before:.2f} → {after:.2f} ({after - before:+.2f})"


def _policies(sentences: Sequence[str], how: str) -> str:
    return "\n".join([f"**Policies** {how}: {len(sentences)}", "", *_listed(sentences)])


def _listed(items: Sequence[str]) -> list[str]:
    """The first ones, and how many more there are."""
    more = [f"- and {len(items) - _MOST_ROWS} more"] if len(items) > _MOST_ROWS else []
    return [*(f"- {code(one)}" for one in items[:_MOST_ROWS]), *more]


def _files(difference: Difference) -> Iterator[str]:
    yield (
        f"**Render** {len(difference.added)} files new, {len(difference.removed)} gone, "
        f"{len(difference.changed)} changed."
    )
    for word, files in (("new", difference.added), ("gone", difference.removed)):
        if files:
            yield ""
            yield folded(f"Files that are {word}", "\n".join(_listed(files)))


def _moves(moves: Sequence[Move]) -> str:
    rows = [
        f"| {code(one.resource)} | {code(one.item)} | {_step(one.before.idle, one.after.idle)} | "
        f"{_step(one.before.loaded, one.after.loaded)} |"
        for one in moves[:_MOST_ROWS]
    ]
    more = [f"| and {len(moves) - _MOST_ROWS} more | | | |"] if len(moves) > _MOST_ROWS else []
    return "\n".join(["| resource | item | idle, USD | at load, USD |", "|---|---|---|---|", *rows, *more])


def _diffs(difference: Difference) -> str:
    # What sums the others up is read last.
    order = sorted(difference.changed, key=lambda path: (path in _SUMS, path))
    whole = "\n".join(f"=== {path}\n{difference.changed[path]}" for path in order)
    return limited(whole, _DIFF_CHARACTERS, "... and more: `make render` before and after the change shows all.")
