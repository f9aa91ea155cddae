"""Names that the stack will ask for: free, already its own, or taken by somebody or by what an earlier life left."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.operations.account import Absent, Account, Denied, Unknown, known, tags_of
from infra.operations.findings import Finding, fails, ok, unknown, warning
from infra.operations.preflight.needs import KINDS, DatabaseNeed, Part
from infra.operations.stack import Stack

State = frozenset[tuple[str, str]] | Unknown


@dataclass(frozen=True, kw_only=True)
class Existing:
    """What stands under a name.

    Attributes:
        tags: Its tags, ``None`` where it is another account's.
        deleted_on: Day on which AWS will have deleted it; until then the name is taken.
    """

    tags: Mapping[str, str] | None
    deleted_on: str | None = None


@dataclass(frozen=True, kw_only=True)
class Look:
    """Who looks, and as which account."""

    account: Account
    account_id: str


def existing(look: Look, part: Part) -> Existing | Unknown | None:
    """What stands under the part's name, ``None`` where it is free."""

    def ask() -> Existing | None:
        try:
            return _LOOKS[part.kind](look, part)
        except Absent:
            return None

    return known(ask)


def _bucket(look: Look, part: Part) -> Existing:
    ask, region = look.account.ask, part.region
    try:
        ask("s3", "head_bucket", region=region, Bucket=part.name, ExpectedBucketOwner=look.account_id)
    except Denied:
        # AWS answers alike for another account's bucket and for a missing permission; a free name is no denial.
        return Existing(tags=None)
    try:
        return Existing(tags=tags_of(ask("s3", "get_bucket_tagging", region=region, Bucket=part.name)))
    except Absent:
        return Existing(tags={})


def _secret(look: Look, part: Part) -> Existing:
    found = look.account.ask("secretsmanager", "describe_secret", SecretId=part.name)
    deleted = found.get("DeletedDate")
    return Existing(tags=tags_of(found), deleted_on=str(deleted.date()) if deleted else None)


def _log_group(look: Look, part: Part) -> Existing | None:
    groups = look.account.every("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=part.name)
    if not any(one["logGroupName"] == part.name for one in groups):
        return None
    arn = next(one["arn"] for one in groups if one["logGroupName"] == part.name).removesuffix(":*")
    return Existing(tags=look.account.ask("logs", "list_tags_for_resource", resourceArn=arn).get("tags", {}))


def _alias(look: Look, part: Part) -> Existing | None:
    aliases = look.account.every("kms", "list_aliases", "Aliases")
    key = next((one.get("TargetKeyId", "") for one in aliases if one["AliasName"] == part.name), None)
    if key is None:
        return None
    return Existing(tags=tags_of(look.account.ask("kms", "list_resource_tags", KeyId=key)))


def _role(look: Look, part: Part) -> Existing:
    return Existing(tags=tags_of(look.account.ask("iam", "get_role", RoleName=part.name)["Role"]))


def _cluster(look: Look, part: Part) -> Existing:
    return Existing(tags=tags_of(look.account.ask("eks", "describe_cluster", name=part.name)["cluster"]))


def _queue(look: Look, part: Part) -> Existing:
    url = look.account.ask("sqs", "get_queue_url", QueueName=part.name)["QueueUrl"]
    return Existing(tags=tags_of(look.account.ask("sqs", "list_queue_tags", QueueUrl=url)))


def _repository(look: Look, part: Part) -> Existing:
    found = look.account.ask("ecr", "describe_repositories", repositoryNames=[part.name])["repositories"][0]
    return Existing(tags=tags_of(look.account.ask("ecr", "list_tags_for_resource", resourceArn=found["repositoryArn"])))


def _of_rds(operation: str, parameter: str, key: str, arn: str) -> Callable[[Look, Part], Existing | None]:
    def ask(look: Look, part: Part) -> Existing | None:
        found: list[dict[str, Any]] = look.account.ask("rds", operation, **{parameter: part.name})[key]
        if not found:
            return None
        return Existing(tags=tags_of(look.account.ask("rds", "list_tags_for_resource", ResourceName=found[0][arn])))

    return ask


_LOOKS: Mapping[str, Callable[[Look, Part], Existing | None]] = {
    "aws:s3/bucket:Bucket": _bucket,
    "aws:secretsmanager/secret:Secret": _secret,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:kms/alias:Alias": _alias,
    "aws:iam/role:Role": _role,
    "aws:eks/cluster:Cluster": _cluster,
    "aws:sqs/queue:Queue": _queue,
    "aws:ecr/repository:Repository": _repository,
    "aws:rds/instance:Instance": _of_rds(
        "describe_db_instances", "DBInstanceIdentifier", "DBInstances", "DBInstanceArn"
    ),
    "aws:rds/subnetGroup:SubnetGroup": _of_rds(
        "describe_db_subnet_groups", "DBSubnetGroupName", "DBSubnetGroups", "DBSubnetGroupArn"
    ),
    "aws:rds/parameterGroup:ParameterGroup": _of_rds(
        "describe_db_parameter_groups", "DBParameterGroupName", "DBParameterGroups", "DBParameterGroupArn"
    ),
}


def snapshot_exists(account: Account, name: str) -> bool | Unknown:
    """Whether there is an RDS snapshot of this name."""

    def ask() -> bool:
        try:
            return bool(account.ask("rds", "describe_db_snapshots", DBSnapshotIdentifier=name)["DBSnapshots"])
        except Absent:
            return False

    return known(ask)


def check_part(stack: Stack, part: Part, found: Existing | Unknown | None, state: State) -> Finding:
    """The name is free, or already this stack's by Pulumi's state."""
    kind = KINDS[part.kind]
    check, needed = f"{kind.label} {part.name}", "free, or this stack's"
    region = part.region or stack.region
    removal = kind.removal.format(name=part.name, region=region)
    if isinstance(found, Unknown):
        return unknown(check, found, needed)
    if found is None:
        return ok(check, "free", needed)
    if found.tags is None:
        advice = (
            "bucket names are unique in the world: the name holds your account, so ask its owner how they came by it"
        )
        return fails(check, "another account's, or not readable with these credentials", needed, advice)
    if found.deleted_on:
        advice = f"wait until {found.deleted_on}, or end the waiting time: {removal}"
        return fails(check, f"being deleted until {found.deleted_on}; until then the name is taken", needed, advice)
    own = stack.tags.items() <= found.tags.items()
    if isinstance(state, Unknown):
        if own:
            return warning(check, "there, with the stack's tags; the state is not known", needed, "see `state` above")
        return fails(check, "there, without the stack's tags", needed, f"rename it, or remove it: {removal}")
    if (part.kind, part.name) in state:
        return ok(check, "already this stack's", needed)
    if own:
        return fails(check, "left by an earlier life of the stack", needed, f"remove it: {removal}")
    return fails(check, "there, and not this stack's", needed, f"rename it, or remove it: {removal}")


def check_final_snapshot(stack: Stack, database: DatabaseNeed, found: bool | Unknown) -> Finding:
    """The next teardown or pause can leave its last snapshot: RDS refuses a name that is taken."""
    check, needed = f"snapshot {database.final_snapshot}", "free, for the day on which the database is taken down"
    if isinstance(found, Unknown):
        return unknown(check, found, needed)
    if not found:
        return ok(check, "free", needed)
    setting = "database.restore-from" if database.engine == "postgres" else "database.restore-mysql-from"
    advice = (
        f"bring its data back: pulumi config set --path {setting} {database.final_snapshot} --stack {stack.name}; or "
        f"delete it: aws rds delete-db-snapshot --db-snapshot-identifier {database.final_snapshot} "
        f"--region {stack.region}"
    )
    return warning(
        check, "there, from an earlier life of the stack: teardown and pause would be refused", needed, advice
    )
