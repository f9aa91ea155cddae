"""Names that a stack will ask for: free, its own, left behind, or somebody else's."""

from typing import TYPE_CHECKING, Any

import boto3
import pytest

from infra.operations.account import Account, Unknown
from infra.operations.preflight import leftovers
from infra.operations.preflight.needs import KINDS, DatabaseNeed, Part

if TYPE_CHECKING:
    from tests.infra.operations.conftest import StackBuilder

ACCOUNT = "123456789012"


DENIED = Unknown(reason="permission x:Y is missing", permission="x:Y")


DATABASE = DatabaseNeed(
    identifier="keelson-dev-postgres",
    engine="postgres",
    version="17",
    instance_class="db.t4g.micro",
    multi_az=False,
    final_snapshot="keelson-dev-postgres-final-e3b0c442",
)


BUCKET = Part(kind="aws:s3/bucket:Bucket", name=f"keelson-dev-data-{ACCOUNT}-us-east-1")


OWN = {"project": "keelson", "stack": "dev", "managed-by": "pulumi"}
MINE = leftovers.Existing(tags=OWN)


FOREIGN = leftovers.Existing(tags={"project": "other"})


KNOWN = frozenset({(BUCKET.kind, BUCKET.name)})


@pytest.mark.parametrize(
    ("found", "state", "verdict", "says"),
    [
        (None, frozenset(), "ok", "free"),
        (MINE, KNOWN, "ok", "already this stack's"),
        (MINE, frozenset(), "fails", "left by an earlier life of the stack"),
        (FOREIGN, frozenset(), "fails", "there, and not this stack's"),
        (FOREIGN, DENIED, "fails", "there, without the stack's tags"),
        (MINE, DENIED, "warning", "the state is not known"),
        (leftovers.Existing(tags=None), frozenset(), "fails", "another account's"),
        (leftovers.Existing(tags={}, deleted_on="2026-12-01"), frozenset(), "fails", "being deleted until 2026-12-01"),
        (DENIED, frozenset(), "fails", "not known"),
    ],
)
def test_a_name_must_be_free_or_the_stacks_own(
    found: Any, state: Any, verdict: str, says: str, a_stack: "StackBuilder"
) -> None:
    one = leftovers.check_part(a_stack(), BUCKET, found, state)
    assert (one.verdict, says in one.found) == (verdict, True)


def test_a_leftover_comes_with_the_command_that_removes_it(a_stack: "StackBuilder") -> None:
    one = leftovers.check_part(a_stack(), BUCKET, MINE, frozenset())
    assert one.advice == f"remove it: aws s3 rb s3://{BUCKET.name} --force"


@pytest.mark.parametrize(("found", "verdict"), [(False, "ok"), (True, "warning"), (DENIED, "fails")])
def test_a_last_snapshot_of_an_earlier_life_is_warned_of(
    found: bool | Unknown, verdict: str, a_stack: "StackBuilder"
) -> None:
    assert leftovers.check_final_snapshot(a_stack(), DATABASE, found).verdict == verdict


def as_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def a_database(aws: Any, name: str) -> None:
    aws("rds").create_db_instance(
        DBInstanceIdentifier=name,
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="keelson",
        MasterUserPassword="a-password",
        Tags=as_list(OWN),
    )


def make(aws: Any, kind: str, name: str) -> None:
    tags, given = as_list(OWN), {"Tags": as_list(OWN)}
    short = kind.rsplit(":", 1)[1]
    if short == "Bucket":
        aws("s3").create_bucket(Bucket=name)
        aws("s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    elif short == "Secret":
        aws("secretsmanager").create_secret(Name=name, SecretString="-", **given)
    elif short == "LogGroup":
        aws("logs").create_log_group(logGroupName=name, tags=OWN)
    elif short == "Alias":
        key_tags = [{"TagKey": key, "TagValue": value} for key, value in OWN.items()]
        key = aws("kms").create_key(Tags=key_tags)["KeyMetadata"]["KeyId"]
        aws("kms").create_alias(AliasName=name, TargetKeyId=key)
    elif short == "Role":
        aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}", **given)
    elif short == "Cluster":
        role = f"arn:aws:iam::{ACCOUNT}:role/any"
        aws("eks").create_cluster(name=name, roleArn=role, resourcesVpcConfig={"subnetIds": []}, tags=OWN)
    elif short == "Queue":
        aws("sqs").create_queue(QueueName=name, tags=OWN)
    elif short == "Repository":
        aws("ecr").create_repository(repositoryName=name, tags=tags)
    elif short == "Instance":
        a_database(aws, name)
    elif short == "SubnetGroup":
        subnets = [one["SubnetId"] for one in aws("ec2").describe_subnets()["Subnets"][:2]]
        aws("rds").create_db_subnet_group(
            DBSubnetGroupName=name, DBSubnetGroupDescription="-", SubnetIds=subnets, **given
        )
    elif short == "ParameterGroup":
        aws("rds").create_db_parameter_group(
            DBParameterGroupName=name, DBParameterGroupFamily="postgres17", Description="-", **given
        )


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_that_nobody_has_is_free(kind: str, account: Account) -> None:
    look = leftovers.Look(account=account, account_id=ACCOUNT)
    assert leftovers.existing(look, Part(kind=kind, name="keelson-dev-free")) is None


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_under_a_name_is_seen_with_its_tags(kind: str, aws: Any, account: Account) -> None:
    name = "alias/keelson-dev-taken" if kind.endswith("Alias") else "keelson-dev-taken"
    make(aws, kind, name)
    found = leftovers.existing(leftovers.Look(account=account, account_id=ACCOUNT), Part(kind=kind, name=name))
    assert isinstance(found, leftovers.Existing), found
    assert found.tags is not None
    assert OWN.items() <= found.tags.items()


def test_a_log_group_whose_name_only_begins_alike_is_another(aws: Any, account: Account) -> None:
    aws("logs").create_log_group(logGroupName="/aws/eks/keelson-dev/cluster-of-another")
    part = Part(kind="aws:cloudwatch/logGroup:LogGroup", name="/aws/eks/keelson-dev/cluster")
    assert leftovers.existing(leftovers.Look(account=account, account_id=ACCOUNT), part) is None


def test_a_secret_on_its_way_out_still_has_its_name(aws: Any, account: Account) -> None:
    make(aws, "aws:secretsmanager/secret:Secret", "keelson/dev/grafana")
    aws("secretsmanager").delete_secret(SecretId="keelson/dev/grafana", RecoveryWindowInDays=7)
    part = Part(kind="aws:secretsmanager/secret:Secret", name="keelson/dev/grafana")
    found = leftovers.existing(leftovers.Look(account=account, account_id=ACCOUNT), part)
    assert isinstance(found, leftovers.Existing)
    assert found.deleted_on is not None


def test_a_bucket_of_another_account_is_nobodys_leftover(
    aws: Any, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_ALLOW_CROSSACCOUNT_ACCESS", "false")
    taken = {"RoleArn": "arn:aws:iam::210987654321:role/any", "RoleSessionName": "other"}
    other = aws("sts").assume_role(**taken)["Credentials"]
    boto3.client(
        "s3",
        aws_access_key_id=other["AccessKeyId"],
        aws_secret_access_key=other["SecretAccessKey"],
        aws_session_token=other["SessionToken"],
    ).create_bucket(Bucket="keelson-dev-data")
    part = Part(kind="aws:s3/bucket:Bucket", name="keelson-dev-data")
    found = leftovers.existing(leftovers.Look(account=account, account_id=ACCOUNT), part)
    assert found == leftovers.Existing(tags=None)


@pytest.mark.parametrize("there", [True, False])
def test_a_last_snapshot_is_looked_for_by_name(there: bool, aws: Any, account: Account) -> None:
    a_database(aws, "keelson-dev-postgres")
    if there:
        aws("rds").create_db_snapshot(DBSnapshotIdentifier="last", DBInstanceIdentifier="keelson-dev-postgres")
    assert leftovers.snapshot_exists(account, "last") is there
