"""Run by ``serving.check`` inside a bundle's own environment: asks the bundle's own application, prints what it finds.

All that is imported here but the standard library comes from the bundle and from the packages that it pins.
"""

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import psutil

from components import contract
from components.model import Model, to_seconds
from serving.online_features import ONLINE_FEATURES
from serving.prediction import model_input
from serving.received import MAX_BODY_BYTES
from serving.service import APPLICATION
from serving.trips import EXAMPLE_TRIP, MAX_TRIPS, parse_trips

WARM_UPS, REPEATS = 30, 300
# Zones that the stand-in of the feature server knows nothing of, or has only nulls or the largest number of.
UNKNOWN_ZONE, NULL_ZONE, HUGE_ZONE = 265, 264, 263

_JSON = {"Content-Type": "application/json"}


def good_requests() -> dict[str, list[dict[str, Any]]]:
    """Trips within the contract by a name of what is special about them."""
    columns = {column.name: column for column in contract.COLUMNS}

    def limits(name: str) -> list[dict[str, Any]]:
        return [EXAMPLE_TRIP | {name: limit} for limit in (columns[name].minimum, columns[name].maximum)]

    times = ("2000-01-01T00:00:00", "2100-12-31T23:59:59", "2026-03-08T02:30:00", "2026-07-04T12:00:00+02:00")
    zones = (UNKNOWN_ZONE, NULL_ZONE, HUGE_ZONE, *contract.AIRPORT_ZONES)
    return {
        "the example": [EXAMPLE_TRIP],
        "each hour": [EXAMPLE_TRIP | {contract.PICKUP_TIME: f"2026-01-15T{hour:02}:00:00"} for hour in range(24)],
        "the least and the greatest distance": limits(contract.DISTANCE),
        "the fewest and the most passengers": limits(contract.PASSENGERS),
        "unknown passengers": [EXAMPLE_TRIP | {contract.PASSENGERS: None}],
        "the first and the last zone": limits(contract.PICKUP_ZONE) + limits(contract.DROPOFF_ZONE),
        "special times": [EXAMPLE_TRIP | {contract.PICKUP_TIME: moment} for moment in times],
        "special zones": [EXAMPLE_TRIP | {contract.PICKUP_ZONE: zone} for zone in zones],
        "as many trips as are allowed": [EXAMPLE_TRIP] * MAX_TRIPS,
    }


def bad_requests() -> dict[str, bytes]:
    """Bodies that must be refused, by name."""

    def with_distance(text: str) -> bytes:
        return json.dumps(EXAMPLE_TRIP | {contract.DISTANCE: "@"}).replace('"@"', text).encode()

    changed = {
        "an empty trip": {},
        "a null": None,
        "no trips": [],
        "too many trips": [EXAMPLE_TRIP] * (MAX_TRIPS + 1),
        "a list of lists": [[EXAMPLE_TRIP]],
        "a field too many": EXAMPLE_TRIP | {"fare": 1},
        "a zone that is text": EXAMPLE_TRIP | {contract.PICKUP_ZONE: "132"},
        "a zone that is none": EXAMPLE_TRIP | {contract.PICKUP_ZONE: 2**70},
        "a time that is none": EXAMPLE_TRIP | {contract.PICKUP_TIME: "soon"},
    }
    distances = ("NaN", "Infinity", "-Infinity", "1e400", "-1", "9" * 400, "null", "true")
    return {
        "an empty body": b"",
        "half a body": json.dumps(EXAMPLE_TRIP).encode()[:-1],
        "bytes that are no text": b"\xff\xfe\x00",
        "deep nesting": b"[" * 5_000,
        "a body that is too large": b" " * (MAX_BODY_BYTES + 1),
        **{name: json.dumps(body).encode() for name, body in changed.items()},
        **{f"a distance of {text[:12]}": with_distance(text) for text in distances},
    }


def hostile_rows() -> dict[str, np.ndarray]:
    """What no trip should be, as model input by name: float64 of shape [n, len(MODEL_FEATURES)]."""
    width = len(contract.MODEL_FEATURES)
    return {
        "missing values": np.full((1, width), np.nan),
        "zeros": np.zeros((1, width)),
        "negative values": np.full((1, width), -1.0),
        "the largest values": np.full((1, width), np.finfo(np.float64).max),
        "infinite values": np.array([[np.inf] * width, [-np.inf] * width]),
        "no rows": np.empty((0, width)),
    }


def wrong_shapes() -> dict[str, tuple[int, ...]]:
    """Shapes that are not [n, len(MODEL_FEATURES)], by name."""
    width = len(contract.MODEL_FEATURES)
    return {"a value too many": (1, width + 1), "a value too few": (1, width - 1), "a single row": (width,)}


def model_failures(model: Model) -> dict[str, str]:
    """What the model makes of hostile rows, where that is wrong, by name."""
    found = {}
    for name, rows in hostile_rows().items():
        try:
            wrong = _wrong_predictions(model.predict(rows), len(rows))
        except Exception as error:
            wrong = f"raised {_said(error)}"
        if wrong:
            found[name] = wrong
    for name, shape in wrong_shapes().items():
        try:
            model.predict(np.zeros(shape))
        except ValueError:
            continue
        except Exception as error:
            found[name] = f"raised {_said(error)}, not ValueError"
        else:
            found[name] = "was not refused"
    return found


def contribution_failures(model: Model) -> dict[str, str]:
    """What is wrong with the contributions of features to predictions, if anything is."""
    rows = np.vstack([np.full((1, len(contract.MODEL_FEATURES)), 10.0), *hostile_rows().values()])
    try:
        added, predicted = model.contributions(rows), model.predict(rows)
    except Exception as error:
        return {"contributions": f"raised {_said(error)}"}
    if added.shape != (len(rows), len(contract.MODEL_FEATURES) + 1):
        return {"contributions": f"{len(rows)} rows gave contributions of shape {list(added.shape)}"}
    # Families hold numbers as float32 at the least.
    if not np.allclose(to_seconds(added.sum(axis=1)), predicted, rtol=1e-3):
        return {"contributions": f"do not add up to the predictions {predicted.tolist()}"}
    return {}


async def request_failures(client: httpx.AsyncClient) -> dict[str, str]:
    """What the application answers wrongly, by name of the request."""
    found = {}
    for name, trips in good_requests().items():
        answer = await client.post("/predict", content=json.dumps(trips), headers=_JSON)
        if answer.status_code != 200:
            found[name] = f"answered {answer.status_code}: {answer.text[:200]}"
            continue
        predicted = [prediction[contract.TARGET] for prediction in answer.json()["predictions"]]
        wrong = _wrong_predictions(np.array(predicted), len(trips))
        if wrong:
            found[name] = wrong
    for name, body in bad_requests().items():
        answer = await client.post("/predict", content=body, headers=_JSON)
        if not 400 <= answer.status_code < 500:
            found[name] = f"answered {answer.status_code}, not a refusal"
    return found


def milliseconds(model: Model) -> list[float]:
    """Processor milliseconds of one trip from its body to its prediction, without reading features; many times."""
    body = json.dumps(EXAMPLE_TRIP).encode()
    online = np.full((1, len(ONLINE_FEATURES)), 10.0)
    times = []
    for _ in range(WARM_UPS + REPEATS):
        # Processor time: how busy the machine is with something else says nothing about the model.
        started = time.process_time()
        model.predict(model_input(parse_trips(body), online)).tolist()
        times.append((time.process_time() - started) * 1e3)
    return times[WARM_UPS:]


@asynccontextmanager
async def feature_server() -> AsyncIterator[str]:
    """The address of a stand-in for Feast's feature server."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            entities = json.loads(await reader.readexactly(length))["entities"]
            body = json.dumps(_features(entities)).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _features(entities: dict[str, list[int]]) -> dict[str, Any]:
    """An answer of Feast's feature server."""
    values = {NULL_ZONE: None, UNKNOWN_ZONE: None, HUGE_ZONE: np.finfo(np.float64).max}
    zones = entities[contract.ZONE_KEY]
    column = {
        "values": [values.get(zone, 10.0) for zone in zones],
        "statuses": ["NOT_FOUND" if zone == UNKNOWN_ZONE else "PRESENT" for zone in zones],
    }
    return {"metadata": {"feature_names": list(ONLINE_FEATURES)}, "results": [column] * len(ONLINE_FEATURES)}


def _wrong_predictions(predicted: np.ndarray, rows: int) -> str | None:
    """What is wrong with predictions for some rows, if anything is."""
    if predicted.shape != (rows,):
        return f"{rows} rows gave predictions of shape {list(predicted.shape)}"
    inside = (predicted >= contract.MIN_DURATION_SECONDS) & (predicted <= contract.MAX_DURATION_SECONDS)
    if not inside.all():
        return f"predictions outside the contract's limits of a trip: {predicted[~inside][:3].tolist()}"
    return None


async def probe() -> dict[str, Any]:
    """Open the bundle as the service does, and ask.

    Returns:
        ``failures`` (text by name of what was asked), ``load_seconds`` (from the start of the process to being ready
        to answer), ``median_milliseconds`` and ``p99_milliseconds`` (one trip from its body to its prediction, without
        reading features) and ``resident_megabytes`` (of the process, once it has answered).
    """
    process = psutil.Process()
    async with feature_server() as url:
        os.environ["KEELSON_FEAST_SERVER_URL"] = url
        async with APPLICATION.router.lifespan_context(APPLICATION):
            loaded = time.time() - process.create_time()
            (model,) = APPLICATION.state.predictor.models.values()
            transport = httpx.ASGITransport(APPLICATION, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://bundle") as client:
                failures = await request_failures(client)
            resident = process.memory_info().rss / 1e6
            failures |= model_failures(model) | contribution_failures(model)
            times = milliseconds(model)
    return {
        "failures": failures,
        "load_seconds": loaded,
        "median_milliseconds": statistics.median(times),
        "p99_milliseconds": statistics.quantiles(times, n=100)[-1],
        "resident_megabytes": resident,
    }


def _said(error: BaseException) -> str:
    """An error in one line; of a group of errors the first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}".replace("\n", " ")


def main() -> None:
    """Print what ``probe`` finds as one JSON line, or end with one line that says why it could not."""
    try:
        print(json.dumps(asyncio.run(probe())))
    except Exception as error:
        sys.exit(_said(error))


if __name__ == "__main__":
    main()
