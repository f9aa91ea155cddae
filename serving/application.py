"""The HTTP face of a bundle: a small ASGI application that BentoML serves.

It is mounted into the BentoML service instead of being one of its API methods, because only so the
caller gets exact answers: 422 that names the field, 415 for anything but JSON, 413 before a large
body is read. BentoML's own methods answer 400 or 500 there, and cost several times as much per request.
"""

import logging
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from components import contract
from serving import metrics
from serving.online_features import OnlineFeaturesUnavailableError
from serving.openapi import document
from serving.settings import ServingSettings
from serving.trips import InvalidTripsError, NotJsonError, parse_trips

if TYPE_CHECKING:
    from serving.prediction import Predictor

MAX_BODY_BYTES = 512 * 1024
REQUEST_ID_HEADER = "X-Request-ID"

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = logging.getLogger("bentoml.keelson")

Opening = Callable[[ServingSettings], AbstractAsyncContextManager["Predictor"]]


class Refusal(Exception):
    """A request that gets no prediction.

    Args:
        status: HTTP status.
        error: One sentence for the caller: what is wrong and what is allowed.
        detail: Problems by field, where there are some.
    """

    def __init__(self, status: int, error: str, detail: list[dict[str, str]] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.detail = status, error, detail


def create_application(opening: Opening) -> Starlette:
    """The application; ``opening`` is entered when a worker starts and left when it stops."""

    @asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncIterator[None]:
        settings = ServingSettings()  # pyright: ignore[reportCallIssue]
        application.state.settings = settings
        async with opening(settings) as application.state.predictor:
            yield

    routes = [
        Route("/predict", predict, methods=["POST"]),
        Route("/metrics", show_metrics),
        Route("/openapi.json", show_document),
        # BentoML's own pages: the first loads a tracker from another site, the second does not know /predict.
        Route("/", lambda _: RedirectResponse("/openapi.json")),
        Route("/docs.json", show_document),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def predict(request: Request) -> Response:
    """``POST /predict``: see ``serving.openapi`` for what goes in and out."""
    content: dict[str, Any]
    started = time.perf_counter()
    request_id = _request_id(request.headers.get(REQUEST_ID_HEADER))
    try:
        status, content = 200, await _predicted(request)
    except Refusal as refusal:
        status, content = refusal.status, {"error": refusal.error}
        if refusal.detail is not None:
            content["detail"] = refusal.detail
    except Exception:
        # The traceback goes to the log; neither it nor the request goes to the caller.
        _log.exception("request %s failed", request_id)
        status, content = 500, {"error": "The prediction failed; the service's log has the request id."}
    metrics.REQUESTS.labels(str(status)).inc()
    metrics.REQUEST_SECONDS.observe(time.perf_counter() - started)
    headers = {REQUEST_ID_HEADER: request_id}
    if status == 503:
        headers["Retry-After"] = "1"
    return JSONResponse({"request_id": request_id, **content}, status, headers)


async def show_metrics(request: Request) -> Response:
    """``GET /metrics``."""
    return Response(metrics.exposition(request.app.state.settings), media_type="text/plain; version=0.0.4")


async def show_document(_: Request) -> Response:
    """``GET /openapi.json``."""
    return JSONResponse(document())


async def _predicted(request: Request) -> dict[str, Any]:
    """The answer to a good request.

    Raises:
        Refusal: The request is not good, or the online store cannot be read.
    """
    body = await _json_body(request)
    try:
        trips = parse_trips(body)
    except NotJsonError as error:
        raise Refusal(400, str(error)) from None
    except InvalidTripsError as error:
        raise Refusal(422, "The trips do not fit the schema.", error.problems) from None
    predictor: Predictor = request.app.state.predictor
    try:
        durations = await predictor.predict(trips)
    except OnlineFeaturesUnavailableError as error:
        _log.warning("no prediction: %s", error)
        raise Refusal(503, f"No features: {error}.") from None
    manifest = predictor.manifest
    metrics.PREDICTIONS.labels(manifest.provenance.model_version).inc(len(durations))
    return {
        "model_version": manifest.provenance.model_version,
        "bundle": manifest.tag,
        "predictions": [{contract.TARGET: duration} for duration in durations],
    }


async def _json_body(request: Request) -> bytes:
    """The body, of at most ``MAX_BODY_BYTES``.

    Raises:
        Refusal: The body is not declared as JSON, too large, or ended early.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, "Only application/json is accepted; set the Content-Type header.")
    too_large = Refusal(413, f"The body is larger than {MAX_BODY_BYTES} bytes; send fewer trips at once.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 15 or int(declared) > MAX_BODY_BYTES):
        raise too_large
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise too_large
    except ClientDisconnect:
        raise Refusal(400, "The body ended early.") from None
    return bytes(body)


def _request_id(given: str | None) -> str:
    """The caller's id if it is safe to repeat, else a new one."""
    return given if given is not None and _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
