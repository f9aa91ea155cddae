"""The sweep finds each kind of leftover of a stack by tag or name, and nothing of anybody else's."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import pytest

from infra.operations.account import Account
from infra.operations.stack import Stack
from infra.operations.sweep.leftover import Leftover, Sweep, monthly
from infra.operations.sweep.search import search
from infra.render.prices import prices

if TYPE_CHECKING:
    from tests.infra.operations.conftest import StackBuilder
    from tests.infra.operations.sweep.conftest import Garden, Planted


KARPENTER = {"kubernetes.io/cluster/keelson-dev": "owned", "karpenter.sh/nodepool": "gpu"}
PULUMI = {"project": "keelson", "stack": "dev", "managed-by": "pulumi"}
ACCOUNT = "123456789012"


Swept = Callable[..., Sweep]


@pytest.fixture
def swept(account: Account, a_stack: "StackBuilder") -> Swept:
    """Sweeps the account for a stack, dev as it is by default."""

    def sweep(stack: Stack | None = None) -> Sweep:
        return search(stack or a_stack(), account, ACCOUNT, prices(), lambda subject: None)

    return sweep


def of_kind(found: Sweep, kind: str) -> dict[str, Leftover]:
    return {one.id: one for one in found.leftovers if one.kind == kind.removeprefix("classic ")}


KINDS = (
    "machine",
    "volume",
    "snapshot",
    "launch template",
    "auto-scaling group",
    "load balancer",
    "classic load balancer",
    "target group",
    "NAT gateway",
    "elastic address",
    "endpoint",
    "network interface",
    "security group",
    "VPC",
    "database snapshot",
    "key",
    "secret",
    "ec2:subnet",
    "cluster",
    "database",
    "bucket",
    "image repository",
    "key alias",
    "log group",
    "queue",
    "event rule",
    "role",
    "instance profile",
    "budget",
)
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
def test_what_carries_the_stacks_tags_or_names_is_found(kind: str, planted: "Planted") -> None:
    assert planted.own[kind] in of_kind(planted.found, kind), planted.found.unseen


@every_kind
def test_what_is_somebody_elses_is_not_reported(kind: str, planted: "Planted") -> None:
    assert not set(planted.foreign[kind]) & set(of_kind(planted.found, kind))


def test_everything_could_be_looked_at(planted: "Planted") -> None:
    assert planted.found.unseen == ()


def test_nothing_is_reported_twice(planted: "Planted") -> None:
    found = [(one.kind, one.id) for one in planted.found.leftovers]
    assert sorted(found) == sorted(set(found))


def test_each_leftover_says_how_to_remove_it(planted: "Planted") -> None:
    assert all(
        one.id in one.removal or one.kind in ("load balancer", "target group", "database backup")
        for one in planted.found.leftovers
    )


def test_an_account_with_leftovers_is_not_clean(planted: "Planted") -> None:
    assert not planted.found.clean


def test_an_empty_account_is_clean(aws: Any, swept: Swept) -> None:
    assert swept().clean


def only(found: Sweep, kind: str) -> Leftover:
    (one,) = [one for one in found.leftovers if one.kind == kind]
    return one


# What each costs a month by the price table: hours times 730, or gigabytes.
COSTS = {
    "machine": 0.0832 * 730,
    "volume": 10 * 0.08,
    "load balancer": 0.0225 * 730,
    "NAT gateway": 0.045 * 730,
    "elastic address": 0.005 * 730,
    "endpoint": 0.01 * 730,
    "cluster": 0.10 * 730,
    "database": 0.016 * 730 + 20 * 0.115,
    "key": 1.0,
    "secret": 0.4,
    "queue": 0,
}


@pytest.mark.parametrize("kind", COSTS)
def test_a_leftover_has_its_monthly_cost(kind: str, planted: "Planted") -> None:
    assert of_kind(planted.found, kind)[planted.own[kind]].monthly == pytest.approx(COSTS[kind])


def test_a_price_that_the_table_lacks_is_not_nothing(planted: "Planted") -> None:
    assert of_kind(planted.found, "ec2:subnet")[planted.own["ec2:subnet"]].monthly is None
    assert "without a known price" in monthly(planted.found.leftovers)


def test_a_standby_doubles_a_databases_cost(aws: Any, swept: Swept) -> None:
    aws("rds").create_db_instance(
        DBInstanceIdentifier="keelson-dev-postgres",
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="keelson",
        MasterUserPassword="a-password",
        MultiAZ=True,
    )
    assert only(swept(), "database").monthly == pytest.approx(2 * COSTS["database"])


def test_old_versions_and_markers_of_a_bucket_are_counted(planted: "Planted") -> None:
    assert only(planted.found, "bucket").detail == "3 object versions, 0.00 GiB"


def test_a_machine_that_has_ended_is_gone(aws: Any, garden: "Garden", swept: Swept) -> None:
    aws("ec2").terminate_instances(InstanceIds=[garden("machine", KARPENTER)])
    assert swept().clean


def test_what_hangs_in_the_stacks_network_is_the_stacks_without_any_tag(
    aws: Any, garden: "Garden", swept: Swept
) -> None:
    subnet = garden.network(PULUMI)
    made = aws("ec2").create_network_interface(SubnetId=subnet)["NetworkInterface"]
    group = aws("ec2").create_security_group(GroupName="pods", Description="-", VpcId=made["VpcId"])
    found = {one.id for one in swept().left}
    assert {made["NetworkInterfaceId"], group["GroupId"]} <= found


def test_a_networks_default_group_goes_with_it(aws: Any, garden: "Garden", swept: Swept) -> None:
    garden.network(PULUMI)
    assert "security group" not in {one.kind for one in swept().left}


def test_the_last_snapshot_of_a_database_is_kept(aws: Any, swept: Swept) -> None:
    a_last_snapshot(aws)
    assert only(swept(), "database snapshot").kept == "last state of a database"


def test_a_kept_snapshot_says_when_its_key_goes(aws: Any, garden: "Garden", swept: Swept) -> None:
    key = garden("key", {})
    a_last_snapshot(aws, KmsKeyId=key, StorageEncrypted=True)
    aws("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert re.search(
        rf"unreadable from \d{{4}}-\d\d-\d\d, when its key goes: aws kms cancel-key-deletion --key-id {key}",
        only(swept(), "database snapshot").detail,
    )


def a_last_snapshot(aws: Any, **given: Any) -> None:
    aws("rds").create_db_instance(
        DBInstanceIdentifier="keelson-dev-postgres",
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="keelson",
        MasterUserPassword="a-password",
        **given,
    )
    aws("rds").delete_db_instance(
        DBInstanceIdentifier="keelson-dev-postgres", FinalDBSnapshotIdentifier="keelson-dev-postgres-final-e3b0c442"
    )


def test_a_backup_that_outlives_its_database_is_found(aws: Any, garden: "Garden", swept: Swept) -> None:
    garden("database", "keelson-dev")
    aws("rds").delete_db_instance(
        DBInstanceIdentifier="keelson-dev-postgres", SkipFinalSnapshot=True, DeleteAutomatedBackups=False
    )
    assert only(swept(), "database backup").id == "keelson-dev-postgres"


def test_a_backup_of_a_database_that_lives_goes_with_it(aws: Any, garden: "Garden", swept: Swept) -> None:
    garden("database", "keelson-dev")
    assert [one.kind for one in swept().left] == ["database"]


def test_a_key_on_its_way_out_is_kept_and_costs_nothing(aws: Any, garden: "Garden", swept: Swept) -> None:
    aws("kms").schedule_key_deletion(KeyId=garden("key", PULUMI), PendingWindowInDays=7)
    one = only(swept(), "key")
    assert (one.kept, one.monthly) == ("AWS ends it by itself", 0)


def test_a_secret_on_its_way_out_is_named_with_its_date(aws: Any, swept: Swept) -> None:
    aws("secretsmanager").create_secret(Name="keelson/dev/grafana", SecretString="-")
    aws("secretsmanager").delete_secret(SecretId="keelson/dev/grafana", RecoveryWindowInDays=7)
    assert re.match(r"goes on \d{4}-\d\d-\d\d; until then its name is taken", only(swept(), "secret").detail)


def test_a_paused_stack_keeps_its_data(aws: Any, garden: "Garden", swept: Swept, a_stack: "StackBuilder") -> None:
    garden("bucket", "keelson-dev")
    assert swept(a_stack(paused=True)).clean


def test_a_paused_stack_keeps_no_machine(aws: Any, garden: "Garden", swept: Swept, a_stack: "StackBuilder") -> None:
    garden("machine", PULUMI)
    assert [one.kind for one in swept(a_stack(paused=True)).left] == ["machine"]


def test_a_protected_stack_keeps_its_data(aws: Any, garden: "Garden", swept: Swept, a_stack: "StackBuilder") -> None:
    garden("bucket", "keelson-prod")
    assert swept(a_stack("prod")).kept[0].kept == "the stack is protected"


def test_a_second_region_with_copies_is_looked_at_too(aws: Any, swept: Swept, a_stack: "StackBuilder") -> None:
    aws("sqs", "us-west-2").create_queue(QueueName="keelson-dev-interruptions")
    assert only(swept(a_stack(replica_region="us-west-2")), "queue").region == "us-west-2"


def test_what_may_not_be_looked_at_is_named_with_the_missing_permission(
    swept: Swept, denied: "Callable[[str], AbstractContextManager[None]]"
) -> None:
    with denied("sqs:ListQueues"):
        found = swept()
    assert "queues in us-east-1: permission sqs:ListQueues is missing" in found.unseen
    assert not found.clean


def run(stack: str, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "infra.operations.sweep", "--stack", stack, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_fails_and_says_how_to_remove_what_is_left(aws: Any, garden: "Garden") -> None:
    garden("queue", "keelson-dev")
    done = run("dev", "--json")
    assert done.returncode == 1
    (left,) = json.loads(done.stdout)["left"]
    assert left["removal"].startswith("aws sqs delete-queue --queue-url ")


def test_the_command_succeeds_on_an_empty_account(aws: Any) -> None:
    done = run("dev")
    assert (done.returncode, done.stdout.strip()) == (0, "Nothing of stack dev is left.")


def test_an_unknown_stack_is_refused_with_one_sentence() -> None:
    done = run("nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("make sweep: Stack 'nowhere' has no file")


def test_the_local_stack_is_refused_with_what_to_use() -> None:
    assert "use `make up` and `make down`" in run("local").stderr
