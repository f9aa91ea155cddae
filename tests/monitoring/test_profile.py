"""A profile is small, two of them make one whatever the order, and it holds the sums of the window's values."""

import math
from functools import reduce

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.drift import mixed_numbers
from monitoring.grid import FEW_VALUES, anchors
from monitoring.profile import MAX_CATEGORIES, MAX_UNKNOWN, Profile, fit_layout, merge, merge_all, profile

RANDOM = np.random.default_rng(1)
REFERENCE = pl.DataFrame({"x": RANDOM.normal(10, 3, 3_000), "zone": RANDOM.integers(1, 40, 3_000)})
LAYOUT = fit_layout(REFERENCE, numbers=["x"], categories=["zone"])

numbers = st.one_of(st.none(), st.floats(), st.floats(-5, 25), st.sampled_from([1.0, 2.0, -0.0, 0.0]))
rows = st.lists(st.tuples(numbers, st.one_of(st.none(), st.integers(0, 80))), max_size=30)


def a_window(found: list[tuple[float | None, int | None]]) -> pl.DataFrame:
    return pl.DataFrame(found, schema={"x": pl.Float64, "zone": pl.Int64}, orient="row")


@given(st.lists(rows, min_size=3, max_size=3), st.permutations(range(3)))
@settings(max_examples=200)
def test_merging_is_exact_in_any_order_and_grouping(
    parts: list[list[tuple[float | None, int | None]]], order: list[int]
) -> None:
    one, two, three = (profile(a_window(part), LAYOUT) for part in parts)
    whole = profile(a_window([*parts[0], *parts[1], *parts[2]]), LAYOUT)
    shuffled = [(one, two, three)[place] for place in order]
    assert merge(merge(one, two), three) == merge(one, merge(two, three)) == reduce(merge, shuffled) == whole


@given(rows)
def test_a_profile_survives_json(found: list[tuple[float | None, int | None]]) -> None:
    kept = profile(a_window(found), LAYOUT)
    assert Profile.model_validate_json(kept.model_dump_json()) == kept


@given(rows)
def test_every_value_is_counted_once(found: list[tuple[float | None, int | None]]) -> None:
    kept = profile(a_window(found), LAYOUT)
    x, zone = kept.numbers["x"], kept.categories["zone"]
    assert sum(x.counts) + x.missing + x.infinite == sum(zone.counts) + zone.other + zone.missing == len(found)
    assert x.missing == sum(value is None or math.isnan(value) for value, _ in found)
    assert x.infinite == sum(value is not None and math.isinf(value) for value, _ in found)


def test_sums_are_those_of_the_values_also_beyond_the_range() -> None:
    values = np.concatenate([RANDOM.normal(10, 3, 5_000), RANDOM.normal(300, 50, 200), [-1e5, 1e6]])
    kept, grid = profile(pl.DataFrame({"x": values}), LAYOUT).numbers["x"], LAYOUT.numbers["x"]
    edges = anchors(np.array(grid.edges))
    by_bin = np.dot(kept.counts, edges) + sum(kept.offsets)
    assert by_bin == kept.total
    assert grid.low + grid.width * (kept.total / len(values) + 0.5) == pytest.approx(values.mean(), abs=grid.width)
    assert mixed_numbers([kept], [1.0]).deviation * grid.width == pytest.approx(values.std(), rel=1e-6)


def test_numbers_are_kept_one_by_one_only_while_they_are_few() -> None:
    few, many = (pl.DataFrame({"x": np.arange(20.0) % count}) for count in (FEW_VALUES, FEW_VALUES + 1))
    layout = fit_layout(few, numbers=["x"], categories=[])
    assert profile(few, layout).numbers["x"].values == tuple((float(value), 4) for value in range(FEW_VALUES))
    assert profile(many, layout).numbers["x"].values is None
    assert merge_all([profile(many[place : place + 1], layout) for place in range(6)]).numbers["x"].values is None


def test_two_numbers_in_one_cell_are_told_apart() -> None:
    reference = pl.DataFrame({"x": [0.0, 1e9]})
    layout = fit_layout(reference, numbers=["x"], categories=[])
    values = profile(pl.DataFrame({"x": [1.0, 2.0, 2.0]}), layout).numbers["x"].values
    assert values == ((1.0, 1), (2.0, 2))


def test_categories_that_the_reference_lacks_are_counted_and_some_are_named() -> None:
    window = pl.DataFrame({"zone": ["7", *(f"new {number:02}" for number in range(20)), None]})
    zone = profile(window, LAYOUT).categories["zone"]
    assert (sum(zone.counts), zone.other, zone.missing) == (1, 20, 1)
    assert zone.unknown == tuple(f"new {number:02}" for number in range(MAX_UNKNOWN))


def test_a_whole_number_is_one_category_in_any_type() -> None:
    layout = fit_layout(REFERENCE, numbers=[], categories=["zone"])
    columns = [pl.Series("zone", [7, 7, 8], dtype=dtype) for dtype in (pl.Int64, pl.Float64, pl.UInt8)]
    first, *others = [profile(column.to_frame(), layout).categories["zone"] for column in columns]
    assert others == [first, first]
    assert sum(first.counts) == 3


def test_twenty_columns_take_less_than_a_hundred_kilobytes_whatever_the_rows() -> None:
    drawn = {f"number {place}": RANDOM.lognormal(0, 1, 200_000) for place in range(16)}
    drawn |= {f"category {place}": RANDOM.integers(0, MAX_CATEGORIES, 200_000) for place in range(4)}
    frame = pl.DataFrame(drawn)
    layout = fit_layout(frame[:20_000], numbers=list(drawn)[:16], categories=list(drawn)[16:])
    thousand_times = profile(frame, layout)
    for _ in range(10):
        thousand_times = merge(thousand_times, thousand_times)
    assert len(thousand_times.model_dump_json()) <= 100_000
    assert thousand_times.rows == 200_000 * 1024


def test_a_column_that_the_window_lacks_is_left_out() -> None:
    kept = profile(REFERENCE.drop("x"), LAYOUT)
    assert set(kept.numbers) == set()
    assert set(merge(kept, profile(REFERENCE, LAYOUT)).categories) == {"zone"}
