"""What the nightly look found: which stacks are no longer what their program says."""

from collections.abc import Mapping


def drifted(plans: Mapping[str, str], result: str, address: str) -> str | None:
    """The text of the issue, or None where every stack that was looked at is as it should be.

    Args:
        plans: What Pulumi would change in each stack, or why it cannot say; empty where there is nothing to say.
        result: What the looks together came to, in GitHub's words.
        address: Of the run.
    """
    said = {stack: plan for stack, plan in plans.items() if plan}
    if not said and result == "success":
        return None
    if not said:
        return f"The look at the stacks ended as '{result}' before Pulumi said anything: [this run]({address})."
    parts = [
        f"Somebody changed {_listed(list(said))} by hand, a deployment did not end, or Pulumi cannot say.",
        "",
        "Bring the change into the program, or the stack back by the workflow `deploy`. This issue closes by itself "
        "when the next look finds nothing.",
    ]
    for stack, plan in said.items():
        parts += ["", f"### {stack}", "", plan]
    return "\n".join([*parts, "", f"From [this run]({address})."])


def _listed(stacks: list[str]) -> str:
    return stacks[0] if len(stacks) == 1 else f"{', '.join(stacks[:-1])} and {stacks[-1]}"
