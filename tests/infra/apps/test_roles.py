"""What each role may do, judged as the API server would judge it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.apps import roles
from infra.apps.namespaces import NAMESPACES

MakeAll = Callable[..., Any]
PAGE = Path(__file__).parents[3] / "docs" / "roles.md"
PEOPLE = [role for role in roles.ROLES if role != roles.CI]
WRITES = {"create", "update", "patch", "delete", "deletecollection"}


class Api:
    """Answers `kubectl auth can-i` for a group."""

    def __init__(self, made: Any) -> None:
        self._made = made

    def rules(self, subject: str, namespace: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for kind, where in (("RoleBinding", namespace), ("ClusterRoleBinding", None)):
            for binding in self._made.of(kind, where):
                if subject in [one["name"] for one in binding["subjects"]]:
                    reference = binding["roleRef"]
                    found += self._made.one(reference["kind"], reference["name"], where)["rules"]
        return found

    def can(self, role: str, verb: str, resource: str, namespace: str, name: str = "any", group: str = "") -> bool:
        subject = role if role == roles.SUBMITTER else f"keelson:{role}"
        return any(
            verb in rule["verbs"]
            and resource in rule["resources"]
            and group in rule["apiGroups"]
            and name in rule.get("resourceNames", [name])
            for rule in self.rules(subject, namespace)
        )


@pytest.fixture
def api(make_all: MakeAll) -> Api:
    return Api(make_all())


@pytest.mark.parametrize("role", roles.ROLES)
def test_nobody_reads_secrets_or_opens_a_shell_in_a_pod(api: Api, role: str) -> None:
    for namespace in NAMESPACES:
        for verb in ("get", "list", "watch"):
            assert not api.can(role, verb, "secrets", namespace)
        assert not api.can(role, "create", "pods/exec", namespace)
        assert not api.can(role, "create", "pods", namespace)


@pytest.mark.parametrize("role", roles.ROLES)
def test_no_rule_has_a_wildcard(api: Api, role: str) -> None:
    for namespace in NAMESPACES:
        for rule in api.rules(f"keelson:{role}", namespace):
            assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]]


def test_a_reviewer_changes_nothing(api: Api) -> None:
    for namespace in NAMESPACES:
        for rule in api.rules("keelson:reviewer", namespace):
            assert not WRITES & set(rule["verbs"])


@pytest.mark.parametrize("role", ["data-scientist", "ml-engineer", "data-engineer"])
def test_runs_are_started_through_the_pipeline_api_and_nothing_else(api: Api, role: str) -> None:
    assert api.can(role, "create", "services/proxy", "kubeflow", "ml-pipeline:http")
    assert not api.can(role, "create", "services/proxy", "kubeflow", "metadata-grpc-service")
    assert not api.can(role, "create", "workflows", "kubeflow", group="argoproj.io")


def test_only_ml_engineers_promote_a_bundle(api: Api) -> None:
    allowed = [role for role in PEOPLE if api.can(role, "patch", "rollouts", "serving", group="argoproj.io")]
    assert allowed == ["ml-engineer"]


def test_ml_engineers_see_all_that_the_plugin_of_argo_rollouts_waits_for(api: Api) -> None:
    """Its `get rollout` begins to show something when it knows all of these, and waits without end for one that is
    refused."""
    looked_at = {"": ["pods"], "apps": ["replicasets"], "argoproj.io": ["rollouts", "experiments", "analysisruns"]}
    for group, resources in looked_at.items():
        for resource in resources:
            for verb in ("list", "watch"):
                assert api.can("ml-engineer", verb, resource, "serving", group=group), (verb, resource)


def test_only_platform_engineers_touch_nodes(api: Api) -> None:
    assert [role for role in PEOPLE if api.can(role, "patch", "nodes", "kubeflow")] == ["platform-engineer"]


def test_ci_gets_only_a_token_that_submits_runs(api: Api) -> None:
    assert api.can("ci", "create", "serviceaccounts/token", "kubeflow", roles.SUBMITTER)
    assert not api.can("ci", "create", "serviceaccounts/token", "kubeflow", "pipeline-runner")
    assert [len(api.rules("keelson:ci", namespace)) for namespace in NAMESPACES if namespace != "kubeflow"] == [0] * (
        len(NAMESPACES) - 1
    )
    others = [role for role in PEOPLE for one in NAMESPACES if api.can(role, "create", "serviceaccounts/token", one)]
    assert others == []
    assert api.can(roles.SUBMITTER, "create", "services/proxy", "kubeflow", "ml-pipeline:http")
    assert not api.can(roles.SUBMITTER, "get", "pods", "kubeflow")


def test_the_table_in_the_docs_is_that_of_the_program() -> None:
    assert roles.table() in PAGE.read_text()
