"""Wildcards need a written reason, and no reason outlives its wildcard."""

import pytest

from infra.bootstrap import boundary
from infra.bootstrap.permissions import preview_policies, stack_policies
from infra.bootstrap.permissions.scope import REASONS, Permission, Scope

DEV = Scope(account_id="123456789012", regions=("us-east-1",), stack="dev", protected=False)


@pytest.mark.parametrize(
    ("actions", "resources"),
    [(["s3:Get*"], ["arn:aws:s3:::b"]), (["s3:GetObject"], ["*"]), (["*"], ["arn:aws:s3:::b"])],
)
def test_a_wildcard_without_a_reason_cannot_be_built(actions: list[str], resources: list[str]) -> None:
    with pytest.raises(ValueError, match=r"Sneaky uses the wildcard .* without a reason"):
        Permission(sid="Sneaky", actions=actions, resources=resources)


def test_every_reason_belongs_to_a_statement() -> None:
    policies = [*stack_policies(DEV).values(), *preview_policies("123456789012").values()]
    policies.append(list(boundary.statements("123456789012", "state", "key")))
    assert set(REASONS) - {one.sid for policy in policies for one in policy} == set()
