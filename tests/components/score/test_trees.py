"""LightGBM's predictions of many rows: faster, and the same to the bit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from components import contract
from components.families.family import Part
from components.families.lightgbm import LightGbm, lightgbm
from components.model import load_model
from components.score.trees import BlockedTrees, UnequalPredictionsError, for_many_rows

WIDTH = len(contract.MODEL_FEATURES)


# A smaller example of wrong bits says no more, and is long to find.
@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1001, 40_000),
    odd=st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308, -1.0]),
)
def test_any_numbers_get_the_same_bits(model_folder: Path, seed: int, rows: int, odd: float) -> None:
    random = np.random.default_rng(seed)
    features = random.uniform(-10, 110, (rows, WIDTH))
    features[random.random(features.shape) < 0.2] = odd
    model = load_model(model_folder)
    assert np.array_equal(for_many_rows(model).predict(features), model.predict(features))


@pytest.mark.parametrize("rows", [0, 1, 1000, 1001])
def test_few_rows_get_the_same_bits(model_folder: Path, rows: int) -> None:
    features = np.random.default_rng(3).uniform(0, 100, (rows, WIDTH))
    model = load_model(model_folder)
    assert np.array_equal(for_many_rows(model).predict(features), model.predict(features))


@pytest.mark.parametrize("family", ["xgboost", "linear", "baseline"])
def test_other_families_predict_as_they_are(make_model: Callable[..., Path], tmp_path: Path, family: str) -> None:
    model = load_model(make_model(tmp_path / "model", family, rounds=5))
    assert for_many_rows(model) is model


def test_a_model_whose_leaves_are_not_constants_is_refused(make_features: Callable[..., pl.DataFrame]) -> None:
    table = make_features(4000)
    part = Part(table.select(contract.MODEL_FEATURES).to_numpy(), table[contract.TARGET].to_numpy())
    lgb = lightgbm()
    settings = {"objective": "regression", "linear_tree": True, "verbosity": -1, "num_threads": 1}
    booster = lgb.train(settings, lgb.Dataset(part.features, part.target, params=settings), 5)
    with pytest.raises(UnequalPredictionsError, match="linear_tree"):
        BlockedTrees(LightGbm(booster, 5), threads=2).predict(part.features, threads=0)
