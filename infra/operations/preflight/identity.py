"""Who is asking, in which account and region, and what the account's bootstrap left there."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from infra.aws.naming import PROJECT, github_role
from infra.aws.roles import BOUNDARY
from infra.operations.account import Absent, Account, Unknown, known
from infra.operations.findings import Finding, fails, ok, unknown, warning
from infra.operations.stack import Stack

_ALIAS = f"alias/{PROJECT}-state"
_ISSUER = "token.actions.githubusercontent.com"
_BOOTSTRAP = "bootstrap the account: docs/bootstrap.md"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whose credentials these are."""

    account_id: str
    arn: str

    @property
    def role(self) -> str | None:
        """Name of the role that is taken on, if it is one."""
        parts = self.arn.split(":")[-1].split("/")
        return parts[1] if parts[0] == "assumed-role" else None


@dataclass(frozen=True, kw_only=True)
class Bootstrap:
    """What ``infra/bootstrap`` makes once an account, as far as it was found.

    Attributes:
        state_bucket: Whether the bucket that ``PULUMI_BACKEND_URL`` names is there and readable; ``None`` where it
            names none.
        state_key: State of the key behind the alias, ``None`` where there is no alias.
        deploy_role: Whether the stack's deploy role is there.
        train_role: Whether the role is there that starts training runs, which the cluster admits.
        boundary: Whether the boundary of all roles is there.
        issuers: ARNs of the account's OpenID Connect providers.
    """

    state_bucket: bool | Unknown | None
    state_key: str | Unknown | None
    deploy_role: bool | Unknown
    train_role: bool | Unknown
    boundary: bool | Unknown
    issuers: tuple[str, ...] | Unknown


def deploy_role(stack: Stack) -> str:
    """Name of the role that deploys the stack."""
    return github_role("deploy", stack.name)


def train_role(stack: Stack) -> str:
    """Name of the role that starts training runs in the stack."""
    return github_role("train", stack.name)


def caller(account: Account) -> Caller | Unknown:
    """Ask AWS whose credentials these are; nobody needs a permission for that."""

    def ask() -> Caller:
        answer = account.ask("sts", "get_caller_identity")
        return Caller(account_id=answer["Account"], arn=answer["Arn"])

    return known(ask)


def region_state(account: Account, region: str) -> str | Unknown | None:
    """AWS's word for whether the account uses the region; ``None`` where there is no such region."""

    def ask() -> str | None:
        found = account.every("ec2", "describe_regions", "Regions", AllRegions=True, region="us-east-1")
        return next((one["OptInStatus"] for one in found if one["RegionName"] == region), None)

    return known(ask)


def bootstrap(account: Account, stack: Stack, who: Caller, backend: str) -> Bootstrap:
    """Look for each thing that the bootstrap makes."""
    place = urlsplit(backend)

    def exists(service: str, operation: str, **parameters: str) -> bool | Unknown:
        def ask() -> bool:
            try:
                account.ask(service, operation, **parameters)
            except Absent:
                return False
            return True

        return known(ask)

    def key() -> str | None:
        try:
            return account.ask("kms", "describe_key", KeyId=_ALIAS)["KeyMetadata"]["KeyState"]
        except Absent:
            return None

    def issuers() -> tuple[str, ...]:
        found = account.every("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList")
        return tuple(one["Arn"] for one in found)

    boundary = f"arn:aws:iam::{who.account_id}:policy/{BOUNDARY}"
    return Bootstrap(
        state_bucket=exists("s3", "get_bucket_location", Bucket=place.netloc) if place.scheme == "s3" else None,
        state_key=known(key),
        # Whoever has taken the role on need not ask for it; the role may not read itself.
        deploy_role=True if who.role == deploy_role(stack) else exists("iam", "get_role", RoleName=deploy_role(stack)),
        train_role=exists("iam", "get_role", RoleName=train_role(stack)),
        boundary=exists("iam", "get_policy", PolicyArn=boundary),
        issuers=known(issuers),
    )


def check_caller(stack: Stack, who: Caller | Unknown) -> list[Finding]:
    """Credentials work, and belong to the account that the stack names."""
    wanted = stack.settings.account_id
    if isinstance(who, Unknown):
        advice = "sign in: `aws sso login`, or set AWS_PROFILE or the AWS_* variables of a role"
        return [fails("credentials", f"none that work: {who.reason}", "credentials of the stack's account", advice)]
    found = [ok("credentials", who.arn, "credentials of the stack's account")]
    if wanted is None:
        advice = f"pulumi config set account-id {who.account_id} --stack {stack.name}"
        return [
            *found,
            warning("account", who.account_id, "the setting `account-id`, so that no other is used", advice),
        ]
    if wanted != who.account_id:
        advice = f"take credentials of {wanted}, or correct `account-id` in infra/stacks/Pulumi.{stack.name}.yaml"
        return [*found, fails("account", who.account_id, wanted, advice)]
    return [*found, ok("account", who.account_id, wanted)]


def check_region(region: str, state: str | Unknown | None) -> Finding:
    """The account uses the region."""
    needed = f"{region}, enabled"
    if isinstance(state, Unknown):
        return unknown("region", state, needed)
    if state is None:
        return fails("region", f"AWS has no region {region}", needed, "correct `region` in the stack's file")
    if state == "not-opted-in":
        advice = f"aws account enable-region --region-name {region}, and wait some minutes"
        return fails("region", f"{region} is not enabled in this account", needed, advice)
    return ok("region", f"{region}: {state}", needed)


def check_backend(stack: Stack, backend: str) -> Finding:
    """``PULUMI_BACKEND_URL`` names the stack's own folder of the state bucket."""
    place, needed = urlsplit(backend), f"s3://<state bucket>/{stack.name}?region=...&awssdk=v2"
    advice = "set PULUMI_BACKEND_URL to the stack's folder: docs/bootstrap.md"
    if not backend:
        return fails("state address", "PULUMI_BACKEND_URL is not set", needed, advice)
    if place.scheme != "s3":
        return warning("state address", f"{place.scheme}: state outside the account", needed, advice)
    if place.path.strip("/") != stack.name:
        return fails("state address", f"folder {place.path.strip('/')!r}", needed, advice)
    return ok("state address", f"s3://{place.netloc}{place.path}", needed)


def check_bootstrap(stack: Stack, found: Bootstrap) -> list[Finding]:
    """Everything is there that the bootstrap makes."""
    findings = [
        # Without a bucket in the address, the finding on the address says it all.
        *(
            [_presence("state bucket", found.state_bucket, "the bucket that PULUMI_BACKEND_URL names")]
            if found.state_bucket is not None
            else []
        ),
        _presence("deploy role", found.deploy_role, f"role {deploy_role(stack)}"),
        _presence("training role", found.train_role, f"role {train_role(stack)}"),
        _presence("boundary", found.boundary, f"policy {BOUNDARY}, without which no role can be made"),
    ]
    if isinstance(found.state_key, Unknown):
        findings.append(unknown("state key", found.state_key, _ALIAS))
    elif found.state_key is None:
        findings.append(fails("state key", "none", _ALIAS, _BOOTSTRAP))
    elif found.state_key != "Enabled":
        advice = f"aws kms cancel-key-deletion, then aws kms enable-key, for {_ALIAS}: without it no state can be read"
        findings.append(fails("state key", found.state_key, f"{_ALIAS}, enabled", advice))
    else:
        findings.append(ok("state key", f"{_ALIAS}: {found.state_key}", _ALIAS))
    findings.append(_issuer(found.issuers))
    return findings


def _presence(check: str, there: bool | Unknown, needed: str) -> Finding:
    if isinstance(there, Unknown):
        return unknown(check, there, needed)
    return ok(check, "there", needed) if there else fails(check, "not there", needed, _BOOTSTRAP)


def _issuer(issuers: Sequence[str] | Unknown) -> Finding:
    needed = f"{_ISSUER}, for deployments by GitHub Actions"
    if isinstance(issuers, Unknown):
        return unknown("GitHub's identity provider", issuers, needed)
    if any(one.endswith(f"/{_ISSUER}") for one in issuers):
        return ok("GitHub's identity provider", "there", needed)
    return warning("GitHub's identity provider", "not there", needed, _BOOTSTRAP)
