"""Every cloud stack, recorded without an account, against every rule."""

import functools
import importlib
import json
from collections.abc import Iterator

import pytest
from pulumi._types import resource_types

from infra.policies import allowed
from infra.policies.exemptions import EXEMPTIONS
from infra.policies.recorded import stack_of
from infra.policies.review import review
from infra.policies.rules.tags import TAGGABLE
from infra.render.engine import record
from infra.render.recording import Recording
from infra.settings import STACKS
from infra.versions import versions

_SIGN_IN = {
    "domain": "keelson.example.com",
    "certificate-arn": "arn:aws:acm:us-east-1:123456789012:certificate/1",
    "issuer": "https://id.example.com",
    "client-id": "keelson",
    "email-domain": "example.com",
}
_CLUSTER = {"keelson:registry": "registry.example.org/keelson"}
_VARIANTS = {
    **{name: (name, None) for name in STACKS},
    "prod with pages": ("prod", {"keelson:sign-in": json.dumps(_SIGN_IN)}),
    "prod with copies of its buckets": ("prod", {"keelson:replica-region": "us-west-2"}),
    "staging with people": ("staging", {"keelson:people": json.dumps({"reviewer": ["arn:aws:iam::1:role/people"]})}),
    "any Kubernetes": ("cluster", None),
    "any Kubernetes with a bundle": ("cluster", _CLUSTER | {"keelson:bundle": "trip_duration:abc"}),
    "any Kubernetes with operators of its own": ("cluster", _CLUSTER | {"keelson:operators": "present"}),
    "dev paused": ("dev", {"keelson:paused": "true"}),
}


@functools.cache
def recorded(variant: str) -> Recording:
    return record(*_VARIANTS[variant])


def _everything() -> Iterator[Recording]:
    return map(recorded, _VARIANTS)


@pytest.mark.parametrize("variant", _VARIANTS)
def test_no_stack_breaks_a_mandatory_rule(variant: str) -> None:
    found = review(stack_of(recorded(variant)))
    assert [f"{one.rule.name}: {one.sentence}" for one in found if one.rule.mandatory] == []


def test_each_exemption_has_a_reason_and_excuses_something_that_is_there() -> None:
    broken = [one for recording in _everything() for one in review(stack_of(recording), exemptions=())]
    for exemption in EXEMPTIONS:
        # What a chart brings is in no recording: its name begins with the chart's.
        brought = exemption.urn.rsplit("::", 1)[-1].split(":")[0] in versions().charts
        assert brought or any(map(exemption.covers, broken)), exemption
        assert len(exemption.reason.split()) > 4, exemption


def test_the_list_of_types_with_tags_is_what_the_provider_says() -> None:
    types = {one.type for recording in _everything() for one in recording.of_package("aws")}
    for token in types | set(TAGGABLE):
        _, module, kind = token.split(":")
        made = getattr(importlib.import_module(f"pulumi_aws.{module.split('/')[0]}"), kind)
        assert (token in TAGGABLE) == ("tags" in resource_types(made)), token


def test_what_the_settings_choose_by_default_is_on_the_lists() -> None:
    for row in STACKS.values():
        for machine in (*row["system"]["instance-types"], *row["gpu"]["instance-types"]):
            assert allowed.within(machine, allowed.MACHINES), machine
        assert allowed.within(row["database"]["postgres-class"], allowed.DATABASE_MACHINES)
        assert all(map(allowed.has_gpu, row["gpu"]["instance-types"]))
        assert not any(map(allowed.has_gpu, row["system"]["instance-types"]))


def test_the_stacks_whose_data_must_survive_are_those_that_the_settings_protect() -> None:
    assert {name for name, row in STACKS.items() if row["protect"]} == allowed.PROTECTED_STACKS
