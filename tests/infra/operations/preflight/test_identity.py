"""Credentials, account, region, state and bootstrap: what is asked of AWS, and what is made of the answers."""

from typing import TYPE_CHECKING, Any

import pytest

from infra.operations.account import Account, Unknown
from infra.operations.findings import Finding
from infra.operations.preflight import identity

if TYPE_CHECKING:
    from tests.infra.operations.conftest import StackBuilder

ACCOUNT = "123456789012"


DENIED = Unknown(reason="permission x:Y is missing", permission="x:Y")


CALLER = identity.Caller(account_id=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/someone")


ISSUER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"


def verdicts(findings: list[Finding]) -> dict[str, str]:
    return {one.check: one.verdict for one in findings}


def test_credentials_of_the_stacks_account_are_well(a_stack: "StackBuilder") -> None:
    found = identity.check_caller(a_stack(account_id=ACCOUNT), CALLER)
    assert verdicts(found) == {"credentials": "ok", "account": "ok"}


def test_no_credentials_fail(a_stack: "StackBuilder") -> None:
    (found,) = identity.check_caller(a_stack(), Unknown(reason="Unable to locate credentials"))
    assert found.verdict == "fails"


def test_another_account_fails_and_is_named(a_stack: "StackBuilder") -> None:
    _, found = identity.check_caller(a_stack(account_id="210987654321"), CALLER)
    assert (found.verdict, found.found, found.needed) == ("fails", ACCOUNT, "210987654321")


def test_a_stack_without_an_account_is_warned_of(a_stack: "StackBuilder") -> None:
    _, found = identity.check_caller(a_stack(), CALLER)
    assert (found.verdict, found.advice) == ("warning", f"pulumi config set account-id {ACCOUNT} --stack dev")


@pytest.mark.parametrize(
    ("state", "verdict"),
    [("opt-in-not-required", "ok"), ("opted-in", "ok"), ("not-opted-in", "fails"), (None, "fails"), (DENIED, "fails")],
)
def test_a_region_must_be_enabled(state: str | Unknown | None, verdict: str) -> None:
    assert identity.check_region("af-south-1", state).verdict == verdict


@pytest.mark.parametrize(
    ("backend", "verdict"),
    [
        ("s3://keelson-state-1-us-east-1/dev?region=us-east-1&awssdk=v2", "ok"),
        ("s3://keelson-state-1-us-east-1/prod?region=us-east-1", "fails"),
        ("s3://keelson-state-1-us-east-1", "fails"),
        ("file:///tmp/state", "warning"),
        ("", "fails"),
    ],
)
def test_the_state_must_lie_in_the_stacks_own_folder(backend: str, verdict: str, a_stack: "StackBuilder") -> None:
    assert identity.check_backend(a_stack(), backend).verdict == verdict


def a_bootstrap(**given: Any) -> identity.Bootstrap:
    plain: dict[str, Any] = {
        "state_bucket": True,
        "state_key": "Enabled",
        "deploy_role": True,
        "train_role": True,
        "boundary": True,
        "issuers": (ISSUER,),
    }
    return identity.Bootstrap(**{**plain, **given})


def test_a_whole_bootstrap_is_well(a_stack: "StackBuilder") -> None:
    assert {one.verdict for one in identity.check_bootstrap(a_stack(), a_bootstrap())} == {"ok"}


@pytest.mark.parametrize(
    ("given", "check", "verdict"),
    [
        ({"state_bucket": False}, "state bucket", "fails"),
        ({"deploy_role": False}, "deploy role", "fails"),
        ({"train_role": False}, "training role", "fails"),
        ({"boundary": False}, "boundary", "fails"),
        ({"state_key": None}, "state key", "fails"),
        ({"state_key": "PendingDeletion"}, "state key", "fails"),
        ({"issuers": ()}, "GitHub's identity provider", "warning"),
        ({"boundary": DENIED}, "boundary", "fails"),
    ],
)
def test_each_missing_part_of_the_bootstrap_is_found(
    given: dict[str, Any], check: str, verdict: str, a_stack: "StackBuilder"
) -> None:
    assert verdicts(identity.check_bootstrap(a_stack(), a_bootstrap(**given)))[check] == verdict


def test_who_has_taken_a_role_on_is_known_by_its_name() -> None:
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/keelson-deploy-dev/session"
    assert identity.Caller(account_id=ACCOUNT, arn=arn).role == "keelson-deploy-dev"


def test_a_missing_permission_fails_and_is_named() -> None:
    found = identity.check_region("us-east-1", DENIED)
    assert (found.verdict, "allow x:Y" in found.advice) == ("fails", True)


WHO = identity.Caller(account_id=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/someone")


def test_the_caller_is_asked_for(account: Account) -> None:
    found = identity.caller(account)
    assert isinstance(found, identity.Caller)
    assert found.account_id == ACCOUNT


@pytest.mark.parametrize(("region", "state"), [("us-east-1", "opt-in-not-required"), ("nowhere-1", None)])
def test_the_state_of_a_region_is_asked_for(region: str, state: str | None, account: Account) -> None:
    assert identity.region_state(account, region) == state


def test_a_missing_bootstrap_is_seen(account: Account, a_stack: "StackBuilder") -> None:
    found = identity.bootstrap(account, a_stack(), WHO, "s3://keelson-state/dev")
    assert found == identity.Bootstrap(
        state_bucket=False, state_key=None, deploy_role=False, train_role=False, boundary=False, issuers=()
    )


def test_a_bootstrap_is_seen(bootstrapped: None, account: Account, a_stack: "StackBuilder") -> None:
    found = identity.bootstrap(account, a_stack(), WHO, "s3://keelson-state/dev")
    assert found == identity.Bootstrap(
        state_bucket=True,
        state_key="Enabled",
        deploy_role=True,
        train_role=True,
        boundary=True,
        issuers=(f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com",),
    )


def test_a_deploy_role_need_not_read_itself(account: Account, a_stack: "StackBuilder") -> None:
    who = identity.Caller(account_id=ACCOUNT, arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/keelson-deploy-dev/x")
    assert identity.bootstrap(account, a_stack(), who, "").deploy_role is True
