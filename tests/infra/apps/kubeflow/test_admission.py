"""The rule for pods of runs, as far as it can be judged without an API server: that it names each way in."""

from typing import Any

import pytest

from infra.apps.kubeflow import admission


@pytest.fixture(scope="module")
def policy(made: Any) -> dict[str, Any]:
    return made.one("ValidatingAdmissionPolicy", admission.NAME)["spec"]


def test_the_rule_is_for_pods_that_argo_makes(policy: dict[str, Any], upstream: Any) -> None:
    account = upstream.of("Deployment")["workflow-controller"]["account"]
    (condition,) = policy["matchConditions"]
    assert condition["expression"] == f'request.userInfo.username == "system:serviceaccount:kubeflow:{account}"'
    assert policy["matchConstraints"]["resourceRules"] == [
        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    ]


def test_a_pod_is_refused_where_the_rule_fails_or_cannot_be_evaluated(policy: dict[str, Any], made: Any) -> None:
    binding = made.one("ValidatingAdmissionPolicyBinding", admission.NAME)["spec"]
    assert policy["failurePolicy"] == "Fail"
    assert "Deny" in binding["validationActions"]
    assert binding["policyName"] == admission.NAME
    namespaces = binding["matchResources"]["namespaceSelector"]["matchLabels"]
    assert namespaces == {"kubernetes.io/metadata.name": "kubeflow"}


@pytest.mark.parametrize("way", ["env", "envFrom", "secret", "projected", "csi"])
def test_the_rule_names_each_way_that_a_pod_reads_a_secret(policy: dict[str, Any], way: str) -> None:
    assert any(f"has(one.{way})" in one["expression"] for one in policy["validations"])


def test_containers_that_run_first_are_judged_too(policy: dict[str, Any]) -> None:
    expressions = {one["name"]: one["expression"] for one in policy["variables"]}
    assert "object.spec.initContainers" in expressions["containers"]


def test_steps_run_as_their_own_account_only(policy: dict[str, Any], made: Any) -> None:
    expressions = [one["expression"] for one in policy["validations"]]
    assert 'object.spec.serviceAccountName == "pipeline-runner"' in expressions


def test_no_secret_of_kubeflow_pipelines_itself_is_readable_by_steps(policy: dict[str, Any], made: Any) -> None:
    expressions = {one["name"]: one["expression"] for one in policy["variables"]}
    own = [one["metadata"]["name"] for one in made.objects if one["kind"] == "ExternalSecret"]
    assert own
    assert not [name for name in own if f'"{name}"' in expressions["secrets"]]


def test_whoever_breaks_the_rule_is_told_what_is_allowed(policy: dict[str, Any]) -> None:
    for one in policy["validations"]:
        assert any(allowed in one["message"] for allowed in ("pipeline-runner", ", ".join(admission.SECRETS)))
