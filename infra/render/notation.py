"""Recorded values as texts that are read and compared: YAML, JSON, and cells of Markdown tables."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]

# Read first by people; all other keys follow by the alphabet.
_FIRST = {key: place for place, key in enumerate(("apiVersion", "kind", "metadata", "name", "namespace"))}
# Numbers to Kubernetes' YAML reader, although PyYAML would write the texts without quotes.
_NUMBER_TO_OTHERS = re.compile(r"^[-+]?(0[xob][0-9a-fA-F_]+|(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?)$")

_OTHER_LINE_ENDS = re.compile("[\x85\u2028\u2029]")


def plain(value: Any) -> Any:
    """The value with whole numbers as integers (Pulumi's wire knows only floats) and paths from the repository's root.

    A render is equal on every machine: the place of the checkout is left out.
    """
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return value.replace(f"{ROOT}/", "")
    return value


def decoded(value: Any) -> Any:
    """``plain``, and texts that hold JSON objects or lists (IAM policies, event patterns) as what they hold."""
    if isinstance(value, Mapping):
        return {key: decoded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [decoded(one) for one in value]
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return decoded(json.loads(value))
        except json.JSONDecodeError:
            return plain(value)
    return plain(value)


def as_json(value: Any) -> str:
    """Sorted keys, two spaces, one line for each item; a text of several lines is a list of its lines."""
    return json.dumps(_by_lines(value), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _by_lines(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _by_lines(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_by_lines(one) for one in value]
    return value.splitlines() if isinstance(value, str) and "\n" in value.rstrip("\n") else value


def as_yaml(value: Any) -> str:
    """Keys in the order that Kubernetes users know, texts of several lines as blocks, no line folded."""
    return yaml.dump(_in_order(plain(value)), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf"))


def _in_order(value: Any) -> Any:
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: (_FIRST.get(key, len(_FIRST)), key))
        return {key: _in_order(value[key]) for key in keys}
    return [_in_order(one) for one in value] if isinstance(value, list) else value


class _Dumper(yaml.SafeDumper):
    # Anchors would tie a line of one part to another part's.
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else "'" if _NUMBER_TO_OTHERS.match(text) else None
    # Line ends of Unicode, which only this style escapes.
    style = '"' if _OTHER_LINE_ENDS.search(text) else style
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; cells are Markdown already."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def code(*texts: str) -> str:
    """Texts as code in a table's cell, one below the other: Markdown would read ``<vpc.id>`` as HTML."""
    return "<br>".join(f"`{text}`" for text in texts)
