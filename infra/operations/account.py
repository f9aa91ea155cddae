"""The AWS account, asked politely: bounded retries, and refusals that name the permission that is missing."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

T = TypeVar("T")

# Four tries in botocore's standard mode wait at most about 20 s between them.
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5, read_timeout=30)
_DENIED = re.compile(r"AccessDenied|Unauthorized|^403$|^Forbidden$|NotAuthorized")
_ABSENT = re.compile(r"NotFound|NoSuch|NonExistent|^404$|^AWS\.SimpleQueueService\.NonExistentQueue$")
# IAM's names where they differ from boto3's.
_PREFIXES = {
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "resourcegroupstaggingapi": "tag",
    "service-quotas": "servicequotas",
}
_ACTIONS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:DeleteObjects": "s3:DeleteObject",
    "budgets:DescribeBudget": "budgets:ViewBudget",
}


class AccountError(RuntimeError):
    """AWS did not answer what was asked; the message is one sentence."""


class Absent(AccountError):
    """What was asked about is not there."""


class Denied(AccountError):
    """The credentials may not ask this.

    Attributes:
        permission: IAM action that is missing.
    """

    def __init__(self, permission: str) -> None:
        super().__init__(f"permission {permission} is missing")
        self.permission = permission


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """A fact that could not be had, and why."""

    reason: str
    permission: str | None = None


class Account:
    """AWS clients of one region, made at first use.

    Credentials come from boto3's chain: environment, profile, web identity or instance role.
    """

    def __init__(self, region: str) -> None:
        self.region = region
        self._session = boto3.Session(region_name=region)
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str, region: str | None = None) -> Any:
        """The boto3 client of a service, in the account's region or another."""
        key = (service, region or self.region)
        # Making a client is not safe in several threads at once; using it is.
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._session.client(service, region_name=key[1], config=_CONFIG)
            return self._clients[key]

    def ask(self, service: str, operation: str, *, region: str | None = None, **parameters: Any) -> dict[str, Any]:
        """One call; ``operation`` in boto3's spelling.

        Raises:
            Absent: What was asked about is not there.
            Denied: The credentials lack the permission.
            AccountError: No credentials, no connection, or any other refusal.
        """
        client = self.client(service, region)
        return self._tried(client, service, operation, lambda: getattr(client, operation)(**parameters))

    def every(
        self, service: str, operation: str, key: str, *, region: str | None = None, **parameters: Any
    ) -> list[Any]:
        """All pages of a list, joined.

        Args:
            key: Where the answer holds the list.

        Raises:
            Absent, Denied, AccountError: As ``ask``.
        """
        client = self.client(service, region)

        def pages() -> list[Any]:
            if not client.can_paginate(operation):
                return list(getattr(client, operation)(**parameters).get(key) or [])
            answers = client.get_paginator(operation).paginate(**parameters)
            return [one for answer in answers for one in answer.get(key) or []]

        return self._tried(client, service, operation, pages)

    def _tried(self, client: Any, service: str, operation: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except ClientError as error:
            code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
            if _DENIED.search(code):
                raise Denied(permission(service, client.meta.method_to_api_mapping[operation])) from None
            kind = Absent if _ABSENT.search(code) else AccountError
            raise kind(f"AWS refused {service}.{operation}: {code}: {message}".rstrip(": ")) from None
        except BotoCoreError as error:
            raise AccountError(f"AWS could not be asked {service}.{operation}: {error}") from None


def permission(service: str, operation: str) -> str:
    """IAM's name of an API call, ``ec2:DescribeVpcs``; ``operation`` in the API's spelling."""
    action = f"{_PREFIXES.get(service, service)}:{operation}"
    return _ACTIONS.get(action, action)


def known(ask: Callable[[], T]) -> T | Unknown:
    """What ``ask`` returns, or why it cannot be had."""
    try:
        return ask()
    except Denied as error:
        return Unknown(reason=str(error), permission=error.permission)
    except AccountError as error:
        return Unknown(reason=str(error))


def tags_of(resource: dict[str, Any]) -> dict[str, str]:
    """Tags of a resource, whichever of AWS's spellings they come in."""
    for key in ("Tags", "TagSet", "tags", "TagList"):
        found = resource.get(key)
        if isinstance(found, dict):
            return found
        if found:
            return {
                one.get("Key", one.get("TagKey", one.get("key"))): one.get(
                    "Value", one.get("TagValue", one.get("value"))
                )
                for one in found
            }
    return {}
