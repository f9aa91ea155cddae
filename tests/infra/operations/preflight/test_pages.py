"""The pages' certificate and the budget's address."""

from typing import TYPE_CHECKING, Any

import pytest

from infra.operations.account import Account, Unknown
from infra.operations.preflight import pages

if TYPE_CHECKING:
    from tests.infra.operations.conftest import StackBuilder

ACCOUNT = "123456789012"


DENIED = Unknown(reason="permission x:Y is missing", permission="x:Y")


SIGN_IN = {
    "domain": "ml.example.com",
    "certificate-arn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1",
    "issuer": "https://id.example.com",
    "client-id": "keelson",
    "email-domain": "example.com",
}


def test_without_pages_no_certificate_is_needed(a_stack: "StackBuilder") -> None:
    assert pages.check_certificate(a_stack(), None) == []


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (pages.Certificate(status="ISSUED", names=("*.ml.example.com",)), "ok"),
        (pages.Certificate(status="PENDING_VALIDATION", names=("*.ml.example.com",)), "fails"),
        (pages.Certificate(status="ISSUED", names=("ml.example.com",)), "fails"),
        (None, "fails"),
        (DENIED, "fails"),
    ],
)
def test_the_pages_certificate_must_be_issued_for_all_pages(found: Any, verdict: str, a_stack: "StackBuilder") -> None:
    (one,) = pages.check_certificate(a_stack(sign_in=SIGN_IN), found)
    assert one.verdict == verdict


def test_a_certificate_of_another_region_fails(a_stack: "StackBuilder") -> None:
    elsewhere = {**SIGN_IN, "certificate-arn": f"arn:aws:acm:eu-west-1:{ACCOUNT}:certificate/1"}
    issued = pages.Certificate(status="ISSUED", names=("*.ml.example.com",))
    (one,) = pages.check_certificate(a_stack(sign_in=elsewhere), issued)
    assert one.verdict == "fails"


@pytest.mark.parametrize(("email", "verdict"), [("me@example.com", "ok"), (None, "warning")])
def test_a_budget_without_an_address_is_warned_of(email: str | None, verdict: str, a_stack: "StackBuilder") -> None:
    assert pages.check_budget(a_stack(budget={"email": email})).verdict == verdict


def test_a_certificate_is_asked_for(aws: Any, account: Account) -> None:
    arn = aws("acm").request_certificate(DomainName="*.ml.example.com")["CertificateArn"]
    found = pages.certificate(account, arn)
    assert isinstance(found, pages.Certificate)
    assert (found.status, found.names) == ("PENDING_VALIDATION", ("*.ml.example.com",))


def test_a_certificate_that_is_not_there_is_none(account: Account) -> None:
    assert pages.certificate(account, f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/none") is None
