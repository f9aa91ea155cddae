"""Buckets of an S3 server."""

from collections.abc import Sequence
from typing import Any


def make(client: Any, names: Sequence[str]) -> None:
    """Make sure that the buckets are there; what is in one stays.

    Args:
        client: Of S3, as boto3 makes it.
    """
    there = {one["Name"] for one in client.list_buckets()["Buckets"]}
    for name in names:
        if name not in there:
            client.create_bucket(Bucket=name)
