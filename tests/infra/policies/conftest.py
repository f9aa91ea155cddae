"""Examples of every rule: a whole stack that all rules admit, changed in one place."""

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.policies.recorded import stack_of
from infra.policies.resource import Stack
from infra.render.recording import Recording, Resource

EXAMPLES = Path(__file__).with_name("examples")
# Inputs that AWS and Kubernetes take as JSON texts.
_TEXTS = ("policy", "assumeRolePolicy", "configurationValues", "kubeconfig")


def _recording(resources: Mapping[str, Any], stack: str) -> Recording:
    return Recording(
        stack=stack,
        outputs={},
        resources=tuple(
            Resource(
                urn=f"urn:pulumi:{stack}::keelson::{one['type']}::{name}",
                type=one["type"],
                name=name,
                protect=one.get("protect", False),
                inputs={
                    key: json.dumps(value) if key in _TEXTS and not isinstance(value, str) else value
                    for key, value in one["props"].items()
                },
            )
            for name, one in resources.items()
        ),
    )


def _changed(resources: dict[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """The stack with resources put in (they have a type), taken out (null), or with values at dotted paths set."""
    made = copy.deepcopy(resources)
    for name, values in change.items():
        if values is None:
            del made[name]
        elif "type" in values and "props" in values:
            made[name] = values
        else:
            for path, value in values.items():
                _set(made[name] if path == "protect" else made[name]["props"], path.split("."), value)
    return made


def _set(target: Any, path: list[str], value: Any) -> None:
    key = int(path[0]) if isinstance(target, list) else path[0]
    if len(path) > 1:
        _set(target.setdefault(key, {}) if isinstance(target, dict) else target[key], path[1:], value)
    elif value is None:
        target.pop(key, None)
    else:
        target[key] = value


@pytest.fixture(scope="session")
def a_recording() -> Callable[..., Recording]:
    """The stack that every rule admits, with one change, as the engine would record it."""
    whole = yaml.safe_load((EXAMPLES / "stack.yaml").read_text())

    def made(change: Mapping[str, Any] | None = None, stack: str = "prod") -> Recording:
        return _recording(_changed(whole, change or {}), stack)

    return made


@pytest.fixture(scope="session")
def a_stack(a_recording: Callable[..., Recording]) -> Callable[..., Stack]:
    """The same, as rules see it."""
    return lambda *args, **named: stack_of(a_recording(*args, **named))
