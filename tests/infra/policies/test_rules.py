"""Every rule by its two examples: a production stack that all rules admit, changed in one place."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.policies.exemptions import Exemption
from infra.policies.resource import Stack, Unknown
from infra.policies.review import review
from infra.policies.rule import Rule, StackRule
from infra.policies.rules import RULES

_FILES = [file for file in sorted(Path(__file__).with_name("examples").glob("*.yaml")) if file.name != "stack.yaml"]
_PAIRS = [(name, example) for file in _FILES for name, example in yaml.safe_load(file.read_text()).items()]
_EXAMPLES = dict(_PAIRS)
every_example = pytest.mark.parametrize("name", sorted(_EXAMPLES))

# All policies of Pulumi's pack "CIS Kubernetes, AWS (EKS)".
CIS_KUBERNETES = """
eks-cluster-audit-logging-enabled eks-cluster-cloudwatch-logs-enabled eks-node-group-launch-template-required
eks-launch-template-kubelet-config eks-cluster-access-manager-enabled eks-iam-authenticator-enabled
k8s-cluster-admin-role-binding-minimized k8s-rbac-secret-access-minimized k8s-rbac-wildcard-use-minimized
k8s-rbac-create-pods-minimized k8s-rbac-bind-impersonate-escalate-minimized k8s-default-service-accounts-not-used
k8s-service-account-token-mounted-minimized k8s-pod-security-privileged-containers-minimized
k8s-pod-security-host-pid-minimized k8s-pod-security-host-ipc-minimized k8s-pod-security-host-network-minimized
k8s-pod-security-allow-privilege-escalation-minimized k8s-secrets-as-files-not-env-vars k8s-default-namespace-not-used
eks-ecr-image-scanning-enabled eks-ecr-private-repository eks-service-accounts-iam-role-binding
eks-secrets-encryption-kms-enabled eks-node-group-iam-role-minimal-policy eks-cluster-endpoint-restrict-public-access
eks-network-policy-enabled eks-load-balancer-tls-encryption
""".split()

AStack = Callable[..., Stack]


def broken(stack: Stack) -> set[str]:
    return {one.rule.name for one in review(stack, exemptions=())}


def test_every_rule_has_exactly_one_admitted_and_one_refused_example() -> None:
    assert sorted(name for name, _ in _PAIRS) == [one.name for one in RULES]
    for name, example in _PAIRS:
        assert list(example) == ["admitted", "refused", "says"], name


def test_every_policy_of_the_cis_kubernetes_pack_is_a_mandatory_rule_of_the_same_name() -> None:
    assert set(CIS_KUBERNETES) <= {one.name for one in RULES if one.mandatory}


def test_a_stack_without_a_fault_breaks_no_rule(a_stack: AStack) -> None:
    assert broken(a_stack()) == set()


@every_example
def test_the_admitted_example_breaks_no_rule(a_stack: AStack, name: str) -> None:
    assert broken(a_stack(_EXAMPLES[name]["admitted"])) == set()


@every_example
def test_the_refused_example_is_refused_by_its_rule_alone(a_stack: AStack, name: str) -> None:
    assert broken(a_stack(_EXAMPLES[name]["refused"])) == {name}


@every_example
def test_a_violation_names_resource_property_given_and_allowed(a_stack: AStack, name: str) -> None:
    first = review(a_stack(_EXAMPLES[name]["refused"]), exemptions=())[0]
    assert first.sentence == _EXAMPLES[name]["says"]


@every_example
def test_the_two_examples_differ_where_the_rule_looks(name: str) -> None:
    example = _EXAMPLES[name]
    assert example["admitted"].keys() & example["refused"].keys()
    assert example["admitted"] != example["refused"]


def test_a_value_that_is_known_only_after_deployment_is_never_taken_for_a_fault(a_stack: AStack) -> None:
    stack = a_stack()
    for number, resource in enumerate(stack.resources):
        for path in _paths(resource.props):
            hidden = dataclasses.replace(resource, props=_with(resource.props, path, Unknown()))
            others = (*stack.resources[:number], hidden, *stack.resources[number + 1 :])
            assert broken(Stack(name=stack.name, resources=others)) == set(), (resource.name, path)


def _paths(value: Any, start: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    rows = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, one in rows:
        yield (*start, key)
        yield from _paths(one, (*start, key))


def _with(value: Any, path: Sequence[Any], new: Any) -> Any:
    if not path:
        return new
    if isinstance(value, Mapping):
        return {**value, path[0]: _with(value[path[0]], path[1:], new)}
    return [_with(one, path[1:], new) if number == path[0] else one for number, one in enumerate(value)]


@pytest.mark.parametrize("source", ["kubernetes:helm.sh/v4:Chart", "kubernetes:kustomize/v2:Directory"])
def test_what_others_wrote_is_held_to_the_rules_that_say_so_and_no_others(a_stack: AStack, source: str) -> None:
    urn = f"urn:pulumi:prod::keelson::{source}$kubernetes:apps/v1:Deployment::chart:server"
    change = {
        "spec.template.spec.hostNetwork": True,
        "spec.template.spec.containers.0.securityContext.readOnlyRootFilesystem": None,
    }
    stack = a_stack({"server": change})
    brought = tuple(dataclasses.replace(one, urn=urn) if one.name == "server" else one for one in stack.resources)
    assert broken(Stack(name="prod", resources=brought)) == {"k8s-pod-security-host-network-minimized"}


def test_a_rule_for_production_lets_another_stack_go(a_stack: AStack) -> None:
    change = {"postgres": {"protect": False, "multiAz": False, "deletionProtection": False}}
    demanded = {"stateful-protected-in-prod", "database-multi-az-in-prod", "deletion-protected-in-prod"}
    assert demanded <= broken(a_stack(change))
    assert demanded.isdisjoint(broken(a_stack(change, stack="dev")))


def test_an_exemption_excuses_one_rule_at_one_resource_and_nothing_else(a_stack: AStack) -> None:
    stack = a_stack({"postgres": {"publiclyAccessible": True, "multiAz": False}, "data": {"protect": False}})
    excused = Exemption(rule="database-private", urn="aws:rds/instance:Instance::postgres", reason="for this test")
    elsewhere = Exemption(rule="stateful-protected-in-prod", urn="aws:rds/instance:Instance::*", reason="for this test")
    assert {one.rule.name for one in review(stack, exemptions=[excused, elsewhere])} == {
        "database-multi-az-in-prod",
        "stateful-protected-in-prod",
    }


def test_each_rule_says_in_one_sentence_what_it_demands_and_where_it_comes_from() -> None:
    for one in RULES:
        assert isinstance(one, Rule | StackRule)
        assert one.description.endswith("."), one.name
        assert one.source, one.name


_FURTHER = yaml.safe_load(Path(__file__).with_name("further.yaml").read_text())


def _further(kind: str) -> list[Any]:
    rows = [(name, change) for name, cases in _FURTHER.items() for change in cases.get(kind, ())]
    return [pytest.param(*row, id=f"{row[0]}-{number}") for number, row in enumerate(rows)]


@pytest.mark.parametrize(("name", "change"), _further("refused"))
def test_every_other_way_to_break_a_rule_is_refused_by_it_alone(
    a_stack: AStack, name: str, change: Mapping[str, Any]
) -> None:
    assert broken(a_stack(change)) == {name}


@pytest.mark.parametrize(("name", "change"), _further("admitted"))
def test_what_only_looks_like_a_breach_is_admitted(a_stack: AStack, name: str, change: Mapping[str, Any]) -> None:
    assert name in {one.name for one in RULES}
    assert broken(a_stack(change)) == set()
