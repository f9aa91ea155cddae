"""Training."""

import json
from pathlib import Path

import polars as pl
import pytest

from components import contract
from components.evaluate.step import errors
from components.model import load_model
from components.train.step import train


def test_the_same_inputs_and_seed_give_the_same_bytes(parts: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        train(parts / "train.parquet", parts / "validation.parquet", tmp_path / name, seed=7)
    for file in ("model.txt", "model.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_another_seed_gives_another_model(parts: Path, tmp_path: Path) -> None:
    hashes = {
        train(parts / "train.parquet", parts / "validation.parquet", tmp_path / str(seed), seed=seed).model_sha256
        for seed in (1, 2)
    }
    assert len(hashes) == 2


def test_training_converges_far_below_a_constant_guess(parts: Path, tmp_path: Path) -> None:
    result = train(parts / "train.parquet", parts / "validation.parquet", tmp_path, seed=7)
    test = pl.read_parquet(parts / "test.parquet")
    actual = test[contract.TARGET].to_numpy()
    predicted = load_model(tmp_path).predict(test.select(contract.MODEL_FEATURES).to_numpy())
    assert errors(actual, predicted)["mae"] < 0.5 * float(abs(actual - actual.mean()).mean())
    assert result.rounds == json.loads((tmp_path / "model.json").read_text())["training"]["rounds"] > 1


def test_missing_features_are_learned_from_without_making_nan(parts: Path, tmp_path: Path) -> None:
    table = pl.read_parquet(parts / "train.parquet")
    half = pl.int_range(pl.len()) % 2 == 0
    names = [*contract.ZONE_FEATURES, *contract.PAIR_FEATURES]
    table.with_columns(pl.when(half).then(pl.col(name)) for name in names).write_parquet(tmp_path / "gaps.parquet")
    train(tmp_path / "gaps.parquet", parts / "validation.parquet", tmp_path / "model", seed=7)
    rows = pl.read_parquet(tmp_path / "gaps.parquet").select(contract.MODEL_FEATURES).to_numpy()
    assert (load_model(tmp_path / "model").predict(rows) > 0).all()


@pytest.mark.parametrize("target", [None, float("nan"), -1.0])
def test_a_missing_or_negative_duration_is_refused(parts: Path, tmp_path: Path, target: float | None) -> None:
    bad = pl.read_parquet(parts / "train.parquet").with_columns(pl.lit(target, pl.Float64).alias(contract.TARGET))
    bad.write_parquet(tmp_path / "bad.parquet")
    with pytest.raises(ValueError, match=r"cannot train on .*bad\.parquet"):
        train(tmp_path / "bad.parquet", parts / "validation.parquet", tmp_path / "model", seed=7)
    assert not (tmp_path / "model").exists()
