"""Copies of buckets, as they are or as they were at a moment."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.operations.account import Absent
from infra.operations.restore.copy import Compared, Copy
from infra.render.prices import Prices

# Copies at once; S3 takes thousands a second, one connection some tens.
_WORKERS = 16
_GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of an object, or the marker that deleted it."""

    key: str
    id: str
    modified: datetime
    size: int
    marker: bool
    latest: bool = False


def as_of(versions: Iterable[Version], moment: datetime | None) -> list[Version]:
    """Of each key the version that was current at ``moment``; none of a key that was deleted, or not there yet.

    Args:
        versions: Of each key, the newest first, as S3 lists them.
        moment: ``None`` for now.
    """
    current: dict[str, Version] = {}
    for one in versions:
        if one.key not in current and (moment is None or one.modified <= moment):
            current[one.key] = one
    return [one for one in current.values() if not one.marker]


def restore(copy: Copy, purpose: str, tell: Callable[[int, int], None]) -> None:
    """Copy what was current into a bucket of its own; what is there already with the same size is left alone.

    Args:
        tell: Called with the number of objects copied, and of all.
    """
    source, target = copy.bucket(purpose), copy.bucket_copy(purpose)
    _make(copy, source, target)
    there = {one.key: one.size for one in as_of(_versions(copy, target), None)}
    wanted = [one for one in as_of(_versions(copy, source), copy.moment) if there.get(one.key) != one.size]
    client, done = copy.account.client("s3"), 0
    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        # boto3's own copy: large objects need several requests.
        work = [
            pool.submit(client.copy, {"Bucket": source, "Key": one.key, "VersionId": one.id}, target, one.key)
            for one in wanted
        ]
        for one in work:
            one.result()
            done += 1
            tell(done, len(work))


def _make(copy: Copy, source: str, target: str) -> None:
    """A private bucket, encrypted like the original."""
    ask = copy.account.ask
    try:
        ask("s3", "head_bucket", Bucket=target, ExpectedBucketOwner=copy.account_id)
    except Absent:
        # us-east-1 alone must not be named.
        place: dict[str, Any] = {"CreateBucketConfiguration": {"LocationConstraint": copy.stack.region}}
        ask("s3", "create_bucket", Bucket=target, **(place if copy.stack.region != "us-east-1" else {}))
    closed = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
    ask("s3", "put_public_access_block", Bucket=target, PublicAccessBlockConfiguration=closed)
    ask("s3", "put_bucket_tagging", Bucket=target, Tagging={"TagSet": copy.tag_list})
    try:
        rules = ask("s3", "get_bucket_encryption", Bucket=source)["ServerSideEncryptionConfiguration"]
    except Absent:
        return
    ask("s3", "put_bucket_encryption", Bucket=target, ServerSideEncryptionConfiguration=rules)


def _versions(copy: Copy, bucket: str) -> Iterator[Version]:
    paginator = copy.account.client("s3").get_paginator("list_object_versions")
    for page in paginator.paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        # Two lists, each in order: joined, a key's newest comes first again. S3 tells times in whole seconds, so the
        # latest is told by its own sign; of what happened earlier within one second, a deletion counts as the last.
        yield from sorted(
            map(_version, found),
            key=lambda one: (one.key, not one.latest, -one.modified.timestamp(), not one.marker),
        )


def _version(described: Mapping[str, Any]) -> Version:
    return Version(
        key=described["Key"],
        id=described["VersionId"],
        modified=described["LastModified"],
        size=described.get("Size", 0),
        marker="Size" not in described,
        latest=described["IsLatest"],
    )


def compared(copy: Copy, purpose: str, prices: Prices) -> Compared:
    """Objects and bytes of the original, at the moment, and of the copy."""
    original = as_of(_versions(copy, copy.bucket(purpose)), copy.moment)
    made = as_of(_versions(copy, copy.bucket_copy(purpose)), None)
    price = prices.prices.get("s3_standard")
    size = sum(one.size for one in made)
    return Compared(
        what=f"bucket {purpose}",
        original=_counted(original),
        copy=_counted(made),
        monthly=price.monthly * size / _GIB if price else None,
    )


def _counted(versions: list[Version]) -> str:
    return f"{len(versions)} objects, {sum(one.size for one in versions)} bytes"


def delete(copy: Copy, purpose: str) -> None:
    """Remove the copy with all of its objects."""
    bucket, client = copy.bucket_copy(purpose), copy.account.client("s3")
    try:
        copy.account.ask("s3", "head_bucket", Bucket=bucket, ExpectedBucketOwner=copy.account_id)
    except Absent:
        return
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if found:
            objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
            copy.account.ask("s3", "delete_objects", Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    copy.account.ask("s3", "delete_bucket", Bucket=bucket)
