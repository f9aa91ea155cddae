"""Buckets on the S3 server."""

from collections.abc import Mapping
from typing import Any

import boto3
import botocore.exceptions
import pulumi
from botocore.config import Config
from pulumi.dynamic import Resource

from infra.local.provider import READY, LocalProvider

REGION = "us-east-1"


class BucketProvider(LocalProvider):
    """Makes a bucket; finding it already there is as good."""

    def identify(self, props: Mapping[str, Any]) -> str:
        return props["bucket"]

    def ensure(self, props: dict[str, Any], previous: Mapping[str, Any] | None) -> dict[str, Any]:
        if not _exists(props):
            _client(props).create_bucket(Bucket=props["bucket"])
        return {}

    def observe(self, props: Mapping[str, Any]) -> str:
        try:
            return READY if _exists(props) else "missing"
        except botocore.exceptions.BotoCoreError:
            return "unreachable"

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Data outlives the stack; `make down PURGE=1` removes it."""


def _exists(props: Mapping[str, Any]) -> bool:
    try:
        _client(props).head_bucket(Bucket=props["bucket"])
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchBucket"):
            return False
        raise
    return True


def _client(props: Mapping[str, Any]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=props["endpoint"],
        region_name=REGION,
        aws_access_key_id=props["access_key_id"],
        aws_secret_access_key=props["secret_access_key"],
        config=Config(connect_timeout=2, read_timeout=10, retries={"max_attempts": 2}, s3={"addressing_style": "path"}),
    )


class Bucket(Resource, module="local", name="Bucket"):
    """One private bucket."""

    bucket: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        endpoint: str,
        access_key_id: str,
        secret_access_key: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {
            "bucket": name,
            "endpoint": endpoint,
            "access_key_id": access_key_id,
            "secret_access_key": secret_access_key,
            "status": None,
        }
        super().__init__(BucketProvider(), name, props, opts)
