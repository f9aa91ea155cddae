"""The cluster and its nodes come and go in an order in which neither is stranded."""

import functools
import json

import pytest

from infra.aws.cluster import addon_values
from infra.render.engine import record
from infra.render.recording import Recording, Resource
from infra.settings import STACKS

recorded = functools.cache(record)
every_stack = pytest.mark.parametrize("stack", STACKS)


def before(recording: Recording, resource: Resource | None) -> set[str]:
    """What is there before a resource: what it depends on, and what its parents do."""
    if resource is None:
        return set()
    return set(resource.depends_on) | before(recording, recording.with_urn(resource.parent))


def waits(recording: Recording, later: str, *earlier: str) -> bool:
    return {recording.named(one).urn for one in earlier} <= set(recording.named(later).depends_on)


@every_stack
def test_the_control_plane_has_its_rights_before_it_and_until_it_is_gone(stack: str) -> None:
    assert waits(recorded(stack), "cluster-control-plane", "cluster-cluster-policy")


@every_stack
def test_nodes_have_their_rights_and_a_way_out_before_they_start(stack: str) -> None:
    recording = recorded(stack)
    attached = ("node-worker", "node-network", "node-images", "node-sessions")
    routes = [f"network-private-{zone}-out" for zone in "abc"]
    assert waits(recording, "system-nodes-group", *attached, *routes)


@every_stack
def test_pods_are_there_only_after_their_identities(stack: str) -> None:
    recording = recorded(stack)
    identities = recording.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    mine = {one.urn for one in identities if one.inputs["namespace"] == "external-secrets"}
    assert mine
    assert mine <= before(recording, recording.named("external-secrets", "Chart"))


@every_stack
def test_karpenters_machines_enter_by_a_role_of_their_own(stack: str) -> None:
    recording = recorded(stack)
    entry = recording.named("karpenter-nodes").inputs
    assert entry["type"] == "EC2_LINUX"
    assert entry["principalArn"] == "<karpenter-node-role.arn>"
    # EKS makes the entry of a managed group's role by itself; a second one is refused.
    assert recording.named("system-nodes-group").inputs["nodeRoleArn"] == "<node-role.arn>"


@every_stack
def test_karpenter_acts_on_what_it_tagged_itself_in_this_cluster(stack: str) -> None:
    policy = json.loads(recorded(stack).named("karpenter-policy").inputs["policy"])
    for statement in policy["Statement"]:
        if any(action in ("ec2:TerminateInstances", "ec2:DeleteLaunchTemplate") for action in statement["Action"]):
            tags = statement["Condition"]["StringEquals"]
            assert tags == {f"aws:ResourceTag/kubernetes.io/cluster/keelson-{stack}": "owned"}


@every_stack
def test_karpenter_hears_of_interruptions(stack: str) -> None:
    recording = recorded(stack)
    rules = {
        json.loads(one.inputs["eventPattern"])["detail-type"][0]
        for one in recording.resources
        if one.kind == "EventRule"
    }
    assert "EC2 Spot Instance Interruption Warning" in rules
    targets = recording.of_type("aws:cloudwatch/eventTarget:EventTarget")
    assert {one.inputs["arn"] for one in targets} == {"<karpenter-queue.arn>"}
    assert len(targets) == len(rules) == 4


@every_stack
def test_karpenters_machines_find_the_clusters_group_by_tag(stack: str) -> None:
    tag = recorded(stack).named("karpenter-group-tag").inputs
    assert (tag["key"], tag["value"]) == ("karpenter.sh/discovery", f"keelson-{stack}")
    assert tag["resourceId"] == "<cluster-control-plane.vpcConfig.clusterSecurityGroupId>"


@every_stack
def test_kubernetes_is_reached_by_a_file_without_a_token(stack: str) -> None:
    provider = recorded(stack).named("kubernetes", "kubernetes")
    config = json.loads(provider.inputs["kubeconfig"])
    (user,) = config["users"]
    assert set(user["user"]) == {"exec"}
    assert user["user"]["exec"]["command"] == "aws"
    assert provider.inputs["clusterIdentifier"] == "<cluster-control-plane.arn>"


def test_another_accounts_credentials_are_refused_where_the_account_is_named() -> None:
    named = record("dev", {"keelson:account-id": "123456789012"}).named("aws", "aws")
    assert json.loads(named.inputs["allowedAccountIds"]) == ["123456789012"]
    assert "allowedAccountIds" not in recorded("dev").named("aws", "aws").inputs


@pytest.mark.parametrize(("replicas", "copies"), [(1, 1), (2, 2), (3, 2)])
def test_addons_are_doubled_only_where_a_second_node_can_take_over(replicas: int, copies: int) -> None:
    assert addon_values("coredns", replicas) == {"replicaCount": copies}
    assert addon_values("metrics-server", replicas) == {"replicas": copies}
    assert addon_values("kube-proxy", replicas) == {}


def test_a_secrets_name_is_free_again_at_once_where_the_stack_may_be_destroyed() -> None:
    for stack, days in (("dev", 0), ("prod", 30)):
        secrets = recorded(stack).of_type("aws:secretsmanager/secret:Secret")
        assert {one.inputs["recoveryWindowInDays"] for one in secrets} == {days}


@every_stack
def test_the_budget_counts_what_carries_this_stacks_tag(stack: str) -> None:
    budget = recorded(stack).named("budget-monthly").inputs
    assert budget["costFilters"] == [{"name": "TagKeyValue", "values": [f"user:stack${stack}"]}]


def test_a_budget_warns_somebody_only_where_somebody_is_named() -> None:
    assert recorded("dev").named("budget-monthly").inputs.get("notifications", []) == []
    told = record("dev", {"keelson:budget": json.dumps({"email": "ops@example.com"})}).named("budget-monthly").inputs
    assert {(one["notificationType"], one["threshold"]) for one in told["notifications"]} == {
        ("ACTUAL", 50),
        ("ACTUAL", 80),
        ("ACTUAL", 100),
        ("FORECASTED", 100),
    }
