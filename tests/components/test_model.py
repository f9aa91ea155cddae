"""The model folder: what is saved is what is loaded, and nothing else is."""

import json
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from components import contract
from components.families.baseline import DISTANCE_BANDS, Baseline
from components.families.family import NAMES, Family, Part, family
from components.model import (
    ContractMismatchError,
    Interval,
    Model,
    ModelIntegrityError,
    load_model,
    model_files,
    save_model,
    verified_hash,
)

WIDTH = len(contract.MODEL_FEATURES)
INTERVAL = Interval(coverage=0.8, low=-0.2, high=0.3)


def a_learned(name: str = "lightgbm") -> Family:
    data = np.random.default_rng(0).uniform(0, 10, (300, WIDTH))
    part = Part(data, np.log1p(data[:, 4] * 100))
    return family(name).fit(part, part, {}, seed=1, max_rounds=10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "model"
    save_model(a_learned(), folder, interval=INTERVAL, training={"seed": 1})
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
    expected = np.expm1(a_learned().predict(rows, threads=1))
    np.testing.assert_allclose(model.predict(rows), expected)
    assert model.training == {"seed": 1}


@pytest.mark.parametrize("name", NAMES)
def test_a_model_of_each_family_comes_back_with_its_needs_and_contributions(name: str, tmp_path: Path) -> None:
    sha256 = save_model(a_learned(name), tmp_path / "model", interval=INTERVAL, training={})
    model = load_model(tmp_path / "model")
    assert (model.family, model.sha256) == (name, sha256)
    assert verified_hash(tmp_path / "model") == sha256
    assert sorted(model_files(tmp_path / "model")) == sorted(file.name for file in (tmp_path / "model").iterdir())
    assert all(metadata.version(package) == version for package, version in model.requires.items())
    rows = np.random.default_rng(1).uniform(0, 10, (5, WIDTH))
    np.testing.assert_allclose(np.expm1(model.contributions(rows).sum(axis=1)), model.predict(rows), rtol=1e-3)
    assert set(model.importances()) == set(contract.MODEL_FEATURES)


def test_an_interval_lies_around_the_prediction_and_within_the_limits_of_a_trip(model: Model) -> None:
    rows = np.random.default_rng(1).uniform(0, 10, (50, WIDTH))
    low, high = model.predict_interval(rows)
    assert np.all((low < model.predict(rows)) & (model.predict(rows) < high))
    np.testing.assert_allclose(np.log1p(high) - np.log1p(model.predict(rows)), 0.3)
    assert np.all((low >= contract.MIN_DURATION_SECONDS) & (high <= contract.MAX_DURATION_SECONDS))


def test_no_rows_have_no_contributions_and_no_interval(model: Model) -> None:
    none = np.empty((0, WIDTH))
    assert model.contributions(none).shape == (0, WIDTH + 1)
    assert [len(end) for end in model.predict_interval(none)] == [0, 0]


@pytest.mark.parametrize("named", ["../elsewhere", "model.ubj"])
def test_a_manifest_that_names_another_file_is_refused(folder: Path, tmp_path: Path, named: str) -> None:
    broken = a_copy(folder, tmp_path)
    manifest = json.loads((broken / "model.json").read_text())
    (broken / "model.json").write_text(json.dumps(manifest | {"file": named}))
    with pytest.raises(ModelIntegrityError, match=r"its native file is .*, expected model\.txt"):
        load_model(broken)


def test_a_manifest_of_an_unknown_family_is_refused(folder: Path, tmp_path: Path) -> None:
    broken = a_copy(folder, tmp_path)
    manifest = json.loads((broken / "model.json").read_text())
    (broken / "model.json").write_text(json.dumps(manifest | {"family": "forest"}))
    with pytest.raises(ModelIntegrityError, match="'forest' is no model family"):
        load_model(broken)


def test_a_failure_while_saving_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        save_model(a_learned(), tmp_path / "model", interval=INTERVAL, training={"seed": object()})
    assert list(tmp_path.iterdir()) == []


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
    level = float(np.sign(learned) * np.log1p(abs(learned)))
    same = Baseline(level, np.full(len(DISTANCE_BANDS) + 1, level))
    save_model(same, tmp_path / "model", interval=INTERVAL, training={})
    rows = np.zeros((3, WIDTH))
    assert set(load_model(tmp_path / "model").predict(rows)) == {expected}


@pytest.mark.parametrize("shape", [(WIDTH,), (1, WIDTH - 1), (1, WIDTH + 1), (0, 0)])
def test_a_wrong_shape_is_refused(model: Model, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        model.predict(np.zeros(shape))


def test_one_row_and_many_rows_give_the_same_numbers(model: Model) -> None:
    rows = np.random.default_rng(2).uniform(0, 10, (2000, WIDTH))
    one_by_one = np.concatenate([model.predict(rows[i : i + 1]) for i in range(0, 2000, 100)])
    np.testing.assert_array_equal(model.predict(rows)[::100], one_by_one)
