"""What the nightly look found: which stacks are no longer what their program says."""

from collections.abc import Mapping

# What a job of GitHub's can come to.
_SUCCESS, _SKIPPED = "success", "skipped"


def drifted(plans: Mapping[str, str], results: Mapping[str, str], address: str) -> str | None:
    """The text of the issue, or None where every stack that was looked at is as it should be.

    Args:
        plans: What Pulumi says of each stack; empty where it was not asked or said nothing.
        results: What the look at each stack came to, in GitHub's words; empty as ``skipped``.
        address: Of the run.
    """
    wrong = {stack: result for stack, result in results.items() if result not in {"", _SUCCESS, _SKIPPED}}
    if not wrong:
        return None
    parts = [
        f"Somebody changed {_listed(list(wrong))} by hand, or a deployment did not end, or the look failed.",
        "",
        "Bring the change into the program, or the stack back by the workflow `deploy`. This issue closes by itself "
        "when the next look finds nothing.",
    ]
    for stack, result in wrong.items():
        parts += ["", f"### {stack}", "", plans.get(stack) or f"The look ended as '{result}' without a plan."]
    return "\n".join([*parts, "", f"From [this run]({address})."])


def _listed(stacks: list[str]) -> str:
    return stacks[0] if len(stacks) == 1 else f"{', '.join(stacks[:-1])} and {stacks[-1]}"
