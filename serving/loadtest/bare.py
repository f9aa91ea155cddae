"""The least that a server of a model must do: uvicorn, an ASGI callable, the standard library's JSON.

The benchmark compares the service with it. Nothing is checked, logged or counted here, and the features that follow
from the request alone are sent ready-made.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from components.families.lightgbm import lightgbm
from components.model import Model, load_model, to_seconds
from serving.online_features import OnlineFeatures

MODEL_VARIABLE, FEATURE_SERVER_VARIABLE = "KEELSON_BENCH_MODEL", "KEELSON_FEAST_SERVER_URL"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class BareSettings(BaseSettings):
    """What the benchmark tells the servers that it compares with.

    Attributes:
        model: Folder of the model.
        feature_server: Address of the feature server, for those that look features up.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    model: Path = Field(validation_alias=MODEL_VARIABLE)
    feature_server: str = Field(default="", validation_alias=FEATURE_SERVER_VARIABLE)


def without_lookup() -> Application:
    """``{"features": [...]}`` holds all of MODEL_FEATURES; the answer is ``{"seconds": ...}``."""
    model = load_model(BareSettings().model)  # pyright: ignore[reportCallIssue]

    async def predict(given: dict[str, Any]) -> float:
        return _predicted(model, given["features"])

    return _application(predict)


def as_published() -> Application:
    """``without_lookup`` with LightGBM's own ``Booster.predict``, as published comparisons of servers have it."""
    booster = lightgbm().Booster(model_file=str(BareSettings().model / "model.txt"))  # pyright: ignore[reportCallIssue]

    async def predict(given: dict[str, Any]) -> float:
        return float(to_seconds(booster.predict(np.array([given["features"]], dtype=np.float64), num_threads=1))[0])

    return _application(predict)


def with_lookup() -> Application:
    """``{"zones": [pick-up, drop-off], "features": [...]}`` holds REQUEST_FEATURES; the others are looked up."""
    settings = BareSettings()  # pyright: ignore[reportCallIssue]
    model, online = load_model(settings.model), OnlineFeatures(settings.feature_server)

    async def predict(given: dict[str, Any]) -> float:
        pickup, dropoff = given["zones"]
        found = await online.read([(pickup, dropoff)])
        return _predicted(model, [*given["features"], *found[0]])

    return _application(predict)


def _predicted(model: Model, features: list[float]) -> float:
    return float(model.predict(np.array([features], dtype=np.float64))[0])


def _application(predict: Callable[[dict[str, Any]], Awaitable[float]]) -> Application:
    async def answer(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await _live(receive, send)
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        said = json.dumps({"seconds": await predict(json.loads(body))}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(said))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        return await send({"type": "http.response.body", "body": said})

    return answer


async def _live(receive: Receive, send: Send) -> None:
    """ASGI's lifespan protocol, with nothing to do at either end."""
    while True:
        stage = (await receive())["type"]
        await send({"type": f"{stage}.complete"})
        if stage == "lifespan.shutdown":
            return
