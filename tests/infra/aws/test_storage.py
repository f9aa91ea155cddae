"""Buckets keep what they are given, and lose only what is old."""

import json
from typing import Any

import pytest

from infra.aws.storage import Storage
from infra.render.recording import Recording

KEY = "arn:aws:kms:us-east-1:123456789012:key/1"


def storage(made: Any, **changes: Any) -> Recording:
    arguments = {"protect": False, "log_days": 7, "replica_region": None, **changes}
    return made(lambda: Storage("s", account_id="123456789012", region="us-east-1", key=KEY, **arguments))


def rules(recording: Recording, purpose: str) -> dict[str, Any]:
    return {one["id"]: one for one in recording.named(f"{purpose}-lifecycle").inputs["rules"]}


def test_names_carry_account_and_region_as_the_whole_world_shares_them(made: Any) -> None:
    names = {one.inputs["bucket"] for one in storage(made).of_type("aws:s3/bucket:Bucket")}
    assert names == {
        f"keelson-dev-{purpose}-123456789012-us-east-1" for purpose in ("data", "artifacts", "models", "logs")
    }


def test_an_overwritten_object_stays_for_90_days_and_a_current_one_for_ever(made: Any) -> None:
    for purpose in ("data", "artifacts", "models"):
        found = rules(storage(made), purpose)
        assert found["old-versions"]["noncurrentVersionExpiration"] == {"noncurrentDays": 90}
        assert all("days" not in one.get("expiration", {}) for one in found.values())


def test_small_objects_are_not_moved_to_the_class_that_bills_them_as_large_ones(made: Any) -> None:
    rule = rules(storage(made), "data")["infrequent-access"]
    assert rule["filter"] == {"objectSizeGreaterThan": 128 * 1024}


@pytest.mark.parametrize("days", [7, 90])
def test_logs_go_after_as_many_days_as_the_stack_says(made: Any, days: int) -> None:
    assert rules(storage(made, log_days=days), "logs")["expire"]["expiration"] == {"days": days}


def test_rules_about_old_versions_come_after_the_bucket_keeps_them(made: Any) -> None:
    recording = storage(made)
    assert recording.named("data-versioning").urn in recording.named("data-lifecycle").depends_on


def test_every_access_is_logged_in_a_folder_of_its_own(made: Any) -> None:
    for purpose in ("data", "artifacts", "models"):
        log = storage(made).named(f"{purpose}-access-log").inputs
        assert (log["targetBucket"], log["targetPrefix"]) == ("<logs-bucket.id>", f"s3/{purpose}/")


def test_only_aws_own_services_and_only_for_this_account_write_logs(made: Any) -> None:
    policy = json.loads(storage(made).named("logs-policy").inputs["policy"])
    allowed = [one for one in policy["Statement"] if one["Effect"] == "Allow"]
    assert {one["Principal"]["Service"][0] for one in allowed} == {
        "logging.s3.amazonaws.com",
        "delivery.logs.amazonaws.com",
    }
    assert all(one["Condition"]["StringEquals"]["aws:SourceAccount"] == "123456789012" for one in allowed)


def test_a_bucket_with_objects_goes_only_where_the_stack_is_not_protected(made: Any) -> None:
    assert storage(made).named("data-bucket").inputs["forceDestroy"] is True
    kept = storage(made, protect=True).named("data-bucket")
    assert kept.protect
    assert kept.inputs["forceDestroy"] is False


def test_copies_lie_in_the_other_region_under_its_own_key(made: Any) -> None:
    recording = storage(made, replica_region="us-west-2")
    copy = recording.named("data-replica-bucket")
    assert copy.inputs["region"] == "us-west-2"
    assert copy.inputs["bucket"] == "keelson-dev-data-123456789012-us-west-2"
    seal = recording.named("data-replica-encryption").inputs["rules"][0]["applyServerSideEncryptionByDefault"]
    assert seal["kmsMasterKeyId"] == "<replication-key.arn>"


def test_copying_begins_when_both_sides_keep_versions(made: Any) -> None:
    recording = storage(made, replica_region="us-west-2")
    copying = recording.named("replication-data")
    for side in ("data-versioning", "data-replica-versioning"):
        assert recording.named(side).urn in copying.depends_on


def test_the_role_that_copies_reads_sources_and_writes_copies_and_no_more(made: Any) -> None:
    policy = json.loads(storage(made, replica_region="us-west-2").named("replication-policy").inputs["policy"])
    writing = next(one for one in policy["Statement"] if one["Sid"] == "WriteCopies")
    assert all("-replica-bucket.arn>" in resource for resource in writing["Resource"])
    reading = next(one for one in policy["Statement"] if one["Sid"] == "ReadSourceObjects")
    assert not any("replica" in resource for resource in reading["Resource"])
