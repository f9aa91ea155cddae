"""Which variant answers a request: the policy that the stack's configuration states, and the file that carries it.

A release changes the policy, not the bundle: the stack writes the file, each worker reads it again when it changes,
and no process is restarted. On a cluster the file is a mounted ConfigMap.
"""

import asyncio
import hashlib
import logging
import time
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from components import contract
from serving.manifest import Manifest

# How long a change of the file may go unnoticed.
LOOK_SECONDS = 0.5
_BUCKETS = 10_000

_log = logging.getLogger("bentoml.keelson")


class Mode(StrEnum):
    """What the challenger does: nothing, predict for the log alone, or answer a share of the requests."""

    OFF = "off"
    SHADOW = "shadow"
    CANARY = "canary"


class TrafficError(ValueError):
    """A policy cannot be followed by this bundle; the message says why and what is allowed."""


class Traffic(BaseModel):
    """A policy.

    Attributes:
        champion: Model version that answers.
        challenger: Model version that is tried beside it.
        mode: How it is tried.
        percent: Share of the requests that the challenger answers; with ``canary`` alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    champion: str = Field(pattern=r"^[0-9]+$")
    challenger: str | None = Field(default=None, pattern=r"^[0-9]+$")
    mode: Mode = Mode.OFF
    percent: int | None = Field(default=None, ge=0, le=100)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.mode is not Mode.OFF and self.challenger is None:
            raise ValueError(f"mode {self.mode} needs a challenger")
        if self.challenger == self.champion:
            raise ValueError("champion and challenger are the same version")
        if (self.mode is Mode.CANARY) != (self.percent is not None):
            raise ValueError("percent goes with mode canary, and mode canary needs it")
        return self


class Assignment(NamedTuple):
    """Who predicts for one request.

    Attributes:
        version: Model version that answers.
        variant: ``champion`` or ``challenger``.
        shadow: The other version, where it predicts for the log alone, or None.
        shadow_variant: ``champion`` or ``challenger``.
    """

    version: str
    variant: str
    shadow: str | None = None
    shadow_variant: str = contract.CHALLENGER


def assign(traffic: Traffic, key: str) -> Assignment:
    """Who predicts for a request. A key is always assigned alike, and stays with the challenger as its share grows.

    While a challenger is tried both predict for each request, and one of them answers: so they are compared on the very
    same requests, whatever the share.

    Args:
        traffic: The policy.
        key: What the caller wants to be stuck to, for example a session; the request's id where it names nothing.
    """
    if traffic.mode is Mode.OFF or traffic.challenger is None:
        return Assignment(traffic.champion, contract.CHAMPION)
    if _bucket(traffic, key) < _BUCKETS * (traffic.percent or 0) // 100:
        return Assignment(traffic.challenger, contract.CHALLENGER, traffic.champion, contract.CHAMPION)
    return Assignment(traffic.champion, contract.CHAMPION, traffic.challenger)


def _bucket(traffic: Traffic, key: str) -> int:
    """A number below _BUCKETS; of each challenger by itself, so that not always the same callers are tried first."""
    digest = hashlib.blake2b(f"{traffic.challenger}:{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) % _BUCKETS


class TrafficFile:
    """The policy in force.

    Args:
        manifest: Of the bundle, which must have the versions that the policy names.
        path: The file; None where the stack has no policy, and the bundle's champion answers all.

    Attributes:
        current: The policy.
        since: When this worker began to follow it, seconds since the epoch.
        error: Why the file as it is now is not followed, or None.

    Raises:
        TrafficError: There is a file, but it cannot be followed: a service that starts must not guess.
    """

    def __init__(self, manifest: Manifest, path: Path | None) -> None:
        self._manifest, self._path = manifest, path
        self._seen: bytes | None = self._content()
        self.current = self._parsed(self._seen)
        self.since = time.time()
        self.error: str | None = None

    def look(self) -> None:
        """Follow the file if it changed. One that cannot be followed is logged, and the last policy stays in force."""
        content = self._content()
        if content == self._seen:
            return
        self._seen = content
        try:
            self.current, self.since, self.error = self._parsed(content), time.time(), None
        except TrafficError as error:
            self.error = str(error)
            _log.error("the traffic stays as it was: %s", error)
        else:
            _log.info("traffic: %s", self.current.model_dump_json(exclude_none=True))

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def _content(self) -> bytes | None:
        if self._path is None:
            return None
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None

    def _parsed(self, content: bytes | None) -> Traffic:
        versions = [variant.model_version for variant in self._manifest.variants]
        if content is None:
            return Traffic(champion=versions[0])
        try:
            traffic = Traffic.model_validate_json(content)
        except ValidationError as error:
            said = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in error.errors())
            raise TrafficError(f"{self._path} is no traffic policy: {said}") from None
        missing = {traffic.champion, traffic.challenger} - {None, *versions}
        if missing:
            raise TrafficError(
                f"{self._path} names model version {', '.join(sorted(map(str, missing)))}, but the bundle has "
                f"{', '.join(versions)}; deploy a bundle that has it first"
            )
        return traffic
