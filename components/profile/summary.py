"""A summary of trips that is small, whatever their number, and of which two make one.

Quantiles come from counts in bins that grow by a fixed factor, as in DDSketch (Masson, Rim and Lee, 2019,
https://arxiv.org/abs/1908.10693): each is off by at most the width of a bin, 3 % of its value.
"""

import math
from collections import Counter
from collections.abc import Iterable
from datetime import date
from itertools import accumulate
from typing import Any

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from components.profile.columns import CATEGORIES, DAY, HOUR, NUMBERS, WEEKDAY

# Each bin is wider than the one before by this factor; smaller numbers than the least are zero (half a cent).
_GROWTH = 1.03
_LEAST = 0.005
_MEAN_DIGITS = 6


class NumberSummary(BaseModel):
    """What is known of a column of numbers.

    Attributes:
        present: Values that are not missing.
        missing: Values that are.
        minimum: None without values; so is the maximum.
        total: Sum of the values.
        squares: Sum of their squares.
        bins: Count and mean of the values in each bin; negative bins hold negative values, bin 0 those about zero.
    """

    model_config = ConfigDict(frozen=True)

    present: int = 0
    missing: int = 0
    minimum: float | None = None
    maximum: float | None = None
    total: float = 0.0
    squares: float = 0.0
    bins: dict[int, tuple[int, float]] = {}

    @property
    def mean(self) -> float | None:
        """None without values."""
        return self.total / self.present if self.present else None

    @property
    def deviation(self) -> float | None:
        """The standard deviation; None without values."""
        if not self.present:
            return None
        mean = self.total / self.present
        return math.sqrt(max(self.squares / self.present - mean * mean, 0.0))

    def quantile(self, share: float) -> float | None:
        """The value that ``share`` of the values do not exceed, off by at most 3 % of itself; None without values."""
        if not self.present:
            return None
        ordered = sorted(self.bins)
        reached = accumulate(self.bins[number][0] for number in ordered)
        wanted = max(1, math.ceil(share * self.present))
        return next(self.bins[number][1] for number, count in zip(ordered, reached, strict=True) if count >= wanted)


class CategorySummary(BaseModel):
    """What is known of a column of codes or names.

    Attributes:
        missing: Values that are missing.
        counts: How often each value occurs, under its text.
    """

    model_config = ConfigDict(frozen=True)

    missing: int = 0
    counts: dict[str, int] = {}

    @property
    def present(self) -> int:
        """Values that are not missing."""
        return sum(self.counts.values())


class Summary(BaseModel):
    """What is known of trips.

    Attributes:
        rows: How many there are.
        days: Trips that begin on each day.
        hours_of_week: Trips that begin in each hour of the week, from Monday 0:00; 168 numbers.
        numbers: By column, as in ``components.profile.columns``.
        categories: Likewise.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    days: dict[date, int]
    hours_of_week: list[int]
    numbers: dict[str, NumberSummary]
    categories: dict[str, CategorySummary]


def summarise(trips: pl.DataFrame) -> Summary:
    """The summary of trips as ``components.profile.columns.derived`` gives them; there may be none."""
    week = _counts(trips.select((pl.col(WEEKDAY).cast(pl.Int64) - 1) * 24 + pl.col(HOUR)).to_series())
    return Summary(
        rows=trips.height,
        days=dict(sorted(_counts(trips[DAY]).items())),
        hours_of_week=[week.get(hour, 0) for hour in range(7 * 24)],
        numbers={name: _number(trips[name]) for name in NUMBERS},
        categories={name: _category(trips[name]) for name in CATEGORIES},
    )


def merged(summaries: Iterable[Summary]) -> Summary:
    """The summary of all trips together; of none, that of no trips."""
    parts = list(summaries)
    weeks = [part.hours_of_week for part in parts] or [[0] * 7 * 24]
    days: Counter[date] = Counter()
    for part in parts:
        days.update(part.days)
    return Summary(
        rows=sum(part.rows for part in parts),
        days=dict(sorted(days.items())),
        hours_of_week=[sum(hours) for hours in zip(*weeks, strict=True)],
        numbers={name: _merged_numbers([part.numbers[name] for part in parts]) for name in NUMBERS},
        categories={name: _merged_categories([part.categories[name] for part in parts]) for name in CATEGORIES},
    )


def _number(column: pl.Series) -> NumberSummary:
    values = column.drop_nulls().to_numpy()
    if not len(values):
        return NumberSummary(missing=len(column))
    size = np.abs(values)
    # Sums are taken in the order of the rows, so that a summary has the same digits each time.
    bins = np.floor(np.log(np.maximum(size, _LEAST) / _LEAST) / math.log(_GROWTH)).astype(np.int64) + 1
    bins = np.where(size < _LEAST, 0, np.sign(values).astype(np.int64) * bins)
    first = int(bins.min())
    counts, sums = np.bincount(bins - first), np.bincount(bins - first, weights=values)
    filled = np.flatnonzero(counts)
    return NumberSummary(
        present=len(values),
        missing=len(column) - len(values),
        minimum=float(values.min()),
        maximum=float(values.max()),
        total=math.fsum(sums),
        squares=float(np.square(values).sum()),
        bins={int(at) + first: (int(counts[at]), _rounded(sums[at] / counts[at])) for at in filled},
    )


def _category(column: pl.Series) -> CategorySummary:
    counts = _counts(column)
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    return CategorySummary(missing=column.null_count(), counts={str(value): counts[value] for value in ordered})


def _counts(column: pl.Series) -> dict[Any, int]:
    """How often each value occurs that is not missing."""
    return dict(column.drop_nulls().value_counts().iter_rows())


def _merged_numbers(parts: list[NumberSummary]) -> NumberSummary:
    bins: dict[int, tuple[int, float]] = {}
    for part in parts:
        for number, (count, mean) in part.bins.items():
            before, mean_before = bins.get(number, (0, 0.0))
            whole = before + count
            bins[number] = (whole, _rounded((before * mean_before + count * mean) / whole))
    return NumberSummary(
        present=sum(part.present for part in parts),
        missing=sum(part.missing for part in parts),
        minimum=min((part.minimum for part in parts if part.minimum is not None), default=None),
        maximum=max((part.maximum for part in parts if part.maximum is not None), default=None),
        total=math.fsum(part.total for part in parts),
        squares=math.fsum(part.squares for part in parts),
        bins=dict(sorted(bins.items())),
    )


def _merged_categories(parts: list[CategorySummary]) -> CategorySummary:
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part.counts)
    return CategorySummary(missing=sum(part.missing for part in parts), counts=dict(counts.most_common()))


def _rounded(mean: float) -> float:
    """A mean with as many digits as the bins are worth."""
    return float(f"{mean:.{_MEAN_DIGITS}g}")
