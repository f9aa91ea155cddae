"""What the probe asks of a bundle, against models and applications that misbehave in one way each."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np
import pytest

from components import contract
from components.families.family import NAMES
from components.model import Model, load_model
from serving.probe import (
    bad_requests,
    contribution_failures,
    good_requests,
    milliseconds,
    model_failures,
    request_failures,
)

WIDTH = len(contract.MODEL_FEATURES)


class Misbehaving:
    """A model that predicts a minute per trip, but for what ``predict`` is replaced with."""

    def __init__(self, twist: Callable[[np.ndarray], np.ndarray | None]) -> None:
        self.twist = twist

    def predict(self, frame: np.ndarray) -> np.ndarray:
        twisted = self.twist(frame)
        if twisted is not None:
            return twisted
        if frame.ndim != 2 or frame.shape[1] != WIDTH:
            raise ValueError("shape")
        return np.full(len(frame), 60.0)


def raising(error: Exception) -> Any:
    raise error


def test_a_model_that_does_all_well_has_no_failures() -> None:
    assert model_failures(cast(Model, Misbehaving(lambda _: None))) == {}


@pytest.mark.parametrize(
    ("twist", "named"),
    [
        (lambda frame: frame[:, 0] if np.isnan(frame).any() else None, {"missing values"}),
        (lambda frame: frame[:, 0] if (frame == np.finfo(np.float64).max).any() else None, {"the largest values"}),
        (lambda frame: frame[:, 0] if np.isinf(frame).any() else None, {"infinite values"}),
        (lambda frame: np.zeros(1) if len(frame) == 0 else None, {"no rows"}),
        (lambda frame: np.full((len(frame), 1), 60.0) if (frame == -1).any() else None, {"negative values"}),
        (lambda frame: raising(ZeroDivisionError("by zero")) if (frame == -1).any() else None, {"negative values"}),
        (lambda frame: np.full(1, 60.0) if frame.shape == (1, WIDTH + 1) else None, {"a value too many"}),
        (lambda frame: raising(KeyError("x")) if frame.shape == (1, WIDTH - 1) else None, {"a value too few"}),
        (lambda frame: np.full(1, 60.0) if frame.ndim == 1 else None, {"a single row"}),
    ],
)
def test_what_a_model_does_wrongly_is_named(twist: Any, named: set[str]) -> None:
    assert model_failures(cast(Model, Misbehaving(twist))).keys() == named


@pytest.mark.parametrize("name", NAMES)
def test_contributions_of_every_family_add_up(name: str, model_of: Callable[[str], Path]) -> None:
    assert contribution_failures(load_model(model_of(name))) == {}


class Explaining(Misbehaving):
    """A model of a minute per trip, with contributions."""

    def __init__(self, contributions: Any) -> None:
        super().__init__(lambda _: None)
        self.contributions = contributions


@pytest.mark.parametrize(
    ("contributions", "said"),
    [
        (lambda frame: np.zeros((len(frame), WIDTH + 1)), "do not add up"),
        (lambda frame: np.full((len(frame), WIDTH + 1), np.nan), "do not add up"),
        (lambda frame: np.full((len(frame), WIDTH), np.log(61) / WIDTH), "shape"),
        (lambda _: raising(NotImplementedError("none")), "NotImplementedError: none"),
    ],
)
def test_wrong_contributions_are_named(contributions: Any, said: str) -> None:
    assert said in contribution_failures(cast(Model, Explaining(contributions)))["contributions"]


def failures_of(answer: Callable[[httpx.Request], httpx.Response]) -> dict[str, str]:
    async def ask() -> dict[str, str]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://bundle") as client:
            return await request_failures(client)

    return asyncio.run(ask())


def predictions(*seconds: float) -> httpx.Response:
    return httpx.Response(200, content=json.dumps({"predictions": [{contract.TARGET: one} for one in seconds]}))


def test_an_application_that_refuses_all_fails_each_good_request() -> None:
    assert failures_of(lambda _: httpx.Response(422)).keys() == good_requests().keys()


def test_an_application_that_fails_at_all_fails_each_request() -> None:
    assert failures_of(lambda _: httpx.Response(500)).keys() == good_requests().keys() | bad_requests().keys()


def test_an_application_that_accepts_all_fails_each_bad_request() -> None:
    def accepting(request: httpx.Request) -> httpx.Response:
        try:
            return predictions(*[60.0] * len(json.loads(request.content)))
        except (ValueError, TypeError, RecursionError):
            return predictions(60.0)

    assert failures_of(accepting).keys() == bad_requests().keys()


@pytest.mark.parametrize("seconds", [(), (60.0, 60.0), (0.0,), (1e9,), (float("nan"),)])
def test_wrong_predictions_are_named(seconds: tuple[float, ...]) -> None:
    assert "the example" in failures_of(lambda _: predictions(*seconds))


def test_times_are_those_of_one_trip(model_folder: Any) -> None:
    times = milliseconds(load_model(model_folder))
    assert len(times) >= 100
    assert all(0 < one < 1000 for one in times)
