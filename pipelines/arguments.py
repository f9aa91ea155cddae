"""Arguments of a pipeline run: what a person writes as ``name=value``, held against what the pipeline takes."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pipelines.submission_error import SubmissionError
from pipelines.versioning.interface import Input

# What a run is told by who starts it, not by a person.
SUPPLIED = ("run", "commit", "fingerprint", "study", "submission")


def parsed(given: Iterable[str], inputs: Mapping[str, Input], usual: Mapping[str, Any]) -> dict[str, Any]:
    """Values of all inputs that a person may give.

    Args:
        given: ``name=value`` each; of lists and mappings the value is JSON.
        inputs: What the pipeline takes.
        usual: Values of inputs that are not given, before the pipeline's own defaults.

    Raises:
        SubmissionError: One is unknown, missing or of another type.
    """
    allowed = {name: one for name, one in inputs.items() if name not in SUPPLIED}
    values = dict(_split(text, allowed) for text in given)
    filled = {name: value for name, value in usual.items() if name in allowed} | values
    missing = [name for name, one in allowed.items() if not one.optional and name not in filled]
    if missing:
        raise SubmissionError(f"{', '.join(missing)} must be given: --param {missing[0]}=...")
    return filled


def _split(text: str, allowed: Mapping[str, Input]) -> tuple[str, Any]:
    name, found, value = text.partition("=")
    if not found:
        raise SubmissionError(f"--param {text!r} has no value; write name=value")
    if name not in allowed:
        raise SubmissionError(f"the pipeline takes no {name!r}; it takes {', '.join(sorted(allowed))}")
    return name, _value(name, value, allowed[name].type)


def _value(name: str, text: str, kind: str) -> Any:
    if kind == "STRING":
        return text
    wanted, is_wanted = _TYPES[kind]
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = None
    if not is_wanted(value):
        raise SubmissionError(f"{name}={text} was given; give {wanted}")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "NUMBER_INTEGER": ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    "NUMBER_DOUBLE": ("a number", _is_number),
    "BOOLEAN": ("true or false", lambda value: isinstance(value, bool)),
    "LIST": ('a list in JSON, such as ["a", "b"]', lambda value: isinstance(value, list)),
    "STRUCT": ('a mapping in JSON, such as {"a": 1}', lambda value: isinstance(value, dict)),
}
