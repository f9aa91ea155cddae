"""Texts that stand for values known only after deployment: ``<vpc.id>``, ``<cluster.certificateAuthority.data>``.

Their shape comes from the provider's own types, so that a program which reads a part of an output finds the part.
"""

import functools
import importlib
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

from pulumi._types import is_output_type, output_type_types, resource_types

# How deep outputs are filled in; some types hold themselves.
_DEPTH = 4


def outputs(token: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """All outputs of a resource: its inputs, and a placeholder for each text that the provider would add.

    Args:
        token: Type token, such as ``aws:s3/bucket:Bucket``. A token of an unknown package has no added outputs.
        name: Logical name of the resource, which starts each placeholder.
        inputs: Inputs in Pulumi's spelling.
    """
    return _filled(_types(token), inputs, name, _DEPTH)


@functools.cache
def _types(token: str) -> Mapping[str, Any]:
    package, module, kind = token.split(":")
    if package != "aws":
        return {}
    return resource_types(getattr(importlib.import_module(f"pulumi_aws.{module.split('/')[0]}"), kind))


def _filled(types: Mapping[str, Any], given: Mapping[str, Any], path: str, depth: int) -> dict[str, Any]:
    made = {key: _placeholder(kind, given.get(key), f"{path}.{key}", depth) for key, kind in types.items()}
    return {key: value for key, value in {**given, **made}.items() if value is not None}


def _placeholder(kind: Any, given: Any, path: str, depth: int) -> Any:
    """A value of ``kind`` with what was given kept, or ``None`` where no text can stand for it (a yes or no)."""
    if is_output_type(kind) and isinstance(given, Mapping | None) and depth:
        return _filled(output_type_types(kind), given or {}, path, depth - 1)
    if given is not None:
        return given
    # Numbers too: nothing checks an output's type, and `str` of an absent number would read "None".
    if kind in (str, int, float):
        return f"<{path}>"
    if get_origin(kind) is Sequence and depth:
        one = _placeholder(get_args(kind)[0], None, f"{path}[0]", depth - 1)
        return None if one is None else [one]
    return None
