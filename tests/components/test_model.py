"""The model folder: what is saved is what is loaded, and nothing else is."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from components import contract
from components.model import ContractMismatchError, Model, ModelIntegrityError, lightgbm, load_model, save_model

WIDTH = len(contract.MODEL_FEATURES)


def a_booster(seed: int = 0):
    random = np.random.default_rng(seed)
    data = random.uniform(0, 10, (300, WIDTH))
    training = lightgbm().Dataset(data, label=np.log1p(data[:, 4] * 100))
    return lightgbm().train({"verbosity": -1, "seed": 1, "num_threads": 1, "min_data_in_leaf": 5}, training, 10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    save_model(a_booster(), folder, training={"seed": 1})
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return load_model(folder)


def a_copy(folder: Path, target: Path) -> Path:
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def test_a_loaded_model_predicts_what_the_saved_booster_predicts(model: Model) -> None:
    rows = np.random.default_rng(1).uniform(0, 10, (50, WIDTH))
    expected = np.expm1(np.asarray(a_booster().predict(rows)))
    np.testing.assert_allclose(model.predict(rows), expected)
    assert model.training == {"seed": 1}


def test_a_changed_byte_in_the_model_text_is_refused_with_file_and_both_hashes(folder: Path, tmp_path: Path) -> None:
    broken = a_copy(folder, tmp_path)
    text = (broken / "model.txt").read_bytes()
    (broken / "model.txt").write_bytes(text.replace(b"tree", b"tref", 1))
    with pytest.raises(ModelIntegrityError) as raised:
        load_model(broken)
    assert raised.value.file == broken / "model.txt"
    assert raised.value.expected in str(raised.value)
    assert raised.value.actual in str(raised.value)


def test_a_model_for_another_contract_is_refused(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = a_copy(folder, tmp_path)
    monkeypatch.setattr(contract, "MODEL_FEATURES", tuple(reversed(contract.MODEL_FEATURES)))
    with pytest.raises(ContractMismatchError, match=r"model\.json"):
        load_model(other)


@pytest.mark.parametrize("content", [None, "", "[]", "{}", "not json"])
def test_a_missing_or_unreadable_manifest_is_refused(folder: Path, tmp_path: Path, content: str | None) -> None:
    broken = a_copy(folder, tmp_path)
    (broken / "model.json").unlink()
    if content is not None:
        (broken / "model.json").write_text(content)
    with pytest.raises(ModelIntegrityError, match=r"model\.json"):
        load_model(broken)


def test_a_missing_model_text_is_refused(folder: Path, tmp_path: Path) -> None:
    broken = a_copy(folder, tmp_path)
    (broken / "model.txt").unlink()
    with pytest.raises(ModelIntegrityError, match=r"model\.txt"):
        load_model(broken)


def test_the_manifest_names_features_and_target(folder: Path) -> None:
    manifest = json.loads((folder / "model.json").read_text())
    assert manifest["features"] == list(contract.MODEL_FEATURES)
    assert manifest["target"] == contract.TARGET


@settings(max_examples=50, deadline=None)
@given(rows=arrays.arrays(np.float64, st.tuples(st.integers(0, 5), st.just(WIDTH))))
def test_any_numbers_at_all_give_a_possible_duration(model: Model, rows: np.ndarray) -> None:
    seconds = model.predict(rows)
    assert seconds.shape == (len(rows),)
    assert np.all((seconds >= contract.MIN_DURATION_SECONDS) & (seconds <= contract.MAX_DURATION_SECONDS))


@pytest.mark.parametrize(
    ("learned", "expected"), [(-3.0, contract.MIN_DURATION_SECONDS), (1e6, contract.MAX_DURATION_SECONDS)]
)
def test_an_impossible_prediction_is_brought_to_the_nearest_possible_one(
    tmp_path: Path, learned: float, expected: float
) -> None:
    data = np.random.default_rng(0).uniform(0, 1, (100, WIDTH))
    target = np.full(100, np.sign(learned) * np.log1p(abs(learned)))
    booster = lightgbm().train({"verbosity": -1, "num_threads": 1}, lightgbm().Dataset(data, label=target), 1)
    save_model(booster, tmp_path, training={})
    assert set(load_model(tmp_path).predict(data)) == {expected}


@pytest.mark.parametrize("shape", [(WIDTH,), (1, WIDTH - 1), (1, WIDTH + 1), (0, 0)])
def test_a_wrong_shape_is_refused(model: Model, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        model.predict(np.zeros(shape))


def test_one_row_and_many_rows_give_the_same_numbers(model: Model) -> None:
    rows = np.random.default_rng(2).uniform(0, 10, (2000, WIDTH))
    one_by_one = np.concatenate([model.predict(rows[i : i + 1]) for i in range(0, 2000, 100)])
    np.testing.assert_array_equal(model.predict(rows)[::100], one_by_one)
