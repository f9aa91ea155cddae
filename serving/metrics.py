"""What the service counts. Labels hold no zones, times, addresses or request ids: nothing about a person."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from serving.settings import ServingSettings

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Counter("keelson_serving_requests", "Answers of the prediction endpoint", ["status"])
REQUEST_SECONDS = Histogram(
    "keelson_serving_request_seconds", "From the request's head to its answer", buckets=_SECONDS
)
FEATURE_SECONDS = Histogram("keelson_serving_feature_seconds", "Reading online features", buckets=_SECONDS)
MISSING_FEATURES = Counter("keelson_serving_missing_features", "Online features that were null or unknown")
PREDICTIONS = Counter("keelson_serving_predictions", "Predicted trips", ["model_version"])


def exposition(settings: ServingSettings) -> bytes:
    """All metrics in Prometheus' text format, added up over the workers where there are several."""
    if settings.metrics_folder is None:
        return generate_latest(REGISTRY)
    everyone = CollectorRegistry()
    MultiProcessCollector(everyone, path=str(settings.metrics_folder))
    return generate_latest(everyone)
