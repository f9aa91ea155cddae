"""What a component or pipeline takes and gives, and whether a new form of it still serves who used the old."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from pipelines.versioning.version import Change


class Input(BaseModel):
    """An input's type, e.g. ``NUMBER_INTEGER`` or ``system.Dataset@0.0.1``, and what it is when it is not given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    optional: bool = False
    default: Any = None


class Interface(BaseModel):
    """Inputs, and types of outputs, by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: Mapping[str, Input]
    outputs: Mapping[str, str]


class Difference(BaseModel):
    """One difference between two interfaces, in words, and what it asks of the version."""

    model_config = ConfigDict(frozen=True)

    words: str
    change: Change


def interface(specification: Mapping[str, Any]) -> Interface:
    """The interface of a compiled component or pipeline, of KFP's intermediate representation."""
    taken, given = (specification["root"].get(side, {}) for side in ("inputDefinitions", "outputDefinitions"))
    inputs = {
        name: Input(type=_type(one), optional=one.get("isOptional", False), default=one.get("defaultValue"))
        for name, one in _ports(taken)
    }
    return Interface(inputs=inputs, outputs={name: _type(one) for name, one in _ports(given)})


def differences(old: Interface, new: Interface) -> list[Difference]:
    """What differs, inputs first, by name.

    Whoever calls the old interface may go on where inputs are only added with a default, get one, get another one, or
    where outputs are added. Everything else is incompatible.
    """
    return [*_of_inputs(old.inputs, new.inputs), *_of_outputs(old.outputs, new.outputs)]


def _of_inputs(old: Mapping[str, Input], new: Mapping[str, Input]) -> Iterator[Difference]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before is None and after is not None:
            words = f"input {name} was added" + ("" if after.optional else ", which must be given")
            yield Difference(words=words, change=Change.MINOR if after.optional else Change.MAJOR)
        elif before is not None and after is None:
            yield Difference(words=f"input {name} was removed", change=Change.MAJOR)
        elif before is not None and after is not None and before != after:
            yield _of_input(name, before, after)


def _of_input(name: str, before: Input, after: Input) -> Difference:
    if before.type != after.type:
        return Difference(words=f"input {name} was {before.type} and is {after.type}", change=Change.MAJOR)
    if before.optional and not after.optional:
        return Difference(words=f"input {name} must now be given", change=Change.MAJOR)
    if after.optional and not before.optional:
        return Difference(words=f"input {name} need not be given any more", change=Change.MINOR)
    return Difference(
        words=f"input {name} is {after.default!r} by default and was {before.default!r}", change=Change.MINOR
    )


def _of_outputs(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Difference]:
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield Difference(words=f"output {name} was added", change=Change.MINOR)
        elif name not in new:
            yield Difference(words=f"output {name} was removed", change=Change.MAJOR)
        elif old[name] != new[name]:
            yield Difference(words=f"output {name} was {old[name]} and is {new[name]}", change=Change.MAJOR)


def _ports(side: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind in ("parameters", "artifacts"):
        yield from sorted(side.get(kind, {}).items())


def _type(port: Mapping[str, Any]) -> str:
    if "parameterType" in port:
        return port["parameterType"]
    schema = port["artifactType"]
    listed = "list of " if port.get("isArtifactList") else ""
    return f"{listed}{schema['schemaTitle']}@{schema['schemaVersion']}"
