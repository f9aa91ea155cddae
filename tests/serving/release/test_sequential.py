"""An interval that may be looked at after each value is ever wrong as seldom as it says."""

import math

import numpy as np
import pytest

from serving.release.sequential import MIN_VALUES, mean_bounds

ALPHA = 0.05
LOOKS = [*range(MIN_VALUES, 1000, 20), *range(1000, 6000, 100)]


def test_looking_again_and_again_finds_no_difference_where_there_is_none() -> None:
    draw = np.random.default_rng(11)
    wrong = 0
    for _ in range(400):
        # Errors of predictions are skewed, and so are their differences.
        values = draw.exponential(60, LOOKS[-1]) - draw.exponential(60, LOOKS[-1])
        wrong += any(not bounds.low <= 0 <= bounds.high for bounds in (mean_bounds(values[:n], ALPHA) for n in LOOKS))
    assert wrong <= 400 * ALPHA


def test_an_ordinary_interval_would_find_one_far_too_often() -> None:
    draw = np.random.default_rng(11)
    wrong = 0
    for _ in range(400):
        values = draw.exponential(60, LOOKS[-1]) - draw.exponential(60, LOOKS[-1])
        wrong += any(abs(values[:n].mean()) > 1.96 * values[:n].std() / math.sqrt(n) for n in LOOKS)
    assert wrong > 2 * 400 * ALPHA


@pytest.mark.parametrize("shift", [-6.0, 6.0])
def test_a_difference_of_a_tenth_of_the_spread_is_found(shift: float) -> None:
    values = np.random.default_rng(3).normal(shift, 60, 6000)
    bounds = mean_bounds(values, ALPHA)
    assert bounds.low <= bounds.mean <= bounds.high
    assert (bounds.low > 0) == (shift > 0)
    assert (bounds.high < 0) == (shift < 0)


@pytest.mark.parametrize("count", [0, 1, MIN_VALUES - 1])
def test_few_values_say_nothing(count: int) -> None:
    bounds = mean_bounds(np.ones(count), ALPHA)
    assert (bounds.count, bounds.low, bounds.high) == (count, -math.inf, math.inf)
