"""How sure a mean is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluate.bootstrap import count_blocks, estimate, expanded, interval, means


def hours(count: int, trips: int, sigma_hour: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Values of trips that share their hour's level, and the hours."""
    random = np.random.default_rng(seed)
    block = np.repeat(np.arange(count), trips)
    return random.normal(0, sigma_hour, count)[block] + random.normal(0, 1, count * trips), block


def the_mean(means: np.ndarray) -> np.ndarray:
    return means[:, 0]


@pytest.mark.parametrize(("count", "confidence"), [(10, 0.95), (30, 0.9)])
def test_intervals_hold_the_true_mean_about_as_often_as_they_promise(count: int, confidence: float) -> None:
    held = 0
    for seed in range(1000):
        values, block = hours(count, 4, 1.0, seed)
        found = estimate(values[:, None], block, the_mean, confidence=confidence, seed=0)
        held += found.low <= 0 <= found.high
    assert held / 1000 == pytest.approx(confidence, abs=0.025)


def test_few_hours_give_a_wider_interval_than_many() -> None:
    # 2.262 is Student's t of nine degrees of freedom; 0.9915 of a normal distribution lie below 2.262 * sqrt(10 / 9).
    assert expanded(0.95, 10) == pytest.approx(2 * 0.99145 - 1, abs=1e-4)
    assert expanded(0.95, 5) > expanded(0.95, 10) > expanded(0.95, 1000) > 0.95
    assert expanded(0.95, 100_000) == pytest.approx(0.95, abs=1e-4)
    assert expanded(0.95, 1) == 1.0


def test_the_estimate_is_of_the_trips_as_they_are() -> None:
    values, block = hours(30, 5, 1.0, 4)
    pairs = np.column_stack([values + 10, values + 20])
    found = estimate(pairs, block, lambda means: means[:, 0] / means[:, 1], confidence=0.95, seed=0)
    assert found.value == pytest.approx((values.mean() + 10) / (values.mean() + 20))
    assert found.low < found.value < found.high


def test_hours_without_trips_do_not_count() -> None:
    values, block = hours(30, 5, 1.0, 4)
    assert count_blocks(block * 7 + 100) == 30
    np.testing.assert_array_equal(means(values, block * 7 + 100, seed=1), means(values, block, seed=1))


def test_trips_of_one_hour_count_for_less_than_trips_of_many() -> None:
    values, block = hours(60, 20, 1.0, 0)
    together = interval(means(values, block, seed=0), 0, 0.95)
    apart = interval(means(values, np.arange(len(values)), seed=0), 0, 0.95)
    assert together.high - together.low > 2 * (apart.high - apart.low)


@given(st.lists(st.tuples(st.floats(-10, 10), st.integers(0, 5)), min_size=1, max_size=40))
def test_drawn_means_lie_among_the_values(rows: list[tuple[float, int]]) -> None:
    values, block = np.array([value for value, _ in rows]), np.array([hour for _, hour in rows])
    drawn = means(values, block, seed=1, repeats=50)
    assert drawn.shape == (50,)
    assert np.all((drawn >= values.min() - 1e-9) & (drawn <= values.max() + 1e-9))


def test_columns_are_drawn_together() -> None:
    values, block = hours(30, 5, 1.0, 3)
    drawn = means(np.column_stack([values, 2 * values]), block, seed=1)
    np.testing.assert_allclose(drawn[:, 1], 2 * drawn[:, 0])
