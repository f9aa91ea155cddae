"""The BentoML service: how many workers, which of BentoML's parts are on, and what readiness means.

All behaviour is in ``serving.application``; this module only says how BentoML runs it.
"""

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bentoml
from starlette.exceptions import HTTPException

from components import contract
from components.log_lines import log_as_json
from serving.application import Shortcut, create_application
from serving.manifest import BundleError, BundleIntegrityError, Manifest, Variant
from serving.online_features import OnlineFeatures, OnlineFeaturesUnavailableError
from serving.parent import announce_supervisor, end_with_supervisor
from serving.settings import ServingSettings
from serving.traffic import TrafficFile

if TYPE_CHECKING:
    from components.model import Model
    from serving.prediction import Predictor


# A bundle is unpacked with this file in its folder ``serving``.
_BUNDLE = Path(__file__).resolve().parents[1]


@asynccontextmanager
async def open_bundle(settings: ServingSettings) -> "AsyncIterator[Predictor]":
    """The predictor of the bundle that this file is part of, for as long as the worker lives.

    Raises:
        BundleError: This file is not part of a bundle, or a file of the bundle was changed.
        ModelIntegrityError: A model is not what it says itself, or was made for another contract.
        TrafficError: The traffic policy names a model version that the bundle does not have, or is none.
    """
    # Here and not above: the supervising process imports this module too, but never predicts.
    from serving.outcomes import OutcomeLog
    from serving.prediction import Predictor
    from serving.prediction_log import PredictionLog

    log_as_json()
    manifest = Manifest.read_verified(_BUNDLE)
    models = {variant.model_version: _model(variant) for variant in manifest.variants}
    async with AsyncExitStack() as stack:
        online = await stack.enter_async_context(OnlineFeatures(settings.feast_server_url))
        folder, kept = settings.prediction_log, {}
        if folder is not None:
            kept["log"] = stack.enter_context(PredictionLog(folder, manifest.tag))
            kept["outcomes"] = stack.enter_context(OutcomeLog(folder))
        traffic = TrafficFile(manifest, settings.traffic_file)
        predictor = Predictor(manifest, models, online, traffic=traffic, lookup=settings.feature_lookup, **kept)
        predictor.warm_up()
        # What is there now stays: looking through it again and again would hold requests up.
        gc.collect()
        gc.freeze()
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        watches = [tasks.create_task(traffic.watch())]
        if settings.supervisor:
            watches.append(tasks.create_task(end_with_supervisor(settings.supervisor)))
        yield predictor
        for watch in watches:
            watch.cancel()


def _model(variant: Variant) -> "Model":
    from components.model import load_model

    folder = _BUNDLE / variant.folder
    model = load_model(folder)
    if model.sha256 != variant.model_sha256:
        raise BundleIntegrityError(folder, variant.model_sha256, model.sha256)
    return model


APPLICATION = create_application(open_bundle)


class Service(bentoml.Service[Any]):
    """A service whose predictions go past BentoML's own layers."""

    def to_asgi(self, is_main: bool = True) -> Any:
        """The ASGI application that a worker runs."""
        # Each worker would put together a line for each request that nobody writes.
        logging.getLogger("uvicorn.access").propagate = False
        return Shortcut(super().to_asgi(is_main=is_main), APPLICATION)


# Tracing, BentoML's metrics and its access log are off: together they cost two thirds of the
# throughput, and the application counts for itself. A worker that is killed costs no more than what
# it was answering, because there is a second one.
@bentoml.asgi_app(APPLICATION, path="/")
@bentoml.service(
    name=contract.BUNDLE_NAME,
    service_class=Service,
    workers=2,
    traffic={"timeout": 10},
    metrics={"enabled": False},
    tracing={"excluded_urls": ".*"},
    logging={"access": {"enabled": False}},
)
class TripDuration:
    """Predicts how long a taxi trip takes, as it starts."""

    @bentoml.on_deployment
    def before_the_workers() -> None:  # pyright: ignore[reportSelfClsParameterName]
        """In the supervising process, once: a bundle that was changed does not start."""
        log_as_json()
        try:
            Manifest.read_verified(_BUNDLE)
        except BundleError as error:
            sys.exit(str(error))
        announce_supervisor()

    async def __is_ready__(self) -> bool:
        """True when a request could be answered now; else 503 with the reason."""
        try:
            await APPLICATION.state.predictor.check_ready()
        except OnlineFeaturesUnavailableError as error:
            raise HTTPException(503, f"not ready: {error}") from None
        return True
