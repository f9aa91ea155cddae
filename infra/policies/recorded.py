"""A recorded stack as rules see it."""

import re
from collections.abc import Mapping
from typing import Any

from infra.policies.resource import Resource, Stack, Unknown
from infra.render.recording import HIDDEN, Recording

_PLACEHOLDER = re.compile(r"<[^<>\s]+>")


def stack_of(recording: Recording) -> Stack:
    """The recording with each placeholder replaced by what it is: a value that is not known yet."""
    return Stack(
        name=recording.stack,
        resources=tuple(
            Resource(
                urn=one.urn,
                type=one.type,
                name=one.name,
                stack=recording.stack,
                props=understood(one.inputs),
                protect=one.protect,
            )
            for one in recording.resources
            if not one.component
        ),
    )


def understood(value: Any) -> Any:
    """A recorded value with ``Unknown`` for each text that is one placeholder as a whole, or a hidden secret.

    A text that only contains placeholders stays: what is around them is known. JSON texts are left as texts.
    """
    if isinstance(value, Mapping):
        return {key: understood(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [understood(one) for one in value]
    if value == HIDDEN:
        return Unknown(HIDDEN, secret=True)
    if isinstance(value, str) and _PLACEHOLDER.fullmatch(value):
        return Unknown(value)
    return value
