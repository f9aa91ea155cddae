"""What a rule sees of a resource, whether it was recorded without an account or is about to be deployed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Types under which Pulumi groups objects that this repository does not write.
_BROUGHT = ("kubernetes:helm.sh/v4:Chart", "kubernetes:kustomize/v2:Directory")


@dataclass(frozen=True)
class Unknown:
    """A value that exists only after deployment; it is neither good nor bad.

    Attributes:
        text: ``<vpc.id>`` (the resource that will have it, and the property) in a recording, empty in a preview.
        secret: Whether it is known but hidden.
    """

    text: str = ""
    secret: bool = False

    def __str__(self) -> str:
        return self.text or "<known after deployment>"


@dataclass(frozen=True)
class Finding:
    """One property that a rule refuses: where it is, what it is, and what it may be."""

    path: str
    given: Any
    allowed: str


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource with its inputs in Pulumi's spelling.

    Attributes:
        urn: Pulumi's name of it, unique in the stack.
        type: Type token, such as ``aws:s3/bucket:Bucket``.
        name: Logical name.
        stack: Name of the stack.
        props: Inputs; values known only after deployment are ``Unknown``.
        protect: Whether Pulumi refuses to delete it.
        needs: URNs of the resources that each property's value comes from, where they are told.
    """

    urn: str
    type: str
    name: str
    stack: str
    props: Mapping[str, Any] = field(default_factory=dict)
    protect: bool = False
    needs: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Last part of the type: ``Bucket``."""
        return self.type.rsplit(":", 1)[1]

    @property
    def brought(self) -> bool:
        """Whether a Helm chart or a kustomization brought it, so that its text is not this repository's."""
        return any(f"{one}$" in self.urn for one in _BROUGHT)

    def get(self, path: str) -> Any:
        """The value at a dotted path, ``None`` where there is none, ``Unknown`` where part of the path is unknown."""
        return lookup(self.props, path)

    def entry(self, path: str, key: str) -> Any:
        """The value under a key that may have dots in it, such as an annotation's."""
        found = self.get(path)
        return found.get(key) if isinstance(found, Mapping) else found

    def must_be(self, path: str, *allowed: Any) -> Iterator[Finding]:
        """A finding unless the value is, or after deployment can be, one of ``allowed``."""
        value = self.get(path)
        if not may_be(value, *allowed):
            yield Finding(path, value, " or ".join(shown(one) for one in allowed))

    def must_have(self, path: str, what: str) -> Iterator[Finding]:
        """A finding where there is no value, or an empty one; ``what`` says which is wanted."""
        value = self.get(path)
        if value in (None, "", [], {}):
            yield Finding(path, value, what)


def lookup(value: Any, path: str) -> Any:
    """The value at a dotted path below ``value``; numbers index lists."""
    for part in path.split("."):
        if isinstance(value, Unknown) or value is None:
            return value
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, Sequence) and not isinstance(value, str) and part.isdecimal():
            value = value[int(part)] if int(part) < len(value) else None
        else:
            return None
    return value


def may_be(value: Any, *allowed: Any) -> bool:
    """Whether the value is one of ``allowed``, or is not known yet. ``True`` and ``1`` are told apart."""
    same = (isinstance(value, bool) is isinstance(one, bool) and value == one for one in allowed)
    return isinstance(value, Unknown) or any(same)


def many(value: Any) -> list[Any]:
    """The elements of a list, or the one value, or none; what is not known yet is one element."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def may_hold(value: Any, item: Any) -> bool:
    """Whether a list has ``item``, or after deployment can have it."""
    return any(may_be(one, item) for one in many(value))


def document(value: Any) -> Any:
    """A JSON text as data; what is no JSON text is given back as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def shown(value: Any) -> str:
    """A value as it stands in a sentence, at most 120 characters."""
    if value is None:
        return "not set"
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str, sort_keys=True)
    return text if len(text) <= 120 else f"{text[:117]}..."


@dataclass(frozen=True, kw_only=True)
class Stack:
    """All resources of a stack."""

    name: str
    resources: tuple[Resource, ...]

    def of_type(self, *types: str) -> tuple[Resource, ...]:
        """All resources of these type tokens."""
        return tuple(one for one in self.resources if one.type in types)

    def companions(
        self, target: Resource, kind: str, path: str, *outputs: str, surely: bool = False
    ) -> tuple[Resource, ...]:
        """All resources of type ``kind`` whose property names ``target`` by one of its outputs.

        Those of which it is not known yet are among them, unless ``surely``.
        """
        told = [(one, [refers(path, one, target, output) for output in outputs]) for one in self.of_type(kind)]
        return tuple(one for one, answers in told if True in answers or (None in answers and not surely))


def refers(path: str, source: Resource, target: Resource, output: str) -> bool | None:
    """Whether ``source``'s property is ``target``'s ``output``; ``None`` where it is not known yet."""
    given, wanted = source.get(path), target.get(output)
    if isinstance(given, Unknown) and not given.text:
        needs = source.needs.get(path.split(".")[0])
        return None if needs is None else target.urn in needs
    if given is None or isinstance(given, Unknown):
        return given is not None and given.text == f"<{target.name}.{output}>"
    return None if wanted == Unknown() else given == wanted
