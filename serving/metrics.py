"""What the service counts. Labels hold no zones, times, addresses or request ids: nothing about a person."""

import os
from functools import lru_cache

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector

from serving.settings import ServingSettings

# Each value asks for the process's id whenever it is counted, a call into the system that costs more than all the rest.
# A worker is started anew and not forked, so its id does not change.
if values.ValueClass is not values.MutexValue:
    values.ValueClass = values.MultiProcessValue(process_identifier=lru_cache(os.getpid))

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_VARIANT = ["variant", "model_version"]

REQUESTS = Counter("keelson_serving_requests", "Answers of the prediction endpoint", ["status"])
REQUEST_SECONDS = Histogram(
    "keelson_serving_request_seconds", "From the request's head to its answer", ["variant"], buckets=_SECONDS
)
FEATURE_SECONDS = Histogram("keelson_serving_feature_seconds", "Reading online features", buckets=_SECONDS)
MISSING_FEATURES = Counter("keelson_serving_missing_features", "Online features that were null or unknown")
DEGRADED = Counter("keelson_serving_degraded_predictions", "Trips predicted without online features")
PREDICTIONS = Counter("keelson_serving_predictions", "Predicted trips that were answered", _VARIANT)
SHADOW_PREDICTIONS = Counter("keelson_serving_shadow_predictions", "Predictions for the log alone", ["model_version"])
VARIANT_ERRORS = Counter("keelson_serving_variant_errors", "Requests that a model failed on", _VARIANT)
OUTCOMES = Counter("keelson_serving_outcomes", "Trips whose duration was told after they had ended")
LOG_FAILURES = Counter("keelson_serving_log_failures", "Requests whose predictions could not be logged")


def predicted(variant: str, version: str, trips: int) -> None:
    """Count the trips that a variant predicted for an answer."""
    _predictions(variant, version).inc(trips)


def answered(status: int, variant: str, seconds: float) -> None:
    """Count an answer by its HTTP status, and the seconds until it by the variant that predicted."""
    _requests(status).inc()
    _request_seconds(variant).observe(seconds)


# Looking a label up costs as much as counting.
@lru_cache(maxsize=64)
def _predictions(variant: str, version: str) -> Counter:
    return PREDICTIONS.labels(variant, version)


@lru_cache(maxsize=64)
def _requests(status: int) -> Counter:
    return REQUESTS.labels(str(status))


@lru_cache(maxsize=8)
def _request_seconds(variant: str) -> Histogram:
    return REQUEST_SECONDS.labels(variant)


def exposition(settings: ServingSettings) -> bytes:
    """All metrics in Prometheus' text format, added up over the workers where there are several."""
    if settings.metrics_folder is None:
        return generate_latest(REGISTRY)
    everyone = CollectorRegistry()
    MultiProcessCollector(everyone, path=str(settings.metrics_folder))
    return generate_latest(everyone)
