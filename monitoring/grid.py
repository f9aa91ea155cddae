"""Counting numbers in bins whose edges a reference fixes, so that counts of two windows can be added and compared.

A number falls into one of ``CELLS`` equal cells over the reference's range, found by one multiplication; neighbouring
cells make bins. A bin keeps how many numbers it holds and the sum of their distances from its edge, so the area under
its part of the cumulative distribution is known and not guessed. Beyond the range, bins double in width and the last is
open; the sums make its area exact too. All that is kept are whole numbers, in units of a cell: adding them is exact, in
any order and grouping.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

CELLS = 16_384
# Rows that are in memory besides the column itself, and whose buffers fit a core's cache.
CHUNK = 65_536
# Evidently compares a column of at most so many values by their shares (``monitoring.drift``).
FEW_VALUES = 5
# Evidently's least divisor of a distance (wasserstein_distance_norm.py).
LEAST_DEVIATION = 0.001

_QUANTILES, _EQUAL = 160, 64
# The outermost hundredths hold much of a long tail's width.
_TAILS = np.array([0.0005, 0.001, 0.002, 0.004])
_DOUBLINGS = 4
# The range that is cut into cells ends there: one absurd number would make all cells too wide.
_MOST_DEVIATIONS = 20.0
# Farther numbers are taken for this far, so that sums of whole columns fit 64 bits.
_FARTHEST = 2**40
# The largest number of the reference lies inside the last cell.
_ROOM = 1 + 2**-20


class Grid(BaseModel):
    """Where the cells and bins of a column lie.

    Attributes:
        low: Lower end of cell 0, in the column's unit.
        width: Of a cell, likewise.
        edges: Ascending cell numbers; bin k lies between edge k - 1 and edge k, the first and the last are open.
    """

    model_config = ConfigDict(frozen=True)

    low: float
    width: float
    edges: tuple[int, ...]


@dataclass(frozen=True)
class Counts:
    """What a column holds, in the bins of a grid.

    Attributes:
        counts: int64 [bins], numbers in each bin.
        offsets: int64 [bins], sum of cell numbers less the bin's ``anchors``.
        total: Sum of all cell numbers.
        squares: Sum of their squares.
        missing: Values that are null or NaN.
        infinite: Values that are.
        values: How often each number occurs, while they are at most FEW_VALUES; else None.
    """

    counts: np.ndarray
    offsets: np.ndarray
    total: int
    squares: int
    missing: int
    infinite: int
    values: dict[float, int] | None


def anchors(edges: np.ndarray) -> np.ndarray:
    """The edge that each bin's offsets are taken from: its lower one; of the first bin, which has none, its upper.

    Args:
        edges: int64 [bins - 1].

    Returns:
        int64 [bins].
    """
    return np.concatenate([edges[:1], edges])


def fit(column: pl.Series) -> Grid:
    """The grid for a reference's column: a quarter of its inner edges are equally far apart, the others quantiles."""
    values = column.cast(pl.Float64).drop_nulls().to_numpy()
    values = values[np.isfinite(values)]
    mean = float(values.mean()) if len(values) else 0.0
    deviation = float(values.std()) if len(values) else 0.0
    reach = _MOST_DEVIATIONS * deviation
    low = max(float(values.min(initial=mean)), mean - reach)
    span = min(float(values.max(initial=mean)), mean + reach) - low
    width = span * _ROOM / CELLS if span > 0 else LEAST_DEVIATION / CELLS
    inner = [np.linspace(0, CELLS, _EQUAL + 1)]
    if len(values):
        shares = np.concatenate([np.linspace(0, 1, _QUANTILES + 1), _TAILS, 1 - _TAILS])
        inner.append((np.quantile(values, shares) - low) / width)
    beyond = CELLS * (2 ** np.arange(1, _DOUBLINGS + 1) - 1)
    cells = np.unique(np.clip(np.rint(np.concatenate(inner)), 0, CELLS).astype(np.int64))
    return Grid(low=low, width=width, edges=tuple(int(cell) for cell in (*-beyond[::-1], *cells, *CELLS + beyond)))


def count(column: pl.Series, grid: Grid) -> Counts:
    """Count a column of numbers; memory beyond it is that of CHUNK rows."""
    edges = np.array(grid.edges)
    cells = np.zeros(CELLS + 2, dtype=np.int64)
    values: dict[float, int] | None = {}
    far = _Far(edges)
    scaled, places = np.empty(CHUNK), np.empty(CHUNK, dtype=np.int64)
    per_unit = 1 / grid.width
    numbers = column.cast(pl.Float64)
    for first in range(0, len(numbers), CHUNK):
        chunk = numbers.slice(first, CHUNK).to_numpy()
        at, place = scaled[: len(chunk)], places[: len(chunk)]
        with np.errstate(over="ignore", invalid="ignore"):
            np.subtract(chunk, grid.low, out=at)
            at *= per_unit
        # Place 0 is below the cells, as NaN is, and the last is above them.
        at += 1
        np.fmin(np.fmax(at, 0, out=at), CELLS + 1, out=at)
        np.copyto(place, at, casting="unsafe")
        found = np.bincount(place, minlength=CELLS + 2)
        cells += found
        if values is not None:
            values = joined(values, _few(chunk, found))
        if found[0] or found[-1]:
            far.add(chunk[(place == 0) | (place == CELLS + 1)], grid)
    return _binned(cells[1:-1], far, edges, values)


class _Far:
    """Numbers beyond the cells, few as a rule, and what is no number."""

    def __init__(self, edges: np.ndarray) -> None:
        self._edges, self._anchors = edges, anchors(edges)
        self.counts, self.offsets = (np.zeros(len(edges) + 1, dtype=np.int64) for _ in range(2))
        self.total = self.squares = self.missing = self.infinite = 0

    def add(self, values: np.ndarray, grid: Grid) -> None:
        nan, infinite = np.isnan(values), np.isinf(values)
        self.missing += int(nan.sum())
        self.infinite += int(infinite.sum())
        with np.errstate(over="ignore"):
            cell = np.floor((values[~(nan | infinite)] - grid.low) / grid.width)
        cell = np.clip(cell, -_FARTHEST, _FARTHEST).astype(np.int64)
        place = np.searchsorted(self._edges, cell, side="right")
        self.counts += np.bincount(place, minlength=len(self.counts))
        np.add.at(self.offsets, place, cell - self._anchors[place])
        self.total += int(cell.sum())
        self.squares += _squares(cell)


def _squares(cell: np.ndarray) -> int:
    """The exact sum of squares of at most CHUNK cell numbers below 2**40: in halves, whose sums fit 64 bits."""
    high, low = np.divmod(np.abs(cell), 2**20)
    return (int((high * high).sum()) << 40) + (int((high * low).sum()) << 21) + int((low * low).sum())


def _binned(cells: np.ndarray, far: _Far, edges: np.ndarray, values: dict[float, int] | None) -> Counts:
    number = np.arange(CELLS)
    first = int(np.searchsorted(edges, 0))
    last = int(np.searchsorted(edges, CELLS))
    counts, offsets = far.counts.copy(), far.offsets.copy()
    starts = edges[first:last]
    inside = np.add.reduceat(cells, starts)
    counts[first + 1 : last + 1] += inside
    offsets[first + 1 : last + 1] += np.add.reduceat(cells * number, starts) - inside * starts
    return Counts(
        counts=counts,
        offsets=offsets,
        total=far.total + int((cells * number).sum()),
        squares=far.squares + int((cells * number * number).sum()),
        missing=far.missing,
        infinite=far.infinite,
        values=values,
    )


def _few(chunk: np.ndarray, found: np.ndarray) -> dict[float, int] | None:
    """How often each number occurs, or None if there are more than FEW_VALUES."""
    if np.count_nonzero(found) > FEW_VALUES + 1:
        return None
    left = chunk[np.isfinite(chunk)]
    values: dict[float, int] = {}
    while len(left):
        if len(values) == FEW_VALUES:
            return None
        same = left == left[0]
        values[float(left[0])] = int(same.sum())
        left = left[~same]
    return values


def joined(one: dict[float, int] | None, other: dict[float, int] | None) -> dict[float, int] | None:
    """The counts of both, or None if there are more than FEW_VALUES."""
    if one is None or other is None:
        return None
    both = {value: one.get(value, 0) + other.get(value, 0) for value in sorted({*one, *other})}
    return both if len(both) <= FEW_VALUES else None
