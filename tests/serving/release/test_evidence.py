"""Evidence comes from the logs as the service writes them, on the requests that both versions predicted."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import contract
from serving.outcomes import Outcome, OutcomeLog
from serving.prediction_log import Predicted, PredictionLog
from serving.release.evidence import Period, by_hour, read_evidence
from serving.trips import EXAMPLE_TRIP

FEATURES = np.zeros((1, len(contract.MODEL_FEATURES)))


class Service:
    """Writes what a service in shadow writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log, self.outcomes = PredictionLog(folder, "trip_duration:b"), OutcomeLog(folder)

    def answer(self, request: str, champion: float, challenger: float | None, **changed: Any) -> None:
        trip = {**EXAMPLE_TRIP, contract.PICKUP_TIME: changed.pop("at", EXAMPLE_TRIP[contract.PICKUP_TIME])}
        line = {"trips": [trip], "features": FEATURES, "milliseconds": 0.5, "degraded": False, **changed}
        answer = Predicted(
            request_id=request, variant="champion", role="answer", model_version="7", seconds=[champion], **line
        )
        shadow = {"variant": "challenger", "role": "shadow", "model_version": "9", "milliseconds": 0.75}
        with self.log as log:
            log.write(answer)
            log.write(msgspec.structs.replace(answer, **shadow, seconds=[challenger]))

    def end(self, request: str, seconds: float) -> None:
        self.outcomes.write([Outcome(request_id=request, duration_seconds=seconds)])


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


def read(service: Service, *, before: timedelta = timedelta(hours=1)) -> Any:
    start = datetime.now(UTC) - before
    return read_evidence(service.folder, champion="7", challenger="9", period=Period(start, start))


def test_errors_are_compared_on_requests_with_a_label_and_a_later_label_counts(service: Service) -> None:
    first = datetime(2026, 1, 15)
    for number in range(150):
        at = (first + timedelta(minutes=20 * number)).isoformat()
        service.answer(f"r{number}", champion=600 + number, challenger=600 + number / 2, at=at)
    for number in range(120):
        service.end(f"r{number}", 1)
        service.end(f"r{number}", 600)
    service.end("never-asked", 600)
    found = read(service)
    assert (found.predictions, found.failures) == (150, 0)
    assert (found.champion_milliseconds, found.challenger_milliseconds) == (0.5, 0.75)
    assert (found.labels, found.difference.count) == (120, 40)
    assert found.champion_error == pytest.approx(np.arange(120).mean())
    assert found.difference.mean == pytest.approx(-np.arange(120).mean() / 2)
    assert found.difference.high < 0


def test_a_failure_is_counted_and_a_degraded_prediction_is_not_compared(service: Service) -> None:
    service.answer("r1", 600, None)
    service.answer("r2", 600, 500, degraded=True)
    service.end("r1", 600)
    service.end("r2", 600)
    found = read(service)
    assert (found.predictions, found.failures, found.labels) == (1, 1, 0)


def test_what_was_before_the_release_or_is_written_by_half_does_not_count(service: Service) -> None:
    service.answer("r1", 600, 500)
    (file,) = service.folder.glob("predictions-*")
    with file.open("a") as log:
        log.write('{"at": "2026-')
    assert read(service).predictions == 1
    assert read(service, before=timedelta(hours=-1)).predictions == 0


def test_no_logs_are_no_evidence(service: Service) -> None:
    found = read(service)
    assert (found.predictions, found.failures, found.labels) == (0, 0, 0)


def test_many_labels_of_one_night_are_no_reason(service: Service) -> None:
    for number in range(300):
        service.answer(f"r{number}", champion=600, challenger=700)
        service.end(f"r{number}", 600)
    found = read(service)
    assert (found.labels, found.difference.count) == (300, 1)
    assert found.difference.mean == 100
    assert found.difference.low == -math.inf


@given(
    st.lists(st.tuples(st.floats(-1000, 1000), st.integers(0, 30)), min_size=1, max_size=200),
)
def test_hours_have_the_mean_of_all_values(given: list[tuple[float, int]]) -> None:
    values, hours = (np.array(column) for column in zip(*given, strict=True))
    found = by_hour(values.astype(float), hours)
    assert len(found) == len(set(hours.tolist()))
    assert found.mean() == pytest.approx(values.mean(), abs=1e-6)
