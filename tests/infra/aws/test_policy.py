"""Policies say what they allow, and a wildcard says why."""

import json
from typing import Any

import pytest

from infra.aws.policy import WILDCARD_REASONS, Statement, document, trusted_pod
from infra.aws.roles import Role
from infra.render.recording import Recording


def role(made: Any, *statements: Statement) -> Recording:
    return made(
        lambda: Role(
            "r",
            account_id="123456789012",
            trust=trusted_pod("mlflow", "mlflow", "arn:aws:eks:us-east-1:123456789012:cluster/c"),
            description="test",
            managed={"one": "arn:aws:iam::aws:policy/One"},
            statements=statements,
        )
    )


@pytest.mark.parametrize(
    "statement",
    [
        {"actions": ["*"], "resources": ["arn:aws:s3:::a"]},
        {"actions": ["s3:*"], "resources": ["arn:aws:s3:::a"]},
        {"actions": ["ec2:Describe*"], "resources": ["arn:aws:ec2:::a"]},
        {"actions": ["s3:GetObject"], "resources": ["*"]},
    ],
)
def test_a_wildcard_without_a_reason_is_refused(statement: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"statement Careless uses the wildcard .* without a reason"):
        Statement(sid="Careless", **statement)


def test_a_wildcard_with_a_reason_and_one_that_denies_are_taken() -> None:
    Statement(sid=next(iter(WILDCARD_REASONS)), actions=["kms:*"], resources=["*"])
    Statement(sid="Careless", effect="Deny", actions=["s3:*"], resources=["*"])


def test_a_document_is_compact_and_leaves_out_what_is_empty(made: Any) -> None:
    statement = Statement(sid="Reads", actions=["s3:GetObject"], resources=["arn:aws:s3:::a/*"])
    text = role(made, statement).named("r-policy").inputs["policy"]
    assert json.loads(text) == {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Reads", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::a/*"]}
        ],
    }
    assert ": " not in text


def test_a_role_is_for_one_service_account_of_one_cluster(made: Any) -> None:
    trust = json.loads(role(made).named("r-role").inputs["assumeRolePolicy"])
    (statement,) = trust["Statement"]
    assert statement["Principal"] == {"Service": ["pods.eks.amazonaws.com"]}
    assert set(statement["Condition"]["StringEquals"].values()) == {
        "mlflow",
        "arn:aws:eks:us-east-1:123456789012:cluster/c",
    }


def test_a_role_without_statements_has_no_inline_policy(made: Any) -> None:
    assert not role(made).of_type("aws:iam/rolePolicy:RolePolicy")
    assert len(role(made).of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")) == 1


def test_a_document_of_nothing_allows_nothing(made: Any) -> None:
    import pulumi

    exported = made(lambda: pulumi.export("text", document())).outputs["text"]
    assert json.loads(exported)["Statement"] == []
