"""From checked trips to seconds: features of the request and of the online store, and the model that is asked."""

import asyncio
import json
import logging
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np

from components import contract
from components.features.request import clock_and_zones
from components.model import Model
from serving import metrics
from serving.manifest import Manifest
from serving.online_features import ONLINE_FEATURES, OnlineFeatures, OnlineFeaturesUnavailableError
from serving.outcomes import OutcomeLog
from serving.prediction_log import Predicted, PredictionLog
from serving.settings import FeatureLookup
from serving.traffic import Assignment, TrafficFile, assign
from serving.trips import EXAMPLE_TRIP, parse_trips

# The columns of a request in the order in which ``_row`` gives them, and where the model wants them.
_ROW = ("hour", "weekday", "is_holiday", "is_airport", contract.DISTANCE, contract.PASSENGERS, *ONLINE_FEATURES)
_in_order = itemgetter(*(_ROW.index(name) for name in contract.MODEL_FEATURES))

_log = logging.getLogger("bentoml.keelson")


def zone_pairs(trips: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """``(pickup zone, drop-off zone)`` of each trip."""
    return [(trip[contract.PICKUP_ZONE], trip[contract.DROPOFF_ZONE]) for trip in trips]


def model_input(trips: Sequence[Mapping[str, Any]], online: np.ndarray) -> np.ndarray:
    """The model's input.

    Args:
        trips: As ``serving.trips.parse_trips`` returns them.
        online: float64 [len(trips), len(ONLINE_FEATURES)].

    Returns:
        float64 [len(trips), len(MODEL_FEATURES)] in the order of ``MODEL_FEATURES``; NaN is missing.
    """
    return np.array([_in_order(_row(trip, stored)) for trip, stored in zip(trips, online.tolist(), strict=True)], float)


def _row(trip: Mapping[str, Any], stored: list[float]) -> tuple[float, ...]:
    asked = clock_and_zones(trip[contract.PICKUP_TIME], trip[contract.PICKUP_ZONE], trip[contract.DROPOFF_ZONE])
    passengers = trip[contract.PASSENGERS]
    return (*asked, trip[contract.DISTANCE], np.nan if passengers is None else passengers, *stored)


@lru_cache(maxsize=1)
def _without(trips: int) -> np.ndarray:
    """Online features that are all missing, float64 [trips, len(ONLINE_FEATURES)]; not to be written to."""
    return np.full((trips, len(ONLINE_FEATURES)), np.nan)


class Answer(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What came of a request.

    Attributes:
        request_id: Of the request.
        assignment: Who predicted.
        trips: As asked.
        features: The model's input, float64 [n, len(MODEL_FEATURES)].
        seconds: Predictions.
        degraded: Whether online features were left out because they could not be read.
        contributions: float64 [n, len(MODEL_FEATURES) + 1] where they were asked for; see ``Model.contributions``.
    """

    request_id: str
    assignment: Assignment
    trips: Sequence[Mapping[str, Any]]
    features: np.ndarray
    seconds: list[float]
    degraded: bool
    contributions: np.ndarray | None = None


class Predictor:
    """One bundle's models, with their online features.

    Attributes:
        manifest: What the bundle says about itself.
        models: The bundle's models by version.
        traffic: Which of them answers.
        outcomes: Where labels are kept, or None.
        opened: When the worker opened the bundle, seconds since the epoch.
    """

    def __init__(
        self,
        manifest: Manifest,
        models: Mapping[str, Model],
        online: OnlineFeatures,
        *,
        traffic: TrafficFile,
        lookup: FeatureLookup = FeatureLookup.REQUIRED,
        log: PredictionLog | None = None,
        outcomes: OutcomeLog | None = None,
    ) -> None:
        self.manifest, self.models, self.traffic = manifest, models, traffic
        self.opened = time.time()
        self._online, self._lookup, self._journal, self.outcomes = online, lookup, log, outcomes

    async def predict(
        self, trips: Sequence[Mapping[str, Any]], *, request_id: str, key: str, explain: bool = False
    ) -> Answer:
        """Predict for one request by the variant that it is assigned to, and log it.

        Args:
            trips: As ``parse_trips`` returns them.
            request_id: Noted in the log.
            key: What the assignment sticks to.
            explain: Whether contributions are wanted.

        Raises:
            OnlineFeaturesUnavailableError: The online store could not be read, and the settings do not do without it.
        """
        online, degraded = await self._features(trips, request_id)
        features = model_input(trips, online)
        assignment = assign(self.traffic.current, key)
        started = time.perf_counter()
        try:
            seconds = self._seconds(assignment.version, features)
        except Exception:
            if assignment.variant == contract.CHAMPION:
                raise
            # The caller is not to suffer from what is only tried, and the log is told by the shadow that it failed.
            failed, champion = assignment.version, self.traffic.current.champion
            assignment = Assignment(champion, contract.CHAMPION, shadow=failed)
            seconds = self._seconds(champion, features)
        elapsed = time.perf_counter() - started
        model = self.models[assignment.version]
        answer = Answer(
            request_id=request_id,
            assignment=assignment,
            trips=trips,
            features=features,
            seconds=seconds,
            degraded=degraded,
            contributions=model.contributions(features) if explain else None,
        )
        metrics.predicted(assignment.variant, assignment.version, len(seconds))
        await self._note(answer, assignment.variant, "answer", assignment.version, seconds, elapsed)
        return answer

    async def shadow(self, answer: Answer) -> None:
        """Let the other variant predict for the log alone what was answered already; its failures touch nobody."""
        version, variant = answer.assignment.shadow, answer.assignment.shadow_variant
        if version is None:
            return
        started = time.perf_counter()
        seconds: list[float] | list[None]
        try:
            seconds = self._seconds(version, answer.features)
        except Exception:
            self._failed(variant, version, answer.request_id)
            seconds = [None] * len(answer.trips)
        else:
            metrics.SHADOW_PREDICTIONS.labels(version).inc(len(seconds))
        await self._note(answer, variant, "shadow", version, seconds, time.perf_counter() - started)

    async def check_ready(self) -> None:
        """Return if a request could be answered now.

        Raises:
            OnlineFeaturesUnavailableError: The online store could not be read, and the settings do not do without it.
        """
        if self._lookup is FeatureLookup.REQUIRED:
            await self._online.check()

    def warm_up(self) -> None:
        """Predict once by each model without online features, so that no caller pays for lazy loading."""
        trips = parse_trips(json.dumps(EXAMPLE_TRIP).encode())
        for model in self.models.values():
            model.predict(model_input(trips, _without(1)))

    async def _features(self, trips: Sequence[Mapping[str, Any]], request_id: str) -> tuple[np.ndarray, bool]:
        """Online features, and whether they had to be left out."""
        if self._lookup is not FeatureLookup.OFF:
            try:
                with metrics.FEATURE_SECONDS.time():
                    online = await self._online.read(zone_pairs(trips))
            except OnlineFeaturesUnavailableError as error:
                if self._lookup is FeatureLookup.REQUIRED:
                    raise
                _log.warning("predicting without online features: %s", error, extra={"request": request_id})
            else:
                missing = int(np.isnan(online).sum())
                if missing:
                    metrics.MISSING_FEATURES.inc(missing)
                return online, False
        metrics.DEGRADED.inc(len(trips))
        return _without(len(trips)), True

    def _seconds(self, version: str, features: np.ndarray) -> list[float]:
        return self.models[version].predict(features).tolist()

    def _failed(self, variant: str, version: str, request_id: str) -> None:
        metrics.VARIANT_ERRORS.labels(variant, version).inc()
        _log.exception("model version %s did not predict", version, extra={"request": request_id})

    async def _note(
        self,
        answer: Answer,
        variant: str,
        role: str,
        version: str,
        seconds: Sequence[float | None],
        elapsed: float,
    ) -> None:
        if self._journal is None:
            # A turn for requests that arrived with this one (``serving.admission``); a write is waited for as long.
            await asyncio.sleep(0)
            return
        try:
            self._journal.write(
                Predicted(
                    request_id=answer.request_id,
                    variant=variant,
                    role=role,
                    model_version=version,
                    trips=answer.trips,
                    features=answer.features,
                    seconds=seconds,
                    milliseconds=elapsed * 1e3,
                    degraded=answer.degraded,
                )
            )
            await self._journal.written()
        except OSError:
            # A full disk is no reason to leave callers without an answer; an alert looks at the count.
            metrics.LOG_FAILURES.inc()
            _log.exception("a prediction was not logged", extra={"request": answer.request_id})
