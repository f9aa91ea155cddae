"""Logged features beside recomputed ones."""

import polars as pl
import pytest

from components import contract
from monitoring.columns import EVENT_KEY, STORED
from monitoring.skew import MIN_ROWS, compare_features


def test_the_same_features_in_another_order_have_no_skew(calm_day: pl.DataFrame) -> None:
    found = compare_features(calm_day, calm_day.sample(fraction=1, shuffle=True, seed=1))
    assert found.skewed == ()
    assert {one.rows for one in found.features} == {calm_day.height}
    assert [one.feature for one in found.features] == list(contract.MODEL_FEATURES)


def test_a_store_that_stood_still_is_said_to_be_stale(calm_day: pl.DataFrame) -> None:
    hours_ago = pl.col("zone_trips_1h").shift(700)
    found = compare_features(calm_day.with_columns(hours_ago), calm_day)
    assert [one.feature for one in found.skewed] == ["zone_trips_1h"]
    assert found.told().startswith("the feature store is stale: zone_trips_1h in ")


def test_a_feature_of_the_request_that_differs_is_skew(calm_day: pl.DataFrame) -> None:
    found = compare_features(
        calm_day.with_columns(pl.col("hour") + 1, *(pl.col(name) + 1 for name in STORED)), calm_day
    )
    assert found.told().startswith("training and serving differ: hour in ")


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_value_equals_only_a_missing_one(calm_day: pl.DataFrame, missing: float | None) -> None:
    column = "zone_trips_1h"
    emptied = calm_day.with_columns(pl.lit(missing, pl.Float64).alias(column))
    nulls = calm_day.with_columns(pl.lit(None, pl.Float64).alias(column))
    assert compare_features(emptied, nulls).skewed == ()
    [skewed] = compare_features(emptied, calm_day).skewed
    assert (skewed.feature, skewed.differing) == (column, calm_day[column].count())


def test_a_few_rows_that_differ_are_the_lag_of_the_store(calm_day: pl.DataFrame) -> None:
    few = pl.int_range(pl.len()) < 0.04 * pl.len()
    late = calm_day.with_columns(pl.when(few).then(pl.lit(99.0)).otherwise("zone_trips_1h").alias("zone_trips_1h"))
    found = compare_features(late, calm_day)
    assert max(one.differing for one in found.features) > 0
    assert found.skewed == ()


def test_few_rows_in_both_are_not_enough_data(calm_day: pl.DataFrame) -> None:
    others = calm_day.with_columns(pl.lit("other").alias(EVENT_KEY[0]))
    found = compare_features(calm_day, pl.concat([calm_day[: MIN_ROWS - 1], others]))
    assert found.features == ()
    assert found.reason == "not enough data: 99 rows are in both, 100 are wanted"
