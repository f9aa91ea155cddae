"""A copy of a stack's data comes up beside the original, equals it, and goes again without a trace."""

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.core.responses import ActionResult
from moto.ecr.responses import ECRResponse
from rich.console import Console

from infra.operations.account import Account
from infra.operations.restore import __main__ as command
from infra.operations.restore import buckets, registry
from infra.operations.restore.buckets import Version, as_of
from infra.operations.restore.copy import Compared, Copy, CopyError, checked_suffix
from infra.operations.sweep.search import search
from infra.render.prices import prices

if TYPE_CHECKING:
    from tests.infra.operations.conftest import StackBuilder

ACCOUNT = "123456789012"
SNAPSHOT = "keelson-dev-postgres-final-e3b0c442"
LAYER = b"a layer"
DIGEST = f"sha256:{hashlib.sha256(LAYER).hexdigest()}"


@pytest.fixture
def layers(aws: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Layers of images, of which moto knows nothing: one that can be fetched, and a list of those uploaded."""
    aws("s3").create_bucket(Bucket="layers")
    aws("s3").put_object(Bucket="layers", Key="layer", Body=LAYER)
    address = aws("s3").generate_presigned_url("get_object", Params={"Bucket": "layers", "Key": "layer"})
    parts: list[bytes] = []
    uploaded: list[str] = []

    def upload(response: ECRResponse) -> ActionResult:
        parts.append(base64.b64decode(response._get_param("layerPartBlob")))
        return ActionResult({"lastByteReceived": response._get_param("partLastByte")})

    def complete(response: ECRResponse) -> ActionResult:
        uploaded.append(f"sha256:{hashlib.sha256(b''.join(parts)).hexdigest()}")
        parts.clear()
        return ActionResult({"layerDigest": uploaded[-1]})

    answers: dict[str, Callable[[ECRResponse], ActionResult]] = {
        "batch_check_layer_availability": lambda response: ActionResult({"layers": []}),
        "get_download_url_for_layer": lambda response: ActionResult({"downloadUrl": address}),
        "initiate_layer_upload": lambda response: ActionResult({"uploadId": "1", "partSize": 8}),
        "upload_layer_part": upload,
        "complete_layer_upload": complete,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(ECRResponse, name, answer)
    return uploaded


@pytest.fixture
def original(aws: Any, layers: list[str]) -> None:
    """Buckets with objects, a database with a snapshot, and a repository with one image."""
    for purpose in ("data", "artifacts", "models"):
        bucket = f"keelson-dev-{purpose}-{ACCOUNT}-us-east-1"
        aws("s3").create_bucket(Bucket=bucket)
        aws("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for number in range(3):
            aws("s3").put_object(Bucket=bucket, Key=f"part-{number}", Body=b"x" * (number + 1))
        aws("s3").put_object(Bucket=bucket, Key="part-0", Body=b"overwritten")
        aws("s3").delete_object(Bucket=bucket, Key="part-1")
        # Deleted and written again, all within a second.
        aws("s3").delete_object(Bucket=bucket, Key="part-2")
        aws("s3").put_object(Bucket=bucket, Key="part-2", Body=b"again")
    aws("rds").create_db_instance(
        DBInstanceIdentifier="keelson-dev-postgres",
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="keelson",
        MasterUserPassword="a-password",
    )
    aws("rds").create_db_snapshot(DBSnapshotIdentifier=SNAPSHOT, DBInstanceIdentifier="keelson-dev-postgres")
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"digest": DIGEST, "size": len(LAYER), "mediaType": "application/vnd.docker.container.image.v1+json"},
        "layers": [{"digest": DIGEST, "size": len(LAYER), "mediaType": "application/vnd.docker.image.rootfs.diff.tar"}],
    }
    for purpose in ("components", "serving"):
        aws("ecr").create_repository(repositoryName=f"keelson-dev/{purpose}", imageTagMutability="IMMUTABLE")
    aws("ecr").put_image(repositoryName="keelson-dev/serving", imageManifest=json.dumps(manifest), imageTag="1")


@pytest.fixture
def copy(account: Account, a_stack: "StackBuilder") -> Copy:
    return Copy(stack=a_stack(), account=account, account_id=ACCOUNT, suffix="drill")


@pytest.fixture
def restored(copy: Copy, original: None) -> list[Compared]:
    return command.restore(copy, SNAPSHOT, Console(file=StringIO()), pause=0)


def test_the_copy_equals_the_original(restored: list[Compared]) -> None:
    assert [(one.what, one.equal) for one in restored] == [
        ("database", True),
        ("bucket data", True),
        ("bucket artifacts", True),
        ("bucket models", True),
        ("images components", True),
        ("images serving", True),
    ]


def test_only_what_was_current_is_copied(aws: Any, restored: list[Compared]) -> None:
    found = aws("s3").list_objects_v2(Bucket=f"keelson-dev-data-drill-{ACCOUNT}-us-east-1")["Contents"]
    assert {one["Key"]: one["Size"] for one in found} == {"part-0": 11, "part-2": 5}


def test_the_copys_buckets_are_closed_to_the_public(aws: Any, restored: list[Compared]) -> None:
    found = aws("s3").get_public_access_block(Bucket=f"keelson-dev-data-drill-{ACCOUNT}-us-east-1")
    assert set(found["PublicAccessBlockConfiguration"].values()) == {True}


def test_layers_are_uploaded_whole_and_once(layers: list[str], restored: list[Compared]) -> None:
    assert layers == [DIGEST]


def test_the_copys_cost_is_told(restored: list[Compared]) -> None:
    assert restored[0].monthly == pytest.approx(0.016 * 730 + 20 * 0.115)


def test_the_original_is_untouched(aws: Any, restored: list[Compared]) -> None:
    found = aws("s3").list_object_versions(Bucket=f"keelson-dev-data-{ACCOUNT}-us-east-1")
    assert (len(found["Versions"]), len(found["DeleteMarkers"])) == (5, 2)


def test_a_second_run_copies_nothing_again(aws: Any, copy: Copy, restored: list[Compared], layers: list[str]) -> None:
    command.restore(copy, SNAPSHOT, Console(file=StringIO()), pause=0)
    assert layers == [DIGEST]


def test_a_lost_object_of_the_copy_is_seen(aws: Any, copy: Copy, restored: list[Compared]) -> None:
    aws("s3").delete_object(Bucket=copy.bucket_copy("data"), Key="part-2")
    assert not buckets.compared(copy, "data", prices()).equal


def test_another_image_under_the_same_tag_is_seen(aws: Any, copy: Copy, original: None) -> None:
    aws("ecr").create_repository(repositoryName=copy.repository_copy("serving"))
    other = json.dumps({"schemaVersion": 2, "config": {"digest": DIGEST, "size": 1}, "layers": []})
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    aws("ecr").put_image(
        repositoryName=copy.repository_copy("serving"), imageManifest=other, imageManifestMediaType=kind, imageTag="1"
    )
    assert not registry.compared(copy, "serving", prices()).equal


def test_the_copy_goes_without_a_trace(aws: Any, copy: Copy, restored: list[Compared]) -> None:
    command.remove(copy, Console(file=StringIO()))
    names = [one["Name"] for one in aws("s3").list_buckets()["Buckets"]]
    assert not [one for one in names if "drill" in one]
    databases = aws("rds").describe_db_instances()["DBInstances"]
    assert [one["DBInstanceIdentifier"] for one in databases] == ["keelson-dev-postgres"]
    repositories = aws("ecr").describe_repositories()["repositories"]
    assert not [one for one in repositories if "drill" in one["repositoryName"]]


def test_removing_a_copy_that_is_not_there_is_no_failure(copy: Copy) -> None:
    command.remove(copy, Console(file=StringIO()))


def test_a_sweep_keeps_the_copy_and_says_how_to_remove_it(copy: Copy, restored: list[Compared]) -> None:
    found = search(copy.stack, copy.account, ACCOUNT, prices(), lambda subject: None)
    copies = {one.id: one.kept for one in found.leftovers if "drill" in one.id}
    assert len(copies) == 6
    assert all(text.endswith("--stack dev --as drill --delete removes it") for text in copies.values())


def test_a_sweep_does_not_take_the_original_for_a_copy(copy: Copy, restored: list[Compared]) -> None:
    found = search(copy.stack, copy.account, ACCOUNT, prices(), lambda subject: None)
    assert {copy.bucket("data"), "keelson-dev-postgres", "keelson-dev/serving"} <= {one.id for one in found.left}


def test_a_snapshot_that_is_not_there_stops_before_anything_is_made(aws: Any, copy: Copy, original: None) -> None:
    with pytest.raises(CopyError, match="There is no snapshot nothing in us-east-1"):
        command.restore(copy, "nothing", Console(file=StringIO()), pause=0)
    assert len(aws("s3").list_buckets()["Buckets"]) == 4


def test_a_snapshot_of_another_database_is_refused(aws: Any, copy: Copy, original: None) -> None:
    aws("rds").create_db_instance(
        DBInstanceIdentifier="other",
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="keelson",
        MasterUserPassword="a-password",
    )
    aws("rds").create_db_snapshot(DBSnapshotIdentifier="others", DBInstanceIdentifier="other")
    with pytest.raises(CopyError, match="is of other, not of keelson-dev-postgres"):
        command.restore(copy, "others", Console(file=StringIO()), pause=0)


@pytest.mark.parametrize("suffix", ["d", "Drill", "drill-1", "1drill", "a" * 13, ""])
def test_a_name_that_cannot_stand_everywhere_is_refused(suffix: str) -> None:
    with pytest.raises(CopyError, match="2 to 12 small letters and digits"):
        checked_suffix(suffix)


@pytest.mark.parametrize("text", ["yesterday", "2026-11-20T08:00:00"])
def test_a_time_without_a_zone_is_refused(text: str) -> None:
    with pytest.raises(CopyError, match="give one such as 2026-11-20T08:00:00Z"):
        command.moment(text)


def test_the_command_without_a_snapshot_says_how_to_find_one(aws: Any) -> None:
    arguments = ["--stack", "dev", "--as", "drill"]
    done = subprocess.run(
        [sys.executable, "-m", "infra.operations.restore", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("restore: Say from which snapshot, with --snapshot")


START = datetime(2026, 11, 20, tzinfo=UTC)
EVENTS = st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), max_size=12)


@given(EVENTS, st.integers(-1, 13))
def test_a_moment_shows_each_key_as_replaying_what_happened_until_then(
    events: list[tuple[str, bool]], minute: int
) -> None:
    versions = [
        Version(key=key, id=str(i), modified=START + timedelta(minutes=i), size=i, marker=deleted)
        for i, (key, deleted) in enumerate(events)
    ]
    replayed: dict[str, str] = {}
    for i, (key, deleted) in enumerate(events[: max(0, minute + 1)]):
        replayed.pop(key, None)
        if not deleted:
            replayed[key] = str(i)
    newest_first = sorted(versions, key=lambda one: (one.key, -one.size))
    found = as_of(newest_first, START + timedelta(minutes=minute))
    assert {one.key: one.id for one in found} == replayed
