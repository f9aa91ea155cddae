"""What a stack's configuration may say: read once, validated at once, frozen.

Every default stands here and nowhere else. A stack file (``infra/stacks/Pulumi.<stack>.yaml``) holds
only what differs from them.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

# Ports that one local stack needs, counted from its port base; infra/local/ports.py hands them out.
PORTS_PER_STACK = 20


class SettingsError(ValueError):
    """A stack file has a wrong key, type or value. The message is one sentence that names all three."""


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class LocalSettings(BaseModel):
    """Settings of stack ``local``; the configuration keys are the field names with hyphens."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=_kebab)

    port_base: Annotated[
        int,
        Field(ge=1024, le=65535 - PORTS_PER_STACK, description="the first of the stack's ports on 127.0.0.1"),
    ] = 17000
    serving_workers: Annotated[
        int,
        Field(ge=2, le=64, description="serving processes; with two, a killed one costs the request in flight"),
    ] = 2
    bundle: Annotated[
        str | None,
        Field(
            pattern=r"^[a-z][a-z0-9_]*:[a-z0-9]+$",
            description="tag of the deployed bundle, as printed by `python -m serving.bundle`",
        ),
    ] = None


_STACKS: Mapping[str, type[LocalSettings]] = {"local": LocalSettings}


def load(stack: str, project: str, config: Mapping[str, Any]) -> LocalSettings:
    """Validate the configuration of one stack.

    Args:
        stack: Name of the stack.
        project: Name of the Pulumi project, which is the namespace of its keys.
        config: Full configuration, ``{"<namespace>:<key>": value}``; values may be strings, as Pulumi hands
            them over, or already typed. Keys of other namespaces are not looked at.

    Raises:
        SettingsError: Unknown stack, unknown key, wrong type, or value out of range.
    """
    if stack not in _STACKS:
        raise SettingsError(f"Stack '{stack}' is not known; allowed: {', '.join(sorted(_STACKS))}.")
    model = _STACKS[stack]
    given = {key.split(":", 1)[1]: value for key, value in config.items() if key.startswith(f"{project}:")}
    try:
        return model.model_validate({key: _typed(value) for key, value in given.items()})
    except ValidationError as error:
        raise SettingsError(_sentence(error.errors()[0], project, stack, model)) from None


def _typed(value: Any) -> Any:
    """Undo Pulumi's flattening of numbers, booleans and structures to strings."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def _sentence(error: ErrorDetails, project: str, stack: str, model: type[LocalSettings]) -> str:
    key = str(error["loc"][0])
    where = f"{project}:{key} in infra/stacks/Pulumi.{stack}.yaml"
    fields = {_kebab(name): field for name, field in model.model_fields.items()}
    if error["type"] == "extra_forbidden":
        return f"Setting {where} is not known; allowed keys: {', '.join(sorted(fields))}."
    allowed = error["msg"][0].lower() + error["msg"][1:]
    return f"Setting {where} is {error['input']!r}, which is not allowed: {allowed} ({fields[key].description})."
