"""What a window of predictions holds, in a form that is small whatever the number of rows, and of which two make one.

A ``Layout`` is made once from a reference and fixes bins and categories. Every window is profiled by it, so profiles
are added column by column: hours to a day, shards to a whole, days to a week. All sums are whole numbers, so merging is
exact, in any order and grouping.
"""

import heapq
from collections.abc import Iterable, Sequence
from functools import reduce

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from monitoring import grid
from monitoring.grid import Grid

# Rarer categories of the reference are counted together.
MAX_CATEGORIES = 400
# So many names of categories that the reference does not know are kept, the first in alphabetical order.
MAX_UNKNOWN = 8


class Layout(BaseModel):
    """How a window is counted.

    Attributes:
        numbers: The grid of each numeric column.
        categories: The categories of each categorical column that are counted one by one, as ``category_name`` has it.
    """

    model_config = ConfigDict(frozen=True)

    numbers: dict[str, Grid]
    categories: dict[str, tuple[str, ...]]


class NumberProfile(BaseModel):
    """A numeric column; see ``monitoring.grid.Counts``. ``values`` are pairs of a number and how often it occurs."""

    model_config = ConfigDict(frozen=True)

    counts: tuple[int, ...]
    offsets: tuple[int, ...]
    total: int
    squares: int
    missing: int
    infinite: int
    values: tuple[tuple[float, int], ...] | None


class CategoryProfile(BaseModel):
    """A categorical column.

    Attributes:
        counts: Of each category of the layout, in its order.
        other: Values that are in none of them.
        missing: Values that are null or NaN.
        unknown: Names of some of the others.
    """

    model_config = ConfigDict(frozen=True)

    counts: tuple[int, ...]
    other: int
    missing: int
    unknown: tuple[str, ...]


class Profile(BaseModel):
    """A window.

    Attributes:
        rows: How many there are.
        numbers: By column; columns that the window lacks are left out, so are they of ``categories``.
        categories: By column.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    numbers: dict[str, NumberProfile]
    categories: dict[str, CategoryProfile]


def category_name(value: object) -> str:
    """What a category is called in a profile; 1, 1.0 and "1" are one."""
    return str(int(value)) if isinstance(value, bool | float) and float(value).is_integer() else str(value)


def fit_layout(reference: pl.DataFrame, *, numbers: Sequence[str], categories: Sequence[str]) -> Layout:
    """The layout for a reference frame [n] with these columns; numeric ones must be castable to Float64."""
    return Layout(
        numbers={name: grid.fit(reference[name]) for name in numbers},
        categories={name: tuple(sorted(_most_frequent(reference[name]))) for name in categories},
    )


def profile(window: pl.DataFrame, layout: Layout) -> Profile:
    """Count a window, a frame [n]; columns that it lacks are left out.

    Raises:
        polars.exceptions.InvalidOperationError: A numeric column holds no numbers.
    """
    there = set(window.columns)
    return Profile(
        rows=window.height,
        numbers={name: _number(window[name], bins) for name, bins in layout.numbers.items() if name in there},
        categories={name: _category(window[name], known) for name, known in layout.categories.items() if name in there},
    )


def merge(one: Profile, other: Profile) -> Profile:
    """The profile of the rows of both, which were counted by one layout; of a column that one lacks, nothing."""
    return Profile(
        rows=one.rows + other.rows,
        numbers={
            name: _merged_numbers(column, other.numbers[name])
            for name, column in one.numbers.items()
            if name in other.numbers
        },
        categories={
            name: _merged_categories(column, other.categories[name])
            for name, column in one.categories.items()
            if name in other.categories
        },
    )


def merge_all(profiles: Iterable[Profile]) -> Profile:
    """The profile of the rows of all.

    Raises:
        TypeError: There are none.
    """
    return reduce(merge, profiles)


def _number(column: pl.Series, bins: Grid) -> NumberProfile:
    found = grid.count(column, bins)
    return NumberProfile.model_construct(
        counts=tuple(found.counts.tolist()),
        offsets=tuple(found.offsets.tolist()),
        total=found.total,
        squares=found.squares,
        missing=found.missing,
        infinite=found.infinite,
        values=None if found.values is None else tuple(sorted(found.values.items())),
    )


def _category(column: pl.Series, known: tuple[str, ...]) -> CategoryProfile:
    counts = _name_counts(column)
    here = [counts.pop(name, 0) for name in known]
    return CategoryProfile(
        counts=tuple(here),
        other=sum(counts.values()),
        missing=len(column) - sum(here) - sum(counts.values()),
        unknown=tuple(sorted(heapq.nsmallest(MAX_UNKNOWN, counts))),
    )


def _name_counts(column: pl.Series) -> dict[str, int]:
    counts: dict[str, int] = {}
    for value, times in column.value_counts().iter_rows():
        if value is not None and value == value:
            name = category_name(value)
            counts[name] = counts.get(name, 0) + times
    return counts


def _most_frequent(column: pl.Series) -> list[str]:
    counts = _name_counts(column)
    return heapq.nsmallest(MAX_CATEGORIES, counts, key=lambda name: (-counts[name], name))


def _merged_numbers(one: NumberProfile, other: NumberProfile) -> NumberProfile:
    values = grid.joined(*(None if part.values is None else dict(part.values) for part in (one, other)))
    return NumberProfile.model_construct(
        counts=_sum(one.counts, other.counts),
        offsets=_sum(one.offsets, other.offsets),
        total=one.total + other.total,
        squares=one.squares + other.squares,
        missing=one.missing + other.missing,
        infinite=one.infinite + other.infinite,
        values=None if values is None else tuple(values.items()),
    )


def _merged_categories(one: CategoryProfile, other: CategoryProfile) -> CategoryProfile:
    return CategoryProfile(
        counts=_sum(one.counts, other.counts),
        other=one.other + other.other,
        missing=one.missing + other.missing,
        unknown=tuple(sorted({*one.unknown, *other.unknown})[:MAX_UNKNOWN]),
    )


def _sum(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return tuple((np.array(one) + np.array(other)).tolist())
