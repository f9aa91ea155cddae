"""The requests of a load test: many different trips, the same ones for the same seed."""

import base64
import json
import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from components import contract

TRIPS = 10_000
SEED = 42

_FIRST_DAY = datetime(2026, 1, 1)
_MINUTES = 365 * 24 * 60
# Most trips are short; in miles.
_MEDIAN_DISTANCE, _SPREAD, _LONGEST = 1.8, 0.9, 60.0
_NO_PASSENGERS = 0.05


def trips(count: int = TRIPS, seed: int = SEED) -> list[dict[str, Any]]:
    """Trips within the contract, as bodies of ``POST /predict``.

    Zones are drawn evenly, so that no cache of popular pairs makes the service look faster than it is.
    """
    draw = random.Random(seed)  # noqa: S311
    return [_trip(draw) for _ in range(count)]


def write_targets(url: str, bodies: Iterable[Any], file: Path) -> None:
    """Write what vegeta reads with ``-format=json``: a ``POST`` of each body to ``url``, one JSON object a line."""
    headers = {"Content-Type": ["application/json"]}
    with file.open("w", encoding="ascii") as lines:
        for body in bodies:
            encoded = base64.b64encode(json.dumps(body).encode()).decode()
            line = {"method": "POST", "url": url, "header": headers, "body": encoded}
            lines.write(json.dumps(line) + "\n")


def _trip(draw: random.Random) -> dict[str, Any]:
    passengers = None if draw.random() < _NO_PASSENGERS else draw.randint(1, 6)
    return {
        contract.PICKUP_TIME: (_FIRST_DAY + timedelta(minutes=draw.randrange(_MINUTES))).isoformat(),
        contract.PICKUP_ZONE: draw.randint(contract.FIRST_ZONE, contract.LAST_ZONE),
        contract.DROPOFF_ZONE: draw.randint(contract.FIRST_ZONE, contract.LAST_ZONE),
        contract.DISTANCE: round(min(_MEDIAN_DISTANCE * draw.lognormvariate(0, _SPREAD), _LONGEST), 2),
        contract.PASSENGERS: passengers,
    }
