"""Teardown, pause and resume: their order, what they refuse, and that they go on where they were interrupted.

Pulumi's providers need AWS itself, so a stand-in for its command line keeps a state in a file and does to moto's
account what `destroy` would do to AWS. What it was called with is on record.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from infra.operations import pause as pausing
from infra.operations import phases, teardown
from infra.operations import resume as resuming
from infra.operations.account import Account
from infra.operations.cluster_api import ClusterApi, ClusterGone, ClusterUnreachable, Kind, Object
from infra.operations.phases import Operation, Stopped
from infra.operations.pulumi_cli import PulumiCli, PulumiError

if TYPE_CHECKING:
    from tests.infra.operations.conftest import StackBuilder

ACCOUNT = "123456789012"
SNAPSHOT = "keelson-dev-postgres-final-e3b0c442"
DATABASE = {
    "urn": "urn:pulumi:dev::keelson::aws:rds/instance:Instance::postgres",
    "type": "aws:rds/instance:Instance",
    "inputs": {"identifier": "keelson-dev-postgres", "finalSnapshotIdentifier": SNAPSHOT},
}
STAND_IN = """#!{python}
import json, os, pathlib, sys
import boto3

folder = pathlib.Path(__file__).parent
arguments = sys.argv[1:]
with (folder / "calls").open("a") as calls:
    unreachable = os.environ.get("PULUMI_K8S_DELETE_UNREACHABLE", "")
    calls.write(json.dumps([*arguments, unreachable]) + "\\n")
state = folder / "state.json"
if arguments[:2] == ["stack", "export"]:
    print(json.dumps({{"deployment": {{"resources": json.loads(state.read_text())}}}}))
if arguments[0] in ("destroy", "up"):
    if (folder / "broken").exists():
        sys.exit("error: something went wrong")
    for one in json.loads(state.read_text()):
        if one["type"] == "aws:rds/instance:Instance":
            boto3.client("rds").delete_db_instance(
                DBInstanceIdentifier=one["inputs"]["identifier"],
                FinalDBSnapshotIdentifier=one["inputs"]["finalSnapshotIdentifier"],
            )
    state.write_text("[]")
"""


class EmptyCluster:
    """A cluster that answers, and has nothing."""

    def every(self, kind: Kind) -> list[Object]:
        return []

    def find(self, kind: Kind, name: str, namespace: str | None) -> Object | None:
        return None

    def delete(self, one: Object) -> None:
        raise AssertionError(f"{one} was never there")


@contextmanager
def answering(account: Account, cluster: str) -> Iterator[ClusterApi]:
    yield EmptyCluster()


@contextmanager
def gone(account: Account, cluster: str) -> Iterator[ClusterApi]:
    raise ClusterGone(f"there is no cluster {cluster}")
    yield


@contextmanager
def silent(account: Account, cluster: str) -> Iterator[ClusterApi]:
    raise ClusterUnreachable("the cluster's API does not answer from here")
    yield


class Tried:
    """One operation on a stack, with what Pulumi was asked and what the user was told."""

    def __init__(self, folder: Path, operation: Operation, told: StringIO) -> None:
        self.folder, self.operation, self._told = folder, operation, told

    @property
    def told(self) -> str:
        return " ".join(self._told.getvalue().split())

    @property
    def calls(self) -> list[list[str]]:
        """Every call that changes something: its arguments, and last whether objects may be left behind."""
        file = self.folder / "calls"
        made = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [one for one in made if one[:2] != ["stack", "export"]]

    @property
    def commands(self) -> list[str]:
        return [one[0] for one in self.calls]

    def state(self, *resources: dict[str, Any]) -> None:
        (self.folder / "state.json").write_text(json.dumps(resources))


@pytest.fixture
def tried(aws: Any, account: Account, a_stack: "StackBuilder", tmp_path: Path) -> Callable[..., Tried]:
    program = tmp_path / "pulumi"
    program.write_text(STAND_IN.format(python=sys.executable))
    program.chmod(0o755)

    def begin(connect: phases.Connect = answering, **given: Any) -> Tried:
        import os

        told = StringIO()
        operation = Operation(
            stack=a_stack(**given),
            account=account,
            account_id=ACCOUNT,
            pulumi=PulumiCli(stack="dev", environment={**os.environ, "PATH": str(tmp_path)}, root=tmp_path),
            console=Console(file=told, width=1000),
            connect=connect,
            patience_seconds=0.01,
            pause=0,
        )
        found = Tried(tmp_path, operation, told)
        if not (tmp_path / "state.json").exists():
            found.state(DATABASE)
        return found

    return begin


@pytest.fixture
def database(aws: Any) -> None:
    """The stack's database, as it is before it is taken down."""
    aws("rds").create_db_instance(
        DBInstanceIdentifier="keelson-dev-postgres",
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="keelson",
        MasterUserPassword="a-password",
    )


def a_snapshot(aws: Any, name: str) -> None:
    aws("rds").create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier="keelson-dev-postgres")


def a_machine_of_karpenter(aws: Any) -> str:
    image = aws("ec2").register_image(Name="image", RootDeviceName="/dev/xvda")["ImageId"]
    tags = {"karpenter.sh/nodepool": "gpu", "kubernetes.io/cluster/keelson-dev": "owned"}
    specification = {
        "ResourceType": "instance",
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }
    made = aws("ec2").run_instances(
        ImageId=image, InstanceType="t3.large", MinCount=1, MaxCount=1, TagSpecifications=[specification]
    )
    return made["Instances"][0]["InstanceId"]


def test_a_teardown_destroys_and_keeps_the_last_snapshot(tried: Callable[..., Tried], database: None) -> None:
    run = tried()
    teardown.tear_down(run.operation)
    assert run.commands == ["destroy"]
    assert "Nothing of stack dev is left but what is kept" in run.told


def test_a_teardown_that_was_done_already_finds_nothing_to_do(tried: Callable[..., Tried]) -> None:
    run = tried()
    run.state()
    teardown.tear_down(run.operation)
    assert run.commands == []


def test_a_teardown_fails_while_something_is_left(aws: Any, tried: Callable[..., Tried], database: None) -> None:
    aws("sqs").create_queue(QueueName="keelson-dev-interruptions")
    with pytest.raises(Stopped, match="1 resources are left"):
        teardown.tear_down(tried().operation)


def test_a_teardown_goes_on_after_a_failed_destroy(tried: Callable[..., Tried], database: None) -> None:
    run = tried()
    (run.folder / "broken").touch()
    with pytest.raises(PulumiError, match="destroy"):
        teardown.tear_down(run.operation)
    (run.folder / "broken").unlink()
    teardown.tear_down(run.operation)
    assert run.commands == ["destroy", "destroy"]


def test_nothing_is_destroyed_while_the_cluster_cannot_be_drained(
    aws: Any, tried: Callable[..., Tried], database: None
) -> None:
    machine, run = a_machine_of_karpenter(aws), tried(silent)
    with pytest.raises(Stopped, match=f"{machine}.*api-allowed-cidrs"):
        teardown.tear_down(run.operation)
    assert run.commands == []


def test_a_silent_cluster_that_holds_nothing_does_not_stop_a_teardown(
    tried: Callable[..., Tried], database: None
) -> None:
    run = tried(silent)
    teardown.tear_down(run.operation)
    assert "not drained: the cluster's API does not answer from here" in run.told
    assert run.calls[0][-1] == "true"


def test_what_controllers_left_is_ended_when_their_cluster_is_gone(
    aws: Any, tried: Callable[..., Tried], database: None
) -> None:
    machine, run = a_machine_of_karpenter(aws), tried(gone)
    teardown.tear_down(run.operation)
    state = aws("ec2").describe_instances(InstanceIds=[machine])["Reservations"][0]["Instances"][0]["State"]["Name"]
    assert state == "terminated"
    assert "cluster keelson-dev is gone already" in run.told


def test_objects_of_a_cluster_that_answers_are_not_left_behind(tried: Callable[..., Tried], database: None) -> None:
    run = tried()
    teardown.tear_down(run.operation)
    assert run.calls[0][-1] == ""


def test_a_teardown_is_refused_where_rds_would_refuse_the_last_snapshot(
    aws: Any, tried: Callable[..., Tried], database: None
) -> None:
    a_snapshot(aws, SNAPSHOT)
    run = tried()
    with pytest.raises(Stopped, match=f"a snapshot {SNAPSHOT} of an earlier life is there"):
        teardown.tear_down(run.operation)
    assert run.commands == []


def test_a_teardown_is_refused_while_the_state_protects_something(tried: Callable[..., Tried]) -> None:
    run = tried()
    run.state({**DATABASE, "protect": True})
    with pytest.raises(Stopped, match=r"still protects postgres: run `pulumi up --stack dev` first"):
        teardown.tear_down(run.operation)


def test_a_protected_stack_is_refused_with_how_to_lift_it(a_stack: "StackBuilder") -> None:
    with pytest.raises(Stopped, match=r"Stack prod is protected\. .*set `protect` to False"):
        teardown.check_protection(a_stack("prod"))


def test_an_unprotected_stack_is_not_refused(a_stack: "StackBuilder") -> None:
    teardown.check_protection(a_stack())


def test_another_name_than_the_stacks_stops_before_anything(
    tried: Callable[..., Tried], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("prod\n"))
    run = tried()
    with pytest.raises(Stopped, match="That was not 'dev': nothing was changed"):
        teardown.confirm(run.operation)


def test_the_stacks_name_confirms(tried: Callable[..., Tried], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("dev\n"))
    teardown.confirm(tried().operation)


def test_a_pause_sets_paused_and_brings_the_stack_to_it(tried: Callable[..., Tried], database: None) -> None:
    run = tried()
    pausing.pause(run.operation)
    assert run.calls[0][:5] == ["config", "set", "--path", "paused", "true"]
    assert run.commands == ["config", "up"]
    assert f"Its databases are in {SNAPSHOT}" in run.told


def test_a_pause_fails_where_a_database_left_no_snapshot(
    tried: Callable[..., Tried], database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tried()
    monkeypatch.setattr(PulumiCli, "up", lambda self, *, cluster_gone: None)
    with pytest.raises(Stopped, match=f"{SNAPSHOT} is not complete"):
        pausing.pause(run.operation)


def test_a_pause_is_refused_where_rds_would_refuse_the_last_snapshot(
    aws: Any, tried: Callable[..., Tried], database: None
) -> None:
    a_snapshot(aws, SNAPSHOT)
    run = tried()
    with pytest.raises(Stopped, match="earlier life"):
        pausing.pause(run.operation)
    assert run.commands == []


def test_a_protected_stack_cannot_be_paused(tried: Callable[..., Tried]) -> None:
    with pytest.raises(Stopped, match="cannot be paused"):
        pausing.pause(tried(protect=True).operation)


def test_a_stack_that_is_not_up_cannot_be_paused(tried: Callable[..., Tried]) -> None:
    run = tried()
    run.state()
    with pytest.raises(Stopped, match="nothing to pause"):
        pausing.pause(run.operation)


def test_a_resume_starts_from_the_newest_last_snapshot(aws: Any, tried: Callable[..., Tried], database: None) -> None:
    for name in ("keelson-dev-postgres-final-zzz", "keelson-dev-postgres-final-aaa", "by-hand"):
        a_snapshot(aws, name)
    run = tried(paused=True)
    run.state()
    resuming.resume(run.operation)
    assert [one[3:5] for one in run.calls if one[0] == "config"] == [
        ["database.restore-from", "keelson-dev-postgres-final-aaa"],
        ["paused", "false"],
    ]
    assert run.commands[-1] == "up"


def test_a_resume_gives_mysql_its_snapshot_where_it_is_rdss(
    aws: Any, tried: Callable[..., Tried], database: None
) -> None:
    for name in ("keelson-dev-postgres-final-1", "keelson-dev-mysql-final-2"):
        a_snapshot(aws, name)
    run = tried(paused=True, database={"mysql": "rds"})
    run.state()
    resuming.resume(run.operation)
    assert ["config", "set", "--path", "database.restore-mysql-from", "keelson-dev-mysql-final-2"] in [
        one[:5] for one in run.calls
    ]


def test_a_resume_without_a_snapshot_changes_nothing(tried: Callable[..., Tried]) -> None:
    run = tried(paused=True)
    with pytest.raises(Stopped, match=r"no complete snapshot keelson-dev-postgres-final-\*"):
        resuming.resume(run.operation)
    assert run.calls == []


def test_a_resume_that_was_interrupted_touches_no_setting_again(tried: Callable[..., Tried], database: None) -> None:
    run = tried(paused=False)
    run.state()
    resuming.resume(run.operation)
    assert run.commands == ["up"]
