"""The policy pack in its own environment, asked by the protocol that Pulumi's engine speaks to it."""

import dataclasses
import os
import re
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from infra.policies.environment import PACK, interpreter
from infra.policies.recorded import stack_of
from infra.policies.review import review
from infra.policies.rule import StackRule
from infra.policies.rules import RULES
from infra.render.engine import record
from infra.render.recording import HIDDEN, Recording, Resource

# Pulumi's wire format: what stands for a text that is not known yet, and what marks a secret.
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
_EXAMPLES = [
    (name, example["refused"])
    for file in sorted(Path(__file__).with_name("examples").glob("*.yaml"))
    if file.name != "stack.yaml"
    for name, example in yaml.safe_load(file.read_text()).items()
]
ARecording = Callable[..., Recording]


@pytest.fixture(scope="module")
def pack() -> Iterator[Any]:
    """The running pack, started as Pulumi starts it."""
    command = [str(interpreter()), "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(PACK)]
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    with subprocess.Popen(command, cwd=PACK, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
                yield analyzer_pb2_grpc.AnalyzerStub(channel)
        finally:
            process.terminate()


def refusals(pack: Any, recording: Recording, only: Collection[str] | None = None) -> set[tuple[str, str]]:
    """Rule and resource of everything that the pack finds in a stack; of single resources only those named."""
    urns = {one.name: one.urn for one in recording.resources}
    found = [
        (diagnostic, one.urn)
        for one in recording.resources
        if only is None or one.name in only
        for diagnostic in pack.Analyze(analyzer_pb2.AnalyzeRequest(**_described(one))).diagnostics
    ]
    resources = [
        analyzer_pb2.AnalyzerResource(**_described(one), propertyDependencies=_needs(one, urns))
        for one in recording.resources
    ]
    stack = pack.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=resources)).diagnostics
    return {(one.policyName, urn) for one, urn in found} | {(one.policyName, one.urn) for one in stack}


def _described(resource: Resource) -> dict[str, Any]:
    properties = struct_pb2.Struct()
    properties.update(_on_the_wire(resource.inputs))
    options = analyzer_pb2.AnalyzerResourceOptions(protect=resource.protect)
    return {
        "type": resource.type,
        "name": resource.name,
        "urn": resource.urn,
        "properties": properties,
        "options": options,
    }


def _on_the_wire(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _on_the_wire(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_on_the_wire(one) for one in value]
    if value == HIDDEN:
        return {_SIGNATURE: _SECRET, "value": "hidden"}
    return _UNKNOWN if isinstance(value, str) and re.fullmatch(r"<[^<>\s]+>", value) else value


def _needs(resource: Resource, urns: Mapping[str, str]) -> dict[str, Any]:
    """Which resources each property's value comes from, by the names in its placeholders."""
    made = {}
    for key, value in resource.inputs.items():
        names = [found.split(".")[0] for found in re.findall(r"<([^<>\s]+)>", str(value))]
        made[key] = analyzer_pb2.AnalyzerPropertyDependencies(urns=[urns[name] for name in names if name in urns])
    return made


def test_the_pack_offers_every_rule_at_its_level(pack: Any) -> None:
    offered = {one.name: one for one in pack.GetAnalyzerInfo(struct_pb2.Value()).policies}
    assert set(offered) == {one.name for one in RULES}
    for rule in RULES:
        level = analyzer_pb2.MANDATORY if rule.mandatory else analyzer_pb2.ADVISORY
        kind = analyzer_pb2.POLICY_TYPE_STACK if isinstance(rule, StackRule) else analyzer_pb2.POLICY_TYPE_RESOURCE
        assert (offered[rule.name].enforcementLevel, offered[rule.name].policy_type) == (level, kind), rule.name
        assert offered[rule.name].description == rule.description


def test_the_pack_admits_a_stack_without_a_fault_whose_values_are_not_known_yet(
    pack: Any, a_recording: ARecording
) -> None:
    assert refusals(pack, a_recording()) == set()


@pytest.mark.parametrize(("name", "change"), _EXAMPLES, ids=[name for name, _ in _EXAMPLES])
def test_the_pack_refuses_what_a_review_of_the_recording_refuses(
    pack: Any, a_recording: ARecording, name: str, change: Mapping[str, Any]
) -> None:
    recording = a_recording(change)
    expected = {(one.rule.name, one.urn) for one in review(stack_of(recording))}
    assert refusals(pack, recording, only=change.keys()) == expected
    assert {rule for rule, _ in expected} == {name}


def test_the_pack_judges_a_real_stack_as_the_review_of_its_recording_does(pack: Any) -> None:
    whole = record("dev")
    made = dataclasses.replace(whole, resources=tuple(one for one in whole.resources if not one.component))
    assert refusals(pack, made) == {(one.rule.name, one.urn) for one in review(stack_of(whole))}


def test_the_pack_says_the_same_sentence(pack: Any, a_recording: ARecording) -> None:
    recording = a_recording({"postgres": {"publiclyAccessible": True}})
    answer = pack.Analyze(analyzer_pb2.AnalyzeRequest(**_described(recording.named("postgres"))))
    (diagnostic,) = answer.diagnostics
    assert diagnostic.message.splitlines() == [
        "A database has no public address.",
        "Instance 'postgres': publiclyAccessible is true; allowed: false",
    ]
