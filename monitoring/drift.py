"""Has the distribution of a column changed? The statistics, thresholds and verdicts of Evidently, from two profiles.

For a reference of more than 1,000 rows Evidently 0.7.23 takes (``legacy/calculations/stattests/registry.py``):

* numbers with more than five distinct values, both sides together: the Wasserstein distance divided by the reference's
  standard deviation (at least 0.001);
* other numbers, and categories: the Jensen-Shannon distance of the shares, with natural logarithms.

Missing and infinite values are left out. From 0.1 on the column has drifted. The distance from a profile is exact but
for bins in which the two cumulative distributions cross, and for the width of a cell; a test holds it against
Evidently's on 200 generated pairs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.spatial.distance import jensenshannon

from monitoring.grid import FEW_VALUES, LEAST_DEVIATION, Grid
from monitoring.profile import CategoryProfile, Layout, NumberProfile, Profile

# Evidently's for both distances.
THRESHOLD = 0.1
WASSERSTEIN, JENSEN_SHANNON = "Wasserstein distance (normed)", "Jensen-Shannon distance"
# With fewer values the distance of two samples of one distribution is near the threshold by chance; and up to so many
# rows of the reference Evidently takes p-values instead.
MIN_ROWS = 1_000


class Verdict(StrEnum):
    """What is said of a column."""

    DRIFT = "drift"
    NO_DRIFT = "no drift"
    NOT_ENOUGH_DATA = "not enough data"


@dataclass(frozen=True)
class ColumnDrift:
    """A column of a window beside the reference.

    Attributes:
        column: Its name.
        method: Evidently's name of the statistic.
        statistic: Its value; NaN where there was not enough data.
        threshold: From where on the column has drifted.
        verdict: Evidently's, or that there is not enough data.
        rows: Values of the window that were compared.
    """

    column: str
    method: str
    statistic: float
    threshold: float
    verdict: Verdict
    rows: int


@dataclass(frozen=True)
class Numbers:
    """The distribution of numbers, of one profile or of a weighted mixture.

    Attributes:
        shares: float64 [bins], share of the values in each bin.
        offsets: float64 [bins], mean over all values of the cells beyond the bin's anchor.
        deviation: Standard deviation, in cells.
        values: Share of each value where they are few, else None.
        count: How many values.
    """

    shares: np.ndarray
    offsets: np.ndarray
    deviation: float
    values: Mapping[float, float] | None
    count: float


@dataclass(frozen=True)
class Categories:
    """The distribution of categories: float64 [known + 1] shares, the last of all others together; and the values."""

    shares: np.ndarray
    count: float


def mixed_numbers(parts: Sequence[NumberProfile], weights: Sequence[float]) -> Numbers:
    """The distribution in which each part's values count ``weights`` times."""
    factor = np.array(weights)
    counts = factor @ np.array([part.counts for part in parts], dtype=float)
    total = max(float(counts.sum()), math.ulp(0.0))
    mean = sum(weight * part.total for weight, part in zip(weights, parts, strict=True)) / total
    square = sum(weight * part.squares for weight, part in zip(weights, parts, strict=True)) / total
    return Numbers(
        shares=counts / total,
        offsets=factor @ np.array([part.offsets for part in parts], dtype=float) / total,
        deviation=math.sqrt(max(square - mean * mean, 0.0)),
        values=_mixed_values(parts, weights, total),
        count=float(counts.sum()),
    )


def _mixed_values(
    parts: Sequence[NumberProfile], weights: Sequence[float], total: float
) -> Mapping[float, float] | None:
    values: dict[float, float] = {}
    for weight, part in zip(weights, parts, strict=True):
        if part.values is None:
            return None
        for value, times in part.values:
            values[value] = values.get(value, 0.0) + weight * times / total
    return values


def mixed_categories(parts: Sequence[CategoryProfile], weights: Sequence[float]) -> Categories:
    """The distribution in which each part's values count ``weights`` times."""
    counts = np.array(weights) @ np.array([(*part.counts, part.other) for part in parts], dtype=float)
    return Categories(shares=counts / max(counts.sum(), math.ulp(0.0)), count=float(counts.sum()))


def number_statistic(reference: Numbers, current: Numbers, bins: Grid) -> tuple[str, float]:
    """Evidently's choice of a statistic for numbers, and its value."""
    if reference.values is not None and current.values is not None:
        names = sorted({*reference.values, *current.values})
        if len(names) <= FEW_VALUES:
            sides = ([side.get(name, 0.0) for name in names] for side in (reference.values, current.values))
            return JENSEN_SHANNON, _jensen_shannon(*(np.array(side) for side in sides))
    deviation = max(reference.deviation * bins.width, LEAST_DEVIATION)
    return WASSERSTEIN, wasserstein(reference, current, np.array(bins.edges)) * bins.width / deviation


def category_statistic(reference: Categories, current: Categories) -> tuple[str, float]:
    """The Jensen-Shannon distance. Categories that one side lacks count the same together as one by one."""
    return JENSEN_SHANNON, _jensen_shannon(reference.shares, current.shares)


def wasserstein(reference: Numbers, current: Numbers, edges: np.ndarray) -> float:
    """The first Wasserstein distance in cells: the area between the two cumulative distributions.

    Where these do not cross within a bin, the area of the bin follows from the sums alone. Where they do, they are
    taken to be straight.

    Args:
        reference: Counted by the grid of these edges.
        current: Likewise.
        edges: int64 [bins - 1].
    """
    shares, offsets = current.shares - reference.shares, current.offsets - reference.offsets
    at_edge = np.cumsum(shares)[:-1]
    lower, upper = np.concatenate([[0.0], at_edge]), np.concatenate([at_edge, [0.0]])
    width = np.concatenate([[0.0], np.diff(edges), [0.0]])
    # A number adds to its bin's area from itself to the upper edge; in the open bins, from the anchor. The middle of a
    # cell stands for its numbers.
    signed = lower * width + shares * (width - 0.5) - offsets
    # Of a bin in which they cross, it is assumed that each side is a triangle: where these meet follows from the sum.
    crosses = lower * upper < 0
    apart, whole = np.where(crosses, lower - upper, 1.0), np.where(crosses, width, 1.0)
    meet = np.clip((2 * signed / whole - upper) / apart, 0, 1)
    triangles = width * (np.abs(lower) * meet + np.abs(upper) * (1 - meet)) / 2
    return float(np.where(crosses, np.maximum(np.abs(signed), triangles), np.abs(signed)).sum())


def _jensen_shannon(reference: np.ndarray, current: np.ndarray) -> float:
    # Of equal shares rounding may leave less than nothing under the root.
    return float(np.nan_to_num(jensenshannon(reference, current)))


def compare(reference: Profile, current: Profile, layout: Layout, *, min_rows: int = MIN_ROWS) -> list[ColumnDrift]:
    """Each column that both profiles hold, judged as Evidently judges it.

    Args:
        reference: More than 1,000 rows.
        current: The window.
        layout: By which both were counted.
        min_rows: With fewer values on one side there is not enough data.
    """
    found = []
    for name, bins in layout.numbers.items():
        if name in reference.numbers and name in current.numbers:
            sides = [mixed_numbers([side.numbers[name]], [1.0]) for side in (reference, current)]
            found.append(judged(name, sides[0], sides[1], bins, min_rows))
    for name in layout.categories:
        if name in reference.categories and name in current.categories:
            sides = [mixed_categories([side.categories[name]], [1.0]) for side in (reference, current)]
            found.append(judged(name, sides[0], sides[1], None, min_rows))
    return found


def judged(
    column: str, reference: Numbers | Categories, current: Numbers | Categories, bins: Grid | None, min_rows: int
) -> ColumnDrift:
    """The verdict on one column; ``bins`` is the grid of numbers and None for categories."""
    if isinstance(reference, Numbers) and isinstance(current, Numbers) and bins is not None:
        method, statistic = number_statistic(reference, current, bins)
    elif isinstance(reference, Categories) and isinstance(current, Categories):
        method, statistic = category_statistic(reference, current)
    else:
        raise TypeError(f"{column} is compared with a column of another kind")
    rows = round(current.count)
    if min(reference.count, current.count) < min_rows:
        return ColumnDrift(column, method, math.nan, THRESHOLD, Verdict.NOT_ENOUGH_DATA, rows)
    verdict = Verdict.DRIFT if statistic >= THRESHOLD else Verdict.NO_DRIFT
    return ColumnDrift(column, method, statistic, THRESHOLD, verdict, rows)
