"""Journals as the service writes them, and a city whose champion has a reference, made once for all tests."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from components import contract
from components.served.tables import ANSWER
from monitoring.bench import replay, worlds
from monitoring.quality import ErrorReference
from monitoring.reference import Reference
from serving.outcomes import Outcome, OutcomeLog
from serving.prediction_log import Predicted, PredictionLog
from serving.trips import EXAMPLE_TRIP

PICKUP = datetime(2026, 1, 15, 8, 30)
# Days 49 to 62 of the city are calm; day 55 is the first that tests take.
FIRST, LAST = 50, 58


def predict(log: PredictionLog, request_id: str, *, trips: int = 1, role: str = ANSWER, seconds: float | None = 60.5):
    features = np.arange(float(trips * len(contract.MODEL_FEATURES))).reshape(trips, -1)
    features[:, -1] = np.nan
    log.write(
        Predicted(
            request_id=request_id,
            variant="champion",
            role=role,
            model_version="9",
            trips=[{**EXAMPLE_TRIP, contract.PICKUP_TIME: PICKUP}] * trips,
            features=features,
            seconds=[seconds] * trips,
            milliseconds=0.25,
            degraded=False,
        )
    )


@pytest.fixture
def journals(tmp_path: Path) -> Path:
    """The folder of the journals; not there yet."""
    return tmp_path / "journals"


@pytest.fixture
def predicted(journals: Path) -> Callable[..., None]:
    """Writes predictions of requests, by a service that then ends; options are those of ``predict``."""

    def write(*requests: str, **options: object) -> None:
        with PredictionLog(journals, "trip_duration:abc") as log:
            for request in requests:
                predict(log, request, **options)  # pyright: ignore[reportArgumentType]

    return write


@pytest.fixture
def told(journals: Path) -> Callable[..., None]:
    """Writes outcomes, ``(request, seconds)`` each, of the first trip of a request."""

    def write(*outcomes: tuple[str, float]) -> None:
        with OutcomeLog(journals) as log:
            for request, seconds in outcomes:
                log.write([Outcome(request_id=request, duration_seconds=seconds)])

    return write


@pytest.fixture(scope="session")
def reference() -> Reference:
    return replay.references()[0]


@pytest.fixture(scope="session")
def errors() -> ErrorReference:
    return replay.references()[1]


@pytest.fixture(scope="session")
def calm_days() -> list[pl.DataFrame]:
    """Eight windows of a day each, with all labels."""
    log = worlds.predictions(77, FIRST, LAST)
    return list(worlds.days(log, FIRST, LAST))


@pytest.fixture
def calm_day(calm_days: list[pl.DataFrame]) -> pl.DataFrame:
    """The newest of them, from day LAST - 1 to LAST."""
    return calm_days[-1]
