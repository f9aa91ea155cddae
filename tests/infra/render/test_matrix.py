"""The matrix names for every role who takes it on, what it may do where, under which condition and what for."""

import json
from typing import Any

import pytest

from infra.apps.access import ACCESS
from infra.aws.policy import WILDCARD_REASONS
from infra.render.matrix import document, role_rights
from infra.render.recording import Recording, Resource, in_order

SERVING = next(one for one in ACCESS if one.service_account == "serving")


def a_statement(**more: Any) -> dict[str, Any]:
    return {"Sid": "ModelsObjects", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:b/x"], **more}


def a_policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def a_resource(token: str, name: str, /, **inputs: Any) -> Resource:
    return Resource(urn=f"urn::{token}::{name}", type=token, name=name, inputs=inputs)


def a_role(service: str = "ec2.amazonaws.com", description: str = "Nodes of the cluster") -> Resource:
    trust = a_policy({"Effect": "Allow", "Principal": {"Service": [service]}, "Action": "sts:AssumeRole"})
    inputs = {"name": "keelson-dev-it", "description": description, "assumeRolePolicy": trust}
    return a_resource("aws:iam/role:Role", "it-role", **inputs)


def an_inline_policy(*statements: dict[str, Any], role: str = "<it-role.id>") -> Resource:
    return a_resource("aws:iam/rolePolicy:RolePolicy", "it-policy", role=role, policy=a_policy(*statements))


def an_identity() -> Resource:
    inputs = {"namespace": "serving", "serviceAccount": "serving", "roleArn": "<it-role.arn>"}
    return a_resource("aws:eks/podIdentityAssociation:PodIdentityAssociation", "it-identity", **inputs)


def a_bucket_policy(*statements: dict[str, Any]) -> Resource:
    return a_resource("aws:s3/bucketPolicy:BucketPolicy", "data-policy", policy=a_policy(*statements))


def a_recording(*resources: Resource) -> Recording:
    return Recording(stack="dev", resources=in_order(resources), outputs={})


def section(recording: Recording, title: str) -> str:
    return document(recording).partition(f"## {title}")[2].partition("\n## ")[0]


def test_a_row_has_account_actions_resources_conditions_and_the_tables_reason() -> None:
    statement = a_statement(Condition={"StringLike": {"s3:prefix": ["mlflow/*", "runs/*"]}})
    (right,) = role_rights(a_recording(a_role(), an_identity(), an_inline_policy(statement)))
    assert (right.where, right.who, right.actions, right.resources, right.conditions, right.reason) == (
        "keelson-dev-it",
        ("serving/serving",),
        ("s3:GetObject",),
        ("arn:b/x",),
        ("StringLike s3:prefix: mlflow/*, runs/*",),
        SERVING.why,
    )


def test_a_role_of_no_service_account_is_taken_on_by_whom_it_trusts() -> None:
    (right,) = role_rights(a_recording(a_role("ec2.amazonaws.com"), an_inline_policy(a_statement())))
    assert right.who == ("ec2.amazonaws.com",)


def test_a_role_of_no_service_account_has_its_description_for_a_reason() -> None:
    (right,) = role_rights(a_recording(a_role(description="Nodes of the cluster"), an_inline_policy(a_statement())))
    assert right.reason == "Nodes of the cluster"


def test_a_service_account_of_an_add_on_is_named() -> None:
    identity = {"serviceAccount": "ebs-csi-controller-sa", "roleArn": "<it-role.arn>"}
    addon = a_resource("aws:eks/addon:Addon", "ebs", addonName="aws-ebs-csi-driver", podIdentityAssociations=[identity])
    (right,) = role_rights(a_recording(a_role(), addon, an_inline_policy(a_statement())))
    assert right.who == ("add-on aws-ebs-csi-driver/ebs-csi-controller-sa",)


@pytest.mark.parametrize("role", ["keelson-dev-it", "<it-role.name>", "<it-role.id>"])
def test_an_inline_policy_is_found_however_it_names_its_role(role: str) -> None:
    (right,) = role_rights(a_recording(a_role(), an_inline_policy(a_statement(), role=role)))
    assert right.source == "ModelsObjects"


def test_a_policy_that_aws_writes_is_a_row_by_its_arn() -> None:
    arn = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"
    attachment = a_resource(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "a", role="<it-role.id>", policyArn=arn
    )
    (right,) = role_rights(a_recording(a_role(), attachment))
    assert right.source == arn


def test_the_statements_of_an_attached_policy_of_the_stack_are_rows() -> None:
    policy = a_resource("aws:iam/policy:Policy", "own", policy=a_policy(a_statement(Sid="Own")))
    attachment = a_resource(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "a", role="<it-role.id>", policyArn="<own.arn>"
    )
    (right,) = role_rights(a_recording(a_role(), policy, attachment))
    assert right.source == "Own"


def test_a_role_without_any_policy_is_a_row_too() -> None:
    assert [right.where for right in role_rights(a_recording(a_role()))] == ["keelson-dev-it"]


def test_statements_of_a_resources_own_policy_name_the_principal() -> None:
    policy = a_bucket_policy(a_statement(Sid="FlowLogsArrive", Principal={"Service": ["delivery.logs.amazonaws.com"]}))
    cells = ["`BucketPolicy data-policy`", "`delivery.logs.amazonaws.com`", "`FlowLogsArrive`", "`s3:GetObject`"]
    row = f"| {' | '.join(cells)} | `arn:b/x` |  | flow logs arrive |"
    assert row in section(a_recording(policy), "Policies of resources")


def test_a_wildcard_is_listed_with_its_written_reason() -> None:
    recorded = a_recording(a_role(), an_inline_policy(a_statement(Sid="KarpenterReads", Resource=["*"])))
    row = f"| `keelson-dev-it` | `KarpenterReads` | `*` | {WILDCARD_REASONS['KarpenterReads']} |"
    assert row in section(recorded, "Wildcards")


@pytest.mark.parametrize("wild", [{"Resource": ["*"]}, {"Action": ["s3:*"]}, {"Action": "s3:Get*"}])
def test_a_wildcard_without_a_written_reason_stands_out(wild: dict[str, Any]) -> None:
    recorded = a_recording(a_role(), an_inline_policy(a_statement(**wild)))
    assert "**no reason written**" in section(recorded, "Wildcards")


def test_a_pattern_inside_an_arn_has_the_roles_reason() -> None:
    recorded = a_recording(a_role(description="Nodes"), an_inline_policy(a_statement(Resource="<b.arn>/mlflow/*")))
    assert "| `ModelsObjects` | `<b.arn>/mlflow/*` | Nodes |" in section(recorded, "Wildcards")


def test_a_principal_that_is_everyone_is_a_wildcard() -> None:
    recorded = a_recording(a_bucket_policy(a_statement(Principal="*")))
    assert "`* (principal)`" in section(recorded, "Wildcards")


def test_a_denial_is_marked() -> None:
    recorded = a_recording(a_bucket_policy(a_statement(Effect="Deny", Principal="*")))
    assert "`ModelsObjects`<br>**Deny**" in section(recorded, "Policies of resources")


def test_a_denial_of_everything_is_no_wildcard_to_justify() -> None:
    recorded = a_recording(a_bucket_policy(a_statement(Effect="Deny", Principal="*", Action=["s3:*"])))
    assert "data-policy" not in section(recorded, "Wildcards")


def test_a_way_into_the_cluster_is_listed_with_its_groups_and_policies() -> None:
    who = "arn:aws:iam::<account>:role/keelson-deploy-dev"
    entry = a_resource("aws:eks/accessEntry:AccessEntry", "e", principalArn=who, kubernetesGroups=["keelson:ci"])
    admin = a_resource(
        "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        "a",
        principalArn=who,
        policyArn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
        accessScope={"type": "cluster"},
    )
    row = f"| `{who}` | STANDARD | `keelson:ci` | `AmazonEKSClusterAdminPolicy (cluster)` |"
    assert row in section(a_recording(entry, admin), "Ways into the cluster")


def test_a_sign_that_would_break_the_table_is_escaped() -> None:
    statement = a_statement(Condition={"StringEquals": {"aws:tag": "a|b"}})
    assert r"a\|b" in document(a_recording(a_role(), an_inline_policy(statement)))
