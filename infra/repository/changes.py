"""What would have to change for GitHub to keep what it must: a pure comparison."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from infra.repository.wanted import Call, Setting

_NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True)
class Found:
    """A setting as GitHub keeps it.

    Attributes:
        body: In the words in which it would be sent, teams by their slugs.
        id: GitHub's name of it in a path, where that is not known before.
        remove: The call that takes it away, for what nothing but the table may add; None for what is left alone.
    """

    body: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    remove: Call | None = None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One value that is not what it must be."""

    what: str
    found: str
    wanted: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """One call, and what it changes."""

    verb: Literal["make", "change", "remove"]
    where: str
    differences: tuple[Difference, ...] = ()
    call: Call
    body: Mapping[str, Any] | None = None


def changes(wanted: Sequence[Setting], found: Mapping[str, Found]) -> tuple[Change, ...]:
    """The calls that make ``found`` what is wanted, in the order of ``wanted``; removals come last.

    What GitHub keeps beside the table is left alone, but for what must not be added to (``Found.remove``).
    """
    places = {one.where for one in wanted}
    removed = (
        Change(verb="remove", where=where, call=one.remove)
        for where, one in found.items()
        if where not in places and one.remove
    )
    return (*(change for one in wanted for change in _changed(one, found.get(one.where))), *removed)


def _changed(setting: Setting, found: Found | None) -> Iterator[Change]:
    if found is None:
        differences = tuple(_differences("", {}, _canonical(setting.body)))
        yield Change(verb="make", where=setting.where, differences=differences, call=setting.make, body=setting.body)
    elif setting.change and (differences := tuple(_differences("", _canonical(found.body), _canonical(setting.body)))):
        method, path = setting.change
        yield Change(
            verb="change",
            where=setting.where,
            differences=differences,
            call=(method, path.replace("{id}", found.id)),
            body=setting.body,
        )


def _canonical(value: Any) -> Any:
    """The same whatever order GitHub tells things in; rules are known by their types."""
    if isinstance(value, Mapping):
        return {key: _rules(one) if key == "rules" else _canonical(one) for key, one in value.items()}
    if isinstance(value, list):
        return sorted((_canonical(one) for one in value), key=_text)
    return value


def _rules(rules: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {rule["type"]: {"enforced": True, **_canonical(rule.get("parameters") or {})} for rule in rules}


def _differences(path: str, found: Any, wanted: Any) -> Iterator[Difference]:
    """Where ``found`` lacks what is wanted. What it holds besides is GitHub's own, but for a rule."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for key, value in wanted.items():
            yield from _differences(f"{path}.{key}" if path else key, found.get(key, _NOTHING), value)
        if path == "rules":
            for key in sorted(found.keys() - wanted.keys()):
                yield Difference(what=f"rules.{key}", found=_text(found[key]), wanted=_NOTHING)
    elif isinstance(wanted, Mapping):
        yield from _differences(path, {}, wanted)
    elif found != wanted:
        yield Difference(what=path, found=_text(found), wanted=_text(wanted))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
