"""The HTTP face of a bundle: a small ASGI application that BentoML serves.

It is mounted into the BentoML service instead of being one of its API methods, because only so the
caller gets exact answers: 422 that names the field, 415 for anything but JSON, 413 before a large
body is read. BentoML's own methods answer 400 or 500 there, and cost several times as much per request.
"""

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from serving import described, metrics
from serving.admission import Admission, FullError
from serving.online_features import OnlineFeaturesUnavailableError
from serving.openapi import document
from serving.outcomes import OutcomeLog, parse_outcomes
from serving.received import REQUEST_ID, ROUTING_KEY, Headers, Refusal, json_body, request_id, wants_explanation
from serving.settings import ServingSettings
from serving.trips import InvalidTripsError, NotJsonError, parse_trips

if TYPE_CHECKING:
    from serving.prediction import Answer, Predictor

PREDICT = "/predict"
# The variant of a request that was not answered by a model.
NOBODY = "none"

_log = logging.getLogger("bentoml.keelson")

Opening = Callable[[ServingSettings], AbstractAsyncContextManager["Predictor"]]


class Application(Starlette):
    """The routes of a bundle.

    Predictions go past Starlette's request, routing and response objects: these cost as much as validating the trip,
    computing its features and asking the model together.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if asks_for_prediction(scope):
            await self.predict(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def predict(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``POST /predict``: see ``serving.openapi`` for what goes in and out."""
        started = time.perf_counter()
        headers: Headers = dict(scope["headers"])
        identity = request_id(headers)
        answer: Answer | None = None
        content: dict[str, Any]
        try:
            answer = await self._answered(scope, headers, identity, receive)
            status, content = 200, described.answer(self.state.predictor, answer)
        except Refusal as refusal:
            status, content = refusal.status, refusal.content()
        except Exception:
            # The traceback goes to the log; neither it nor the request goes to the caller.
            _log.exception("a request failed", extra={"request": identity})
            status, content = 500, {"error": "The prediction failed; the service's log has the request id."}
        body = to_json({"request_id": identity, **content})
        metrics.answered(status, answer.assignment.variant if answer else NOBODY, time.perf_counter() - started)
        await send({"type": "http.response.start", "status": status, "headers": _head(status, identity, body)})
        await send({"type": "http.response.body", "body": body})
        if answer is not None and answer.assignment.shadow is not None:
            await self.state.predictor.shadow(answer)

    async def _answered(self, scope: Scope, headers: Headers, identity: str, receive: Receive) -> "Answer":
        """The answer to a good request.

        Raises:
            Refusal: The request is not good, comes when too many do, or the online store cannot be read.
        """
        admission: Admission = self.state.admission
        predictor: Predictor = self.state.predictor
        body = await json_body(headers, receive)
        try:
            admission.enter()
        except FullError as error:
            raise Refusal(503, f"{error}.") from None
        try:
            trips = parse_trips(body)
            explain = wants_explanation(scope["query_string"], len(trips))
            key = headers.get(ROUTING_KEY, identity.encode()).decode("latin-1")
            return await predictor.predict(trips, request_id=identity, key=key, explain=explain)
        except (NotJsonError, InvalidTripsError) as error:
            raise refused(error) from None
        except OnlineFeaturesUnavailableError as error:
            _log.warning("no prediction: %s", error, extra={"request": identity})
            raise Refusal(503, f"No features: {error}.") from None
        finally:
            admission.leave()


class Shortcut:
    """An ASGI application that takes predictions before another one, with all its layers, is asked.

    BentoML's timeout, tracing, request context, error pages and routes are for its own API methods. Together they cost
    more than all that a prediction needs, and the application has its own limits of time and answers for errors.
    """

    def __init__(self, app: ASGIApp, application: Application) -> None:
        self._app, self._application = app, application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if asks_for_prediction(scope):
            await self._application.predict(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def asks_for_prediction(scope: Scope) -> bool:
    """Whether this is ``POST /predict``; BentoML mounts the application at the root, so the path is as it was sent."""
    return scope["type"] == "http" and scope["path"] == PREDICT and scope["method"] == "POST"


def create_application(opening: Opening) -> Application:
    """The application; ``opening`` is entered when a worker starts and left when it stops."""

    @asynccontextmanager
    async def lifespan(application: Starlette) -> AsyncIterator[None]:
        settings = ServingSettings()  # pyright: ignore[reportCallIssue]
        application.state.settings = settings
        application.state.admission = Admission()
        async with opening(settings) as application.state.predictor:
            yield

    routes = [
        Route("/outcomes", take_outcomes, methods=["POST"]),
        # GET and the like are answered 405 by the router; POST never comes here.
        Route(PREDICT, show_document, methods=["POST"]),
        Route("/model", show_model),
        Route("/metrics", show_metrics),
        Route("/openapi.json", show_document),
        # BentoML's own pages: the first loads a tracker from another site, the second does not know /predict.
        Route("/", lambda _: RedirectResponse("/openapi.json")),
        Route("/docs.json", show_document),
    ]
    return Application(routes=routes, lifespan=lifespan)


async def show_model(request: Request) -> Response:
    """``GET /model``: what is served, and since when."""
    return JSONResponse(described.served(request.app.state.predictor))


async def take_outcomes(request: Request) -> Response:
    """``POST /outcomes``: see ``serving.outcomes``."""
    log: OutcomeLog | None = request.app.state.predictor.outcomes
    try:
        body = await json_body(dict(request.scope["headers"]), request.receive)
        if log is None:
            raise Refusal(503, "No outcomes are kept here; KEELSON_PREDICTION_LOG names no folder.")
        outcomes = parse_outcomes(body)
        log.write(outcomes)
    except (NotJsonError, InvalidTripsError) as error:
        refusal = refused(error)
        return JSONResponse(refusal.content(), refusal.status)
    except Refusal as refusal:
        return JSONResponse(refusal.content(), refusal.status)
    metrics.OUTCOMES.inc(len(outcomes))
    return JSONResponse({"kept": len(outcomes)}, 202)


async def show_metrics(request: Request) -> Response:
    """``GET /metrics``."""
    return Response(metrics.exposition(request.app.state.settings), media_type="text/plain; version=0.0.4")


async def show_document(_: Request) -> Response:
    """``GET /openapi.json``."""
    return JSONResponse(document())


def refused(error: NotJsonError | InvalidTripsError) -> Refusal:
    """The refusal of a body that is no JSON, or not of the schema."""
    if isinstance(error, NotJsonError):
        return Refusal(400, str(error))
    return Refusal(422, "The body does not fit the schema.", error.problems)


def _head(status: int, identity: str, body: bytes) -> list[tuple[bytes, bytes]]:
    head = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (REQUEST_ID, identity.encode()),
    ]
    if status == 503:
        head.append((b"retry-after", b"1"))
    return head
