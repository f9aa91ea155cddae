"""Training."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import contract, thresholds
from components.families.family import NAMES, UnknownFamilyError
from components.model import load_model
from components.train.parts import read_part
from components.train.step import TrainResult, conformal, train


def trained(
    parts: Path,
    model: Path,
    family: str = "lightgbm",
    *,
    seed: int = 7,
    train_set: str = "train",
    device: str = "cpu",
) -> TrainResult:
    model.parent.mkdir(parents=True, exist_ok=True)
    parameters = model.parent / f"{family}.json"
    parameters.write_text(json.dumps({"family": family, "parameters": {}}))
    files = parts / f"{train_set}.parquet", parts / "validation.parquet", parameters
    return train(*files, model, family=family, seed=seed, device=device)


@pytest.mark.parametrize("family", NAMES)
def test_the_same_inputs_and_seed_give_the_same_bytes(parts: Path, tmp_path: Path, family: str) -> None:
    for name in ("one", "two"):
        trained(parts, tmp_path / name, family)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_another_seed_gives_another_model(parts: Path, tmp_path: Path) -> None:
    hashes = {trained(parts, tmp_path / str(seed), seed=seed).model_sha256 for seed in (1, 2)}
    assert len(hashes) == 2


@pytest.mark.parametrize("family", ["linear", "lightgbm", "xgboost"])
def test_training_converges_far_below_a_constant_guess(parts: Path, tmp_path: Path, family: str) -> None:
    result = trained(parts, tmp_path / "model", family)
    test = read_part(parts / "test.parquet")
    actual = np.expm1(test.target)
    error = np.abs(load_model(tmp_path / "model").predict(test.features) - actual).mean()
    assert error < 0.5 * float(np.abs(actual - actual.mean()).mean())
    manifest = json.loads((tmp_path / "model" / "model.json").read_text())
    assert result.rounds == manifest["training"]["rounds"]


def test_the_prediction_interval_holds_its_share_of_later_trips(parts: Path, tmp_path: Path) -> None:
    trained(parts, tmp_path / "model")
    test = read_part(parts / "test.parquet")
    low, high = load_model(tmp_path / "model").predict_interval(test.features)
    inside = np.mean((np.expm1(test.target) >= low) & (np.expm1(test.target) <= high))
    assert abs(inside - thresholds.INTERVAL_COVERAGE) < thresholds.COVERAGE_TOLERANCE


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=60), st.floats(0.05, 0.95))
def test_the_interval_holds_its_share_of_what_it_was_made_from(residuals: list[float], coverage: float) -> None:
    interval = conformal(np.array(residuals), coverage)
    inside = np.mean([interval.low <= residual <= interval.high for residual in residuals])
    assert inside >= min(coverage * (len(residuals) + 1) / len(residuals), 1) - 1e-9 or inside == 1


def test_missing_features_are_learned_from_without_making_nan(parts: Path, tmp_path: Path) -> None:
    table = pl.read_parquet(parts / "train.parquet")
    half = pl.int_range(pl.len()) % 2 == 0
    names = [*contract.ZONE_FEATURES, *contract.PAIR_FEATURES]
    gaps = table.with_columns(pl.when(half).then(pl.col(name)) for name in names)
    gaps.write_parquet(tmp_path / "train.parquet")
    pl.read_parquet(parts / "validation.parquet").write_parquet(tmp_path / "validation.parquet")
    trained(tmp_path, tmp_path / "model")
    rows = gaps.select(contract.MODEL_FEATURES).to_numpy()
    assert (load_model(tmp_path / "model").predict(rows) > 0).all()


@pytest.mark.parametrize("target", [None, float("nan"), float("inf"), -1.0])
def test_a_missing_infinite_or_negative_duration_is_refused(parts: Path, tmp_path: Path, target: float | None) -> None:
    bad = pl.read_parquet(parts / "train.parquet").with_columns(pl.lit(target, pl.Float64).alias(contract.TARGET))
    bad.write_parquet(tmp_path / "bad.parquet")
    pl.read_parquet(parts / "validation.parquet").write_parquet(tmp_path / "validation.parquet")
    with pytest.raises(ValueError, match=r"cannot train on .*bad\.parquet"):
        trained(tmp_path, tmp_path / "model", train_set="bad")
    assert not (tmp_path / "model").exists()


def test_parameters_of_another_family_are_refused(parts: Path, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps({"family": "linear", "parameters": {}}))
    files = parts / "train.parquet", parts / "validation.parquet", tmp_path / "p.json", tmp_path / "model"
    with pytest.raises(ValueError, match="parameters of linear, asked for are those of lightgbm"):
        train(*files, family="lightgbm", seed=1, device="cpu")


def test_an_unknown_family_is_refused(parts: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownFamilyError):
        trained(parts, tmp_path / "model", "forest")


def test_a_sample_of_a_part_is_drawn_by_its_seed_and_keeps_its_order(parts: Path) -> None:
    whole = read_part(parts / "train.parquet")
    one, again, other = (read_part(parts / "train.parquet", rows=50, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.features, again.features)
    assert not np.array_equal(one.features, other.features)
    places = [int(np.flatnonzero((whole.features == row).all(axis=1))[0]) for row in one.features]
    assert places == sorted(places)
    assert len(set(places)) == 50


def test_a_part_is_read_as_its_table_in_the_order_of_the_contract(parts: Path, tmp_path: Path) -> None:
    gaps = pl.read_parquet(parts / "train.parquet").head(9).with_columns(hour=pl.lit(None, pl.Float64))
    gaps.select(reversed(gaps.columns)).write_parquet(tmp_path / "part.parquet")
    part = read_part(tmp_path / "part.parquet")
    np.testing.assert_array_equal(part.features, gaps.select(contract.MODEL_FEATURES).to_numpy())
    np.testing.assert_allclose(np.expm1(part.target), gaps[contract.TARGET].to_numpy())


@pytest.mark.parametrize("family", ["baseline", "linear", "lightgbm"])
def test_a_family_without_cuda_learns_on_the_cpu_and_its_manifest_says_so(
    parts: Path, tmp_path: Path, family: str
) -> None:
    trained(parts, tmp_path / "model", family, device="cuda")
    assert json.loads((tmp_path / "model" / "model.json").read_text())["training"]["device"] == "cpu"


def test_cuda_where_there_is_none_is_one_sentence_and_no_model(parts: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="built without CUDA: use the dependency group 'cuda'"):
        trained(parts, tmp_path / "model", "xgboost", device="cuda")
    assert not (tmp_path / "model").exists()


def test_an_unknown_device_is_refused_with_those_there_are(parts: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'tpu' is no device to learn on; there are cpu, cuda"):
        trained(parts, tmp_path / "model", device="tpu")
