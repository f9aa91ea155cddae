"""What a stack's configuration may say: read once, validated at once, frozen.

Every default stands in this package and nowhere else. A stack file (``infra/stacks/Pulumi.<stack>.yaml``) holds
only what differs from them.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from infra.settings.cloud import STACKS, CloudSettings
from infra.settings.cluster import ClusterSettings
from infra.settings.local import PORTS_PER_STACK, LocalSettings
from infra.settings.schema import Settings, kebab
from infra.settings.traffic import TrafficSettings

__all__ = [
    "KUBERNETES_STACKS",
    "PORTS_PER_STACK",
    "STACKS",
    "CloudSettings",
    "ClusterSettings",
    "LocalSettings",
    "SettingsError",
    "TrafficSettings",
    "load",
]


# The stacks that can be rendered: the cloud's, and the one on any Kubernetes.
KUBERNETES_STACKS = (*STACKS, "cluster")


class SettingsError(ValueError):
    """A stack file has a wrong key, type or value. The message is one sentence that names all three."""


def load(stack: str, project: str, config: Mapping[str, Any]) -> LocalSettings | CloudSettings | ClusterSettings:
    """Validate the configuration of one stack.

    Args:
        stack: Name of the stack.
        project: Name of the Pulumi project, which is the namespace of its keys.
        config: Full configuration, ``{"<namespace>:<key>": value}``; values may be strings, as Pulumi hands
            them over, or already typed. Keys of other namespaces are not looked at.

    Raises:
        SettingsError: Unknown stack, unknown key, wrong type, or value out of range.
    """
    given = {key.split(":", 1)[1]: _typed(value) for key, value in config.items() if key.startswith(f"{project}:")}
    model: type[LocalSettings] | type[CloudSettings] | type[ClusterSettings]
    if stack == "local":
        model = LocalSettings
    elif stack == "cluster":
        model, given = ClusterSettings, {**given, "stack": stack}
    elif stack in STACKS:
        model, given = CloudSettings, {**_merged(STACKS[stack], given), "stack": stack}
    else:
        raise SettingsError(
            f"Stack '{stack}' is not known; allowed: {', '.join(sorted({*STACKS, 'cluster', 'local'}))}."
        )
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise SettingsError(_sentence(error.errors()[0], project, stack, model)) from None


def _merged(row: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A stack's row with the given values over it, key by key and group by group."""
    both = {
        key: _merged(row[key], value) if isinstance(value, Mapping) and isinstance(row.get(key), Mapping) else value
        for key, value in given.items()
    }
    return {**row, **both}


def _typed(value: Any) -> Any:
    """Undo Pulumi's flattening of numbers, booleans and structures to strings."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def _sentence(error: ErrorDetails, project: str, stack: str, model: type[Settings]) -> str:
    path = [str(part) for part in error["loc"]]
    message = error["msg"].removeprefix("Value error, ")
    allowed = message[:1].lower() + message[1:]
    if not path:
        return f"The settings in infra/stacks/Pulumi.{stack}.yaml contradict each other: {allowed}."
    where = f"{project}:{'.'.join(path)} in infra/stacks/Pulumi.{stack}.yaml"
    group, description = _described(model, path)
    if error["type"] == "extra_forbidden":
        return f"Setting {where} is not known; allowed keys: {', '.join(sorted({*group} - {'stack'}))}."
    if error["type"] == "missing":
        return f"Setting {where} is missing: {description}."
    given = "" if isinstance(error["input"], Mapping) else f" {error['input']!r}, which is"
    return f"Setting {where} is{given} not allowed: {allowed}" + (f" ({description})." if description else ".")


def _described(model: type[Settings], path: list[str]) -> tuple[list[str], str]:
    """The keys allowed beside the last one of ``path``, and what that one is."""
    description = ""
    fields = {kebab(name): field for name, field in model.model_fields.items()}
    for part in path:
        if part not in fields:
            break
        description = fields[part].description or ""
        inner = _settings_in(fields[part].annotation)
        if inner is None or part == path[-1]:
            break
        fields = {kebab(name): field for name, field in inner.model_fields.items()}
    return list(fields), description


def _settings_in(annotation: Any) -> type[Settings] | None:
    """The settings model that a field holds, also where it may be absent."""
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next((one for one in candidates if isinstance(one, type) and issubclass(one, Settings)), None)
