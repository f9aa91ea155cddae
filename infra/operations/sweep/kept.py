"""What stays on purpose, and why: everything else that is found should be gone."""

import re
from dataclasses import replace

from infra.operations.restore.copy import copy_of
from infra.operations.stack import Stack
from infra.operations.sweep.leftover import Leftover

# Kinds that hold data, which a protected stack never gives away.
_DATA = ("bucket", "database", "image repository", "key", "key alias")
# What a paused stack lives on: all of its data, the volume of its MySQL, and its budget.
_PAUSED = ("bucket", "budget", "image repository", "key", "key alias", "volume")


def with_reason(leftover: Leftover, stack: Stack) -> Leftover:
    """The leftover, with the reason where it stays on purpose."""
    return replace(leftover, kept=reason(leftover, stack))


def reason(leftover: Leftover, stack: Stack) -> str:
    """Why it stays; empty where it should be gone."""
    if leftover.kind == "database snapshot" and re.match(rf"{stack.prefix}-(postgres|mysql)-final-", leftover.id):
        return "last state of a database"
    if leftover.kind in ("key", "secret") and leftover.detail.startswith("goes on "):
        return "AWS ends it by itself"
    if leftover.kind in ("bucket", "database", "image repository") and (suffix := copy_of(leftover.id, stack.prefix)):
        command = f"python -m infra.operations.restore --stack {stack.name} --as {suffix} --delete"
        return f"a copy made by restore; {command} removes it"
    if stack.settings.paused and leftover.kind in _PAUSED:
        return "the stack is paused"
    if stack.settings.protect and leftover.kind in _DATA:
        return "the stack is protected"
    return ""
