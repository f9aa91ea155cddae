"""Small models of every family that learned from trips as they are: with gaps, holidays, airports and limits."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from components import contract
from components.families.family import Part, family
from components.model import Interval, Model, load_model, save_model, to_target
from serving.edge import parity
from serving.registry import RegisteredModel

ROUNDS = 60


def a_part(rows: int, seed: int) -> Part:
    """Durations that depend on clock, holiday, airport, distance and on a stored feature that is often missing."""
    features = parity.draw(rows, seed).model_input()
    column = dict(zip(contract.MODEL_FEATURES, np.nan_to_num(features).T, strict=True))
    seconds = 200 + 150 * column[contract.DISTANCE] + 20 * column["hour"] + 15 * column["weekday"]
    seconds += (
        300 * column["is_holiday"] + 400 * column["is_airport"] + np.clip(column["pair_mean_duration_4w"], 0, 2e3)
    )
    noise = np.random.default_rng(seed).normal(0, 0.1, rows)
    return Part(features, to_target(np.clip(seconds, 1, 14_000)) + noise)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], RegisteredModel]:
    """A small model of a family, as it comes out of the registry."""

    @cache
    def train(name: str) -> RegisteredModel:
        folder = tmp_path_factory.mktemp(name) / "model"
        learned = family(name).fit(a_part(4000, 1), a_part(1000, 2), {}, seed=1, max_rounds=ROUNDS)
        save_model(learned, folder, interval=Interval(coverage=0.8, low=-0.25, high=0.375), training={"seed": 1})
        return RegisteredModel(folder, version="7", run_id="run-of-7", data_version="3")

    return train


@pytest.fixture(scope="session")
def loaded(trained: Callable[[str], RegisteredModel]) -> Callable[[str], tuple[Model, Path]]:
    """The same, loaded, with its native file."""

    @cache
    def load(name: str) -> tuple[Model, Path]:
        folder = trained(name).folder
        return load_model(folder), folder / family(name).FILE

    return load
