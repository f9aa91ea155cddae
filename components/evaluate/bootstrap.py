"""How sure a mean over trips is, when trips of the same hour share their traffic.

Block bootstrap (Künsch, "The jackknife and the bootstrap for general stationary observations", 1989): whole hours are
drawn again, with replacement. Trips drawn one by one would pretend to more independent evidence than there is, and give
intervals that are too narrow. Only sums per hour are drawn, so the cost does not grow with the number of trips.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Enough that the interval of one among twenty slices (Bonferroni) does not hang on the outermost sample.
REPEATS = 4000
# The smallest and the largest of n independent values enclose their median with probability 1 - 2**(1 - n): of fewer
# than ten no interval can be had that holds in 99.8 of 100 cases, as for one among twenty slices.
MIN_BLOCKS = 10
# Repeats that are in memory together.
_AT_ONCE = 250


@dataclass(frozen=True)
class Estimate:
    """A value with its confidence interval."""

    value: float
    low: float
    high: float


def estimate(
    values: np.ndarray,
    blocks: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    confidence: float,
    seed: int,
) -> Estimate:
    """A statistic of means over trips, with its confidence interval.

    Args:
        values: float64 [n, k], one row a trip.
        blocks: int64 [n], as for ``means``.
        statistic: From means, float64 [m, k], to values, float64 [m].
        confidence: Of the interval, 0 to 1.
        seed: Of the drawing.
    """
    samples = statistic(means(values, blocks, seed=seed))
    value = statistic(values.mean(axis=0, keepdims=True))[0]
    return interval(samples, float(value), expanded(confidence, count_blocks(blocks)))


def means(values: np.ndarray, blocks: np.ndarray, *, seed: int, repeats: int = REPEATS) -> np.ndarray:
    """Means over blocks that were drawn again.

    Args:
        values: float64 [n] or [n, k].
        blocks: int64 [n]: equal numbers belong together. Memory grows with the span of the numbers.
        seed: Of the drawing.
        repeats: How often all blocks are drawn.

    Returns:
        float64 [repeats] or [repeats, k].
    """
    place = blocks - blocks.min()
    trips = np.bincount(place)
    there = np.flatnonzero(trips)
    table = values.reshape(len(values), -1)
    sums = np.column_stack([np.bincount(place, weights=column)[there] for column in table.T])
    random = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    for first in range(0, repeats, _AT_ONCE):
        drawn = _drawn(random, len(there), min(_AT_ONCE, repeats - first))
        parts.append((drawn @ sums) / (drawn @ trips[there])[:, None])
    found = np.concatenate(parts)
    return found[:, 0] if values.ndim == 1 else found


def _drawn(random: np.random.Generator, blocks: int, repeats: int) -> np.ndarray:
    """How often each block is drawn in each repeat, float64 [repeats, blocks]."""
    chosen = random.integers(blocks, size=(repeats, blocks))
    places = chosen + blocks * np.arange(repeats)[:, None]
    return np.bincount(places.ravel(), minlength=repeats * blocks).reshape(repeats, blocks).astype(np.float64)


def interval(samples: np.ndarray, value: float, confidence: float) -> Estimate:
    """The middle ``confidence`` of the samples around a value."""
    outside = (1 - confidence) / 2
    low, high = np.quantile(samples, [outside, 1 - outside])
    return Estimate(value, float(low), float(high))


def expanded(confidence: float, blocks: int) -> float:
    """The share of the samples to take so that the interval holds with a confidence although blocks are few.

    Resampled means of n blocks vary less than they should by a factor of sqrt((n - 1) / n), and know nothing of
    Student's t (Hesterberg, "What teachers should know about the bootstrap", 2015, section 4.4). One block says
    nothing of how blocks vary: then all samples are taken.
    """
    from scipy.special import ndtr, stdtrit

    if blocks < 2:
        return 1.0
    student = stdtrit(blocks - 1, (1 + confidence) / 2)
    return float(2 * ndtr(student * np.sqrt(blocks / (blocks - 1))) - 1)


def count_blocks(blocks: np.ndarray) -> int:
    """How many different blocks there are."""
    return int(np.count_nonzero(np.bincount(blocks - blocks.min())))
