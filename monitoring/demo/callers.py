"""``python -m monitoring.demo.callers``: a city's riders on a faster clock, for demonstrations and tests.

Each trip is asked for when it begins, by the monitor's clock; when it has ended its duration is told as an outcome, and
its record reaches the feature store at the stroke of the hour, as a city's records would. Asks until it is told to
stop (SIGTERM, SIGINT), then prints one JSON line: how many requests were asked and answered by which version, and what
failed.
"""

import argparse
import asyncio
import json
import signal
import sys
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import polars as pl

from components import contract
from components.features.push import push
from components.platform import Platform
from components.served.tables import TRIP
from components.served.trips import RECORDED
from components.trips.rides import SECONDS
from components.trips.synthetic import Regime
from monitoring.clock import Clock
from monitoring.demo.city import Hop, hops, live_trips
from monitoring.settings import MonitoringSettings

_STEP = timedelta(minutes=5)
_ASKED = (*TRIP, contract.DISTANCE, contract.PASSENGERS)
_NUMBER = "number"
_NEW_YORK = ZoneInfo("America/New_York")
# Outcomes that one request may tell.
_MOST_OUTCOMES = 500


class Callers:
    """Ask a service for a city's trips.

    Attributes:
        asked: Requests that were sent; each has the trips of five minutes.
        answered: Requests by the model version that answered.
        failures: What went wrong, of each request that got no good answer.
    """

    def __init__(self, platform: Platform, clock: Clock) -> None:
        self.asked = 0
        self.answered: Counter[str] = Counter()
        self.failures: list[str] = []
        self._platform, self._clock = platform, clock
        # By the trip's number: request and place in it.
        self._answers: dict[int, tuple[str, int]] = {}
        self._ended: list[pl.DataFrame] = []
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Send no more, and end once what was sent is answered."""
        self._stop.set()

    async def run(self, trips: pl.DataFrame, start: datetime) -> dict[str, Any]:
        """Ask for trips, as from ``live_trips``, from a time of the clock on; returns what came of it."""
        async with httpx.AsyncClient(base_url=self._platform.serving_url, timeout=30, trust_env=False) as client:
            for hop in hops(trips.with_row_index(_NUMBER), start, _STEP):
                await self._until(hop.at)
                if self._stop.is_set():
                    break
                await self._ask(client, hop)
                if hop.at.minute == 0:
                    await self._tell(client, hop.at)
        return {"asked": self.asked, "answered": dict(self.answered), "failed": len(self.failures)} | {
            "first_failures": self.failures[:5]
        }

    async def _until(self, told: datetime) -> None:
        left = (self._clock.real(told) - datetime.now(UTC)).total_seconds()
        if left > 0:
            try:
                await asyncio.wait_for(self._stop.wait(), left)
            except TimeoutError:
                return

    async def _ask(self, client: httpx.AsyncClient, hop: Hop) -> None:
        self._ended.append(hop.ended)
        if hop.began.is_empty():
            return
        request, trips = uuid.uuid4().hex, hop.began.select(_ASKED).to_dicts()
        body = [trip | {contract.PICKUP_TIME: trip[contract.PICKUP_TIME].isoformat()} for trip in trips]
        answer = await self._post(client, "/predict", body, {"X-Request-ID": request})
        if answer is not None:
            self.answered[answer["model_version"]] += 1
            self._answers |= {number: (request, place) for place, number in enumerate(hop.began[_NUMBER])}

    async def _tell(self, client: httpx.AsyncClient, until: datetime) -> None:
        """Outcomes of the trips that have ended since, and their records."""
        ended = pl.concat(self._ended)
        self._ended = []
        outcomes = [
            {"request_id": request, "index": index, contract.TARGET: seconds}
            for number, seconds in ended.select(_NUMBER, SECONDS).iter_rows()
            for request, index in [self._answers.pop(number, (None, 0))]
            if request is not None
        ]
        for first in range(0, len(outcomes), _MOST_OUTCOMES):
            await self._post(client, "/outcomes", outcomes[first : first + _MOST_OUTCOMES], {})
        watermark = until.astimezone(_NEW_YORK).replace(tzinfo=UTC)
        await asyncio.to_thread(push, self._platform, ended.select(RECORDED), watermark=watermark)

    async def _post(self, client: httpx.AsyncClient, path: str, body: Any, headers: dict[str, str]) -> Any:
        self.asked += 1
        try:
            answer = await client.post(path, json=body, headers=headers)
        except httpx.HTTPError as error:
            self.failures.append(f"{path}: {type(error).__name__}: {error}")
            return None
        if answer.is_error:
            self.failures.append(f"{path}: {answer.status_code}: {answer.text[:200]}")
            return None
        return answer.json()


async def _until_stopped(rows: int, regime: Regime | None) -> dict[str, Any]:
    platform, settings = Platform(), MonitoringSettings()  # pyright: ignore[reportCallIssue]
    callers = Callers(platform, settings.clock)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, callers.stop)
    return await callers.run(live_trips(rows, regime), settings.clock.shows)


def main(arguments: list[str]) -> None:
    """Ask until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.demo.callers", description=__doc__)
    parser.add_argument("--rows", type=int, required=True, help="of the generated trips that the champion learned from")
    parser.add_argument("--regime", type=Regime, default=None, help="what changes after a week")
    given = parser.parse_args(arguments)
    print(json.dumps(asyncio.run(_until_stopped(given.rows, given.regime))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
