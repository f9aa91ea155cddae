"""Every family learns, keeps what it learned in a native file, and says what drove a prediction."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from components import contract, thresholds
from components.families.family import NAMES, Family, Part, UnknownFamilyError, family

WIDTH = len(contract.MODEL_FEATURES)
DISTANCE, HOUR = (contract.MODEL_FEATURES.index(name) for name in (contract.DISTANCE, "hour"))
TRIED = ("linear", "lightgbm", "xgboost")


def a_part(rows: int = 3000, seed: int = 0, noise: float = 0.05) -> Part:
    """Trips whose log duration is a known function of distance and hour, with a fifth of the other values missing."""
    random = np.random.default_rng(seed)
    features = random.uniform(0, 100, (rows, WIDTH))
    features[random.random(features.shape) < 0.2] = np.nan
    features[:, DISTANCE], features[:, HOUR] = random.lognormal(0.8, 0.8, rows), random.integers(0, 24, rows)
    return Part(features, known(features) + random.normal(0, noise, rows))


def known(features: np.ndarray) -> np.ndarray:
    rush = 0.3 * np.isin(features[:, HOUR], (8, 9, 17, 18))
    return 5.5 + 0.9 * np.log1p(features[:, DISTANCE]) + rush


def fitted(name: str, seed: int = 0, **changed: object) -> Family:
    given: dict[str, object] = {"max_rounds": 80, **changed}
    return family(name).fit(a_part(), a_part(1000, 1), {}, seed=seed, **given)  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def learned() -> dict[str, Family]:
    return {name: fitted(name) for name in NAMES}


@pytest.mark.parametrize("name", TRIED)
def test_a_known_function_is_learned(learned: dict[str, Family], name: str) -> None:
    test = a_part(1000, 2, noise=0)
    error = np.abs(learned[name].predict(test.features, threads=1) - known(test.features))
    assert float(error.mean()) < 0.05


@pytest.mark.parametrize("name", TRIED)
def test_what_is_learned_beats_the_baseline_by_the_margin_of_the_gate(learned: dict[str, Family], name: str) -> None:
    test = a_part(1000, 2)

    def mae(model: Family) -> float:
        return float(np.abs(np.expm1(model.predict(test.features, threads=1)) - np.expm1(test.target)).mean())

    assert mae(learned[name]) < thresholds.MAX_SHARE_OF_BASELINE * mae(learned["baseline"])


@pytest.mark.parametrize("name", NAMES)
def test_what_is_loaded_predicts_what_was_saved(learned: dict[str, Family], name: str, tmp_path: Path) -> None:
    test, file = a_part(500, 3), tmp_path / learned[name].FILE
    learned[name].save(file)
    again = family(name).load(file)
    np.testing.assert_array_equal(
        again.predict(test.features, threads=1), learned[name].predict(test.features, threads=1)
    )
    assert again.rounds == learned[name].rounds


@pytest.mark.parametrize("name", NAMES)
def test_the_same_data_and_seed_give_the_same_bytes(learned: dict[str, Family], name: str, tmp_path: Path) -> None:
    for model, file in ((learned[name], "one"), (fitted(name), "two")):
        model.save(tmp_path / file)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_another_seed_gives_another_model(learned: dict[str, Family], name: str, tmp_path: Path) -> None:
    for model, file in ((learned[name], "one"), (fitted(name, seed=1), "two")):
        model.save(tmp_path / file)
    assert (tmp_path / "one").read_bytes() != (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_contributions_and_base_add_up_to_the_prediction(learned: dict[str, Family], name: str) -> None:
    rows = a_part(200, 4).features
    found = learned[name].contributions(rows)
    assert found.shape == (200, WIDTH + 1)
    np.testing.assert_allclose(found.sum(axis=1), learned[name].predict(rows, threads=1), rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_distance_is_found_to_be_the_most_important(learned: dict[str, Family], name: str) -> None:
    weights = learned[name].importances()
    assert weights.sum() == pytest.approx(1)
    assert int(np.argmax(weights)) == DISTANCE


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None)
@given(rows=arrays.arrays(np.float64, st.tuples(st.integers(1, 4), st.just(WIDTH))))
def test_any_numbers_at_all_give_a_finite_prediction(learned: dict[str, Family], name: str, rows: np.ndarray) -> None:
    assert np.isfinite(learned[name].predict(rows, threads=1)).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [np.nan, 0.0, 7.0, 1e300])
def test_features_that_say_nothing_make_no_nan(name: str, value: float) -> None:
    part = a_part(300)
    dull = Part(np.full_like(part.features, value), part.target)
    model = family(name).fit(dull, dull, {}, seed=0, max_rounds=5)
    assert np.isfinite(model.predict(part.features, threads=1)).all()


@pytest.mark.parametrize("name", NAMES)
def test_one_trip_is_enough_to_learn_from(name: str) -> None:
    one = a_part(1)
    model = family(name).fit(one, one, {}, seed=0, max_rounds=5)
    np.testing.assert_allclose(model.predict(one.features, threads=1), one.target, atol=0.5)


@pytest.mark.parametrize("name", NAMES)
def test_one_row_and_many_rows_give_the_same_numbers(learned: dict[str, Family], name: str) -> None:
    rows = a_part(2000, 5).features
    single = np.concatenate([learned[name].predict(rows[i : i + 1], threads=1) for i in range(0, 2000, 100)])
    np.testing.assert_array_equal(learned[name].predict(rows, threads=0)[::100], single)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_every_round_is_told_with_its_error(name: str) -> None:
    told: list[tuple[int, float]] = []
    fitted(name, max_rounds=10, on_round=lambda rounds, error: told.append((rounds, error)))
    assert [rounds for rounds, _ in told] == list(range(1, 11))
    assert told[-1][1] < told[0][1]


def test_a_gpu_that_is_not_there_is_told_in_one_sentence() -> None:
    with pytest.raises(RuntimeError, match="built without CUDA: use the dependency group 'cuda'"):
        fitted("xgboost", device="cuda")


@pytest.mark.parametrize("name", ["baseline", "linear", "lightgbm"])
def test_families_that_cannot_use_a_gpu_learn_on_the_cpu(name: str) -> None:
    assert fitted(name, device="cuda").rounds >= 1


def test_the_gpu_is_asked_for_by_the_same_settings() -> None:
    from components.families.xgboost import settings as xgboost_settings

    cpu, cuda = (xgboost_settings({"max_depth": 3}, 1, device) for device in ("cpu", "cuda"))
    assert cuda == cpu | {"device": "cuda"}


def test_an_unknown_family_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownFamilyError, match="'forest' is no model family; there are baseline, linear"):
        family("forest")


def test_the_baseline_of_a_trip_without_a_distance_is_the_median_of_all(learned: dict[str, Family]) -> None:
    rows = a_part(3).features
    rows[:, DISTANCE] = np.nan
    np.testing.assert_allclose(learned["baseline"].predict(rows, threads=1), np.median(a_part().target))


def test_what_is_infinite_is_missing_to_the_linear_model(learned: dict[str, Family]) -> None:
    rows = a_part(20).features
    endless, missing = rows.copy(), rows.copy()
    endless[:, DISTANCE], missing[:, DISTANCE] = np.inf, np.nan
    linear = learned["linear"]
    np.testing.assert_array_equal(linear.predict(endless, threads=1), linear.predict(missing, threads=1))


def test_a_value_beyond_anything_seen_moves_the_linear_model_no_further_than_a_very_large_one(
    learned: dict[str, Family],
) -> None:
    far, farther = a_part(20).features, a_part(20).features
    far[:, DISTANCE], farther[:, DISTANCE] = 1e30, 1e300
    linear = learned["linear"]
    np.testing.assert_array_equal(linear.predict(far, threads=1), linear.predict(farther, threads=1))
