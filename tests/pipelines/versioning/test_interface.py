"""Which changes of an interface still serve who used the old one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.versioning.interface import Input, Interface, differences, interface
from pipelines.versioning.version import Change

NAMES = st.text("abcdef_", min_size=1, max_size=4)
TYPES = st.sampled_from(["STRING", "NUMBER_INTEGER", "system.Dataset@0.0.1"])
INPUTS = st.builds(Input, type=TYPES, optional=st.booleans(), default=st.sampled_from([None, 1, "a"]))
INTERFACES = st.builds(Interface, inputs=st.dictionaries(NAMES, INPUTS), outputs=st.dictionaries(NAMES, TYPES))


def an_interface(**changes: Any) -> Interface:
    inputs = {"rows": Input(type="NUMBER_INTEGER"), "seed": Input(type="NUMBER_INTEGER", optional=True, default=1)}
    return Interface(**{"inputs": inputs, "outputs": {"model": "system.Model@0.0.1"}, **changes})


def with_input(name: str, given: Input) -> Interface:
    return an_interface(inputs={**an_interface().inputs, name: given})


@pytest.mark.parametrize(
    ("new", "change", "words"),
    [
        (with_input("device", Input(type="STRING", optional=True, default="cpu")), Change.MINOR, "device was added"),
        (with_input("device", Input(type="STRING")), Change.MAJOR, "device was added, which must be given"),
        (with_input("rows", Input(type="STRING")), Change.MAJOR, "rows was NUMBER_INTEGER and is STRING"),
        (with_input("rows", Input(type="NUMBER_INTEGER", optional=True)), Change.MINOR, "rows need not be given"),
        (with_input("seed", Input(type="NUMBER_INTEGER")), Change.MAJOR, "seed must now be given"),
        (with_input("seed", Input(type="NUMBER_INTEGER", optional=True, default=2)), Change.MINOR, "seed is 2 by"),
        (an_interface(inputs={"rows": Input(type="NUMBER_INTEGER")}), Change.MAJOR, "seed was removed"),
        (an_interface(outputs={}), Change.MAJOR, "model was removed"),
        (an_interface(outputs={"model": "system.Artifact@0.0.1"}), Change.MAJOR, "model was system.Model@0.0.1 and is"),
        (an_interface(outputs={"model": "system.Model@0.0.1", "n": "STRING"}), Change.MINOR, "output n was added"),
    ],
)
def test_each_difference_is_named_with_what_it_asks_of_the_version(new: Interface, change: Change, words: str) -> None:
    (found,) = differences(an_interface(), new)
    assert found.change is change
    assert words in found.words


@given(INTERFACES)
def test_an_interface_does_not_differ_from_itself(one: Interface) -> None:
    assert differences(one, one) == []


@given(INTERFACES, INTERFACES)
def test_interfaces_that_differ_are_told_apart(old: Interface, new: Interface) -> None:
    assert bool(differences(old, new)) == (old != new)


@given(INTERFACES, INTERFACES)
def test_whoever_used_an_interface_can_use_one_that_is_called_compatible(old: Interface, new: Interface) -> None:
    if all(one.change < Change.MAJOR for one in differences(old, new)):
        assert {name for name, one in new.inputs.items() if not one.optional} <= old.inputs.keys()
        assert all(new.inputs[name].type == one.type for name, one in old.inputs.items())
        assert old.outputs.items() <= new.outputs.items()


def test_the_interface_of_a_compiled_document_has_parameters_artifacts_and_lists_of_them() -> None:
    schema = {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"}
    root = {
        "inputDefinitions": {
            "parameters": {"seed": {"parameterType": "NUMBER_INTEGER", "isOptional": True, "defaultValue": 1.0}},
            "artifacts": {"models": {"artifactType": schema, "isArtifactList": True}},
        },
        "outputDefinitions": {"artifacts": {"model": {"artifactType": schema}}},
    }
    found = interface({"root": root})
    assert found.inputs["seed"] == Input(type="NUMBER_INTEGER", optional=True, default=1.0)
    assert found.inputs["models"].type == "list of system.Model@0.0.1"
    assert found.outputs == {"model": "system.Model@0.0.1"}
