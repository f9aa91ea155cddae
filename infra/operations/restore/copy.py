"""Names and tags of a copy, and what was copied."""

import re
from dataclasses import dataclass
from datetime import datetime

from infra.operations.account import Account
from infra.operations.stack import Stack

PURPOSES = ("data", "artifacts", "models")
REPOSITORIES = ("components", "serving")
_SUFFIX = re.compile(r"[a-z][a-z0-9]{1,11}")


class CopyError(ValueError):
    """The copy cannot be made; the message is one sentence."""


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A copy of a stack's data.

    Attributes:
        suffix: What its names end with, ``drill``.
        moment: Buckets are copied as they were at this time; ``None`` for as they are.
    """

    stack: Stack
    account: Account
    account_id: str
    suffix: str
    moment: datetime | None = None

    @property
    def tags(self) -> dict[str, str]:
        """Tags of the copy: its own name as the stack, so that neither sweep nor budget counts it to the original."""
        return {"project": "keelson", "stack": f"{self.stack.name}-{self.suffix}", "managed-by": "restore"}

    @property
    def tag_list(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]

    def bucket(self, purpose: str) -> str:
        """The original bucket."""
        return f"{self.stack.prefix}-{purpose}-{self.account_id}-{self.stack.region}"

    def bucket_copy(self, purpose: str) -> str:
        return f"{self.stack.prefix}-{purpose}-{self.suffix}-{self.account_id}-{self.stack.region}"

    def repository(self, purpose: str) -> str:
        """The original image repository."""
        return f"{self.stack.prefix}/{purpose}"

    def repository_copy(self, purpose: str) -> str:
        return f"{self.stack.prefix}/{purpose}-{self.suffix}"

    @property
    def database_copy(self) -> str:
        return f"{self.stack.prefix}-postgres-{self.suffix}"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One thing beside its copy.

    Attributes:
        original: What is counted of the original: objects and bytes, images, GiB.
        copy: The same of the copy.
        monthly: USD a month of the copy, ``None`` where a price is not known.
    """

    what: str
    original: str
    copy: str
    monthly: float | None

    @property
    def equal(self) -> bool:
        return self.original == self.copy


def copy_of(name: str, prefix: str) -> str | None:
    """The suffix of a copy's name, ``drill``; ``None`` of a name that is no copy's."""
    found = re.match(
        rf"{prefix}(?:-(?:{'|'.join(PURPOSES)})-({_SUFFIX.pattern})-\d{{12}}-.*"
        rf"|-postgres-({_SUFFIX.pattern})|/(?:{'|'.join(REPOSITORIES)})-({_SUFFIX.pattern}))$",
        name,
    )
    return next(filter(None, found.groups())) if found else None


def checked_suffix(suffix: str) -> str:
    """The suffix, if it may stand in each name.

    Raises:
        CopyError: It may not.
    """
    if not _SUFFIX.fullmatch(suffix):
        raise CopyError(
            f"The name '{suffix}' cannot be used for a copy: give 2 to 12 small letters and digits, a letter first, "
            "such as drill."
        )
    return suffix
