"""Public pages and the budget: what people see of the stack."""

from dataclasses import dataclass

from infra.operations.account import Absent, Account, Unknown, known
from infra.operations.findings import Finding, fails, ok, unknown, warning
from infra.operations.stack import Stack


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A certificate of ACM."""

    status: str
    names: tuple[str, ...]


def certificate(account: Account, arn: str) -> Certificate | Unknown | None:
    """The certificate, ``None`` where there is none by this ARN."""

    def ask() -> Certificate | None:
        try:
            found = account.ask("acm", "describe_certificate", CertificateArn=arn)["Certificate"]
        except Absent:
            return None
        names = [found["DomainName"], *found.get("SubjectAlternativeNames", [])]
        return Certificate(status=found["Status"], names=tuple(dict.fromkeys(names)))

    return known(ask)


def check_certificate(stack: Stack, found: Certificate | Unknown | None) -> list[Finding]:
    """The pages' certificate is issued, in the stack's region, for all pages; nothing where there are none."""
    sign_in = stack.settings.sign_in
    if sign_in is None:
        return []
    wildcard, needed = f"*.{sign_in.domain}", f"an issued certificate for *.{sign_in.domain} in {stack.region}"
    region = sign_in.certificate_arn.split(":")[3]
    make = f"aws acm request-certificate --domain-name '{wildcard}' --validation-method DNS --region {stack.region}"
    if region != stack.region:
        return [fails("certificate", f"in {region}: load balancers of {stack.region} cannot use it", needed, make)]
    if isinstance(found, Unknown):
        return [unknown("certificate", found, needed)]
    if found is None:
        return [fails("certificate", "not there", needed, f"{make}; then set `sign-in.certificate-arn`")]
    if found.status != "ISSUED":
        advice = "add the DNS record that `aws acm describe-certificate` shows, and wait for ISSUED"
        return [fails("certificate", found.status, needed, advice)]
    if wildcard not in found.names:
        return [fails("certificate", f"for {', '.join(found.names)}", needed, make)]
    return [ok("certificate", f"issued for {wildcard}", needed)]


def check_budget(stack: Stack) -> Finding:
    """Somebody is told when the money runs out."""
    budget = stack.settings.budget
    needed = f"someone to warn when {budget.monthly} USD a month are near"
    if budget.email:
        return ok("budget", budget.email, needed)
    command = f"pulumi config set --path budget.email <address> --stack {stack.name}"
    return warning("budget", "nobody is warned by e-mail", needed, command)
