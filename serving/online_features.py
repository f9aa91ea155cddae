"""Online features over HTTP, from Feast's feature server.

The feature server is one process for all workers; the Feast SDK inside each worker would cost over
200 MB and four seconds of start per worker to save one local round trip.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np

from components import contract
from components.features.online import ONLINE_FEATURES, OnlineFeaturesUnavailableError, read_answer, request_body

__all__ = ["ONLINE_FEATURES", "OnlineFeatures", "OnlineFeaturesUnavailableError", "read_answer", "request_body"]

# A request waits at most this long for features; the endpoint then answers 503.
_TIMEOUT = httpx.Timeout(2.0, connect=0.5)
# The server closes a connection that was idle for five seconds, and a request that is on its way then gets no answer.
_LIMITS = httpx.Limits(keepalive_expiry=2.0)
# How long a probe of the online store counts as an answer to the next one, and how long a server that did not answer in
# time is left alone: each request would wait as long as the last, only to be told the same.
_PROBE_SECONDS = 1.0
_PROBE: tuple[tuple[int, int], ...] = ((contract.FIRST_ZONE, contract.FIRST_ZONE),)


class OnlineFeatures:
    """Reads online features; use as an async context manager.

    Args:
        server_url: Address of the feature server.
    """

    def __init__(self, server_url: str) -> None:
        # Proxies from the environment are for the outside; the feature server is a neighbour.
        self._client = httpx.AsyncClient(base_url=server_url, timeout=_TIMEOUT, limits=_LIMITS, trust_env=False)
        self._probed_at = -_PROBE_SECONDS
        self._silent_until = 0.0
        self._probe_failure: OnlineFeaturesUnavailableError | None = None
        self._probe_lock = asyncio.Lock()

    async def __aenter__(self) -> "OnlineFeatures":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def read(self, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
        """Features of ``(pickup zone, drop-off zone)`` pairs, as in ``read_answer``; equal pairs are asked for once.

        Raises:
            OnlineFeaturesUnavailableError: No answer in time, or none that can be used.
        """
        unique = list(dict.fromkeys(pairs))
        response = await self._ask(request_body(unique))
        if response.status_code != httpx.codes.OK:
            raise OnlineFeaturesUnavailableError(f"the feature server answered {response.status_code}")
        try:
            answer = response.json()
        except ValueError as error:
            raise OnlineFeaturesUnavailableError("the feature server did not answer in JSON") from error
        place = {pair: index for index, pair in enumerate(unique)}
        return read_answer(answer, len(unique))[[place[pair] for pair in pairs]]

    async def check(self) -> None:
        """Read one entity from the online store, at most once a second.

        Raises:
            OnlineFeaturesUnavailableError: The latest read failed.
        """
        async with self._probe_lock:
            if time.monotonic() - self._probed_at >= _PROBE_SECONDS:
                try:
                    await self.read(_PROBE)
                    self._probe_failure = None
                except OnlineFeaturesUnavailableError as failure:
                    self._probe_failure = failure
                self._probed_at = time.monotonic()
        if self._probe_failure is not None:
            raise OnlineFeaturesUnavailableError(str(self._probe_failure))

    async def _ask(self, body: dict[str, Any]) -> httpx.Response:
        if time.monotonic() < self._silent_until:
            raise OnlineFeaturesUnavailableError("the feature server did not answer in time a moment ago")
        try:
            return await self._post(body)
        except httpx.TimeoutException as error:
            self._silent_until = time.monotonic() + _PROBE_SECONDS
            raise OnlineFeaturesUnavailableError("the feature server did not answer in time") from error
        except httpx.TransportError:
            pass
        # A kept connection is dead after the server was restarted; a fresh one is tried once.
        try:
            return await self._post(body)
        except httpx.TransportError as error:
            raise OnlineFeaturesUnavailableError("the feature server cannot be reached") from error

    async def _post(self, body: dict[str, Any]) -> httpx.Response:
        return await self._client.post("/get-online-features", json=body)
