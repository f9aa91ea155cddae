"""Callers of a service, for demonstrations: they ask for generated trips, and tell later how long these took.

``python -m serving.release.callers --rate 40``: asks until it is told to stop (SIGTERM, SIGINT), then prints one JSON
line: how many requests were asked, answered by which version, and failed, with the first failures.
"""

import argparse
import asyncio
import json
import signal
import sys
import uuid
from collections import Counter, deque
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import polars as pl

from components import contract
from components.platform import Platform
from components.trips import synthetic
from components.trips.rides import SECONDS, rides
from serving.trips import REQUEST_COLUMNS

# Trips that are on the road at a time: the labels come that much later than the predictions.
_ON_THE_ROAD = 50
_ROWS = 200_000
# The online features tell of the last hour of the data, which end at midnight. For trips of the rush hour they are
# wrong, and mislead a model the more, the more it has learned from them.
_HOURS = (22, 23, 0, 1)


def asked_for(seed: int) -> Iterator[tuple[dict[str, Any], float]]:
    """Trips around midnight as a caller asks for them, with the seconds that each took in the end, without end."""
    for city in count(seed):
        for batch in synthetic.trips(_ROWS, seed=city):
            yield from _around_midnight(rides(batch))


def _around_midnight(trips: pl.DataFrame) -> Iterator[tuple[dict[str, Any], float]]:
    for part in trips.filter(pl.col(contract.PICKUP_TIME).dt.hour().is_in(_HOURS)).iter_slices(1000):
        for trip in part.to_dicts():
            asked = {name: trip[name] for name in REQUEST_COLUMNS}
            yield asked | {contract.PICKUP_TIME: trip[contract.PICKUP_TIME].isoformat()}, trip[SECONDS]


class Callers:
    """Ask a service at a rate.

    Attributes:
        asked: Requests that were sent.
        answered: Answers by model version.
        failures: What went wrong, of each request that got no good answer.
    """

    def __init__(self, url: str, rate: float) -> None:
        self.asked = 0
        self.answered: Counter[str] = Counter()
        self.failures: list[str] = []
        self._url, self._rate = url, rate
        self._road: deque[dict[str, Any]] = deque()
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Send no more, and end once what was sent is answered."""
        self._stop.set()

    async def run(self, seed: int) -> dict[str, Any]:
        """Ask until told to stop; returns what came of it."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        async with (
            httpx.AsyncClient(base_url=self._url, timeout=30, trust_env=False) as client,
            asyncio.TaskGroup() as calls,
        ):
            for trip, seconds in asked_for(seed):
                if self._stop.is_set():
                    break
                calls.create_task(self._call(client, trip, seconds))
                due += 1 / self._rate
                await asyncio.sleep(max(0.0, due - loop.time()))
        return {"asked": self.asked, "answered": dict(self.answered), "failed": len(self.failures)} | {
            "first_failures": self.failures[:5]
        }

    async def _call(self, client: httpx.AsyncClient, trip: dict[str, Any], seconds: float) -> None:
        self.asked += 1
        request = uuid.uuid4().hex
        try:
            answer = await client.post("/predict", json=trip, headers={"X-Request-ID": request})
        except httpx.HTTPError as error:
            self.failures.append(f"{type(error).__name__}: {error}")
            return
        if answer.is_error:
            self.failures.append(f"{answer.status_code}: {answer.text[:200]}")
            return
        self.answered[answer.json()["model_version"]] += 1
        self._road.append({"request_id": request, contract.TARGET: seconds})
        if len(self._road) >= 2 * _ON_THE_ROAD:
            await self._tell(client, [self._road.popleft() for _ in range(_ON_THE_ROAD)])

    async def _tell(self, client: httpx.AsyncClient, ended: list[dict[str, Any]]) -> None:
        try:
            (await client.post("/outcomes", json=ended)).raise_for_status()
        except httpx.HTTPError as error:
            self.failures.append(f"outcomes: {type(error).__name__}: {error}")


async def _until_stopped(url: str, rate: float, seed: int) -> dict[str, Any]:
    callers = Callers(url, rate)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, callers.stop)
    return await callers.run(seed)


def main(arguments: list[str]) -> None:
    """Ask until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m serving.release.callers", description=__doc__)
    parser.add_argument("--rate", type=float, default=40.0, help="requests per second")
    parser.add_argument("--seed", type=int, default=7, help="of the generated trips")
    given = parser.parse_args(arguments)
    url = Platform().serving_url  # pyright: ignore[reportCallIssue]
    print(json.dumps(asyncio.run(_until_stopped(url, given.rate, given.seed))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
