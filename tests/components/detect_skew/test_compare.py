"""Changed values are found, chance is not, and the statistics are Evidently's."""

import warnings
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from components import contract, thresholds
from components.detect_skew.compare import JENSEN_SHANNON, WASSERSTEIN, compare, holm, homogeneity
from components.profile.columns import SPEED, derived
from components.validate.bench import clean_trips

ROWS = 8000
REFERENCE = clean_trips(ROWS, seed=1)
CURRENT = clean_trips(ROWS, seed=2)


def skewed(current: pl.DataFrame, reference: pl.DataFrame = REFERENCE) -> set[str]:
    return {one.column for one in compare(derived(reference), derived(current)) if one.skewed}


def test_no_clean_sample_of_the_same_world_is_called_skewed() -> None:
    alarmed = {seed: found for seed in range(10, 70) if (found := skewed(clean_trips(4000, seed)))}
    assert alarmed == {}


def test_large_clean_samples_are_not_called_skewed_either() -> None:
    large = [clean_trips(50_000, seed) for seed in (3, 4)]
    assert skewed(large[1], large[0]) == set()


def test_slower_traffic_is_skew_in_durations_and_speeds_but_not_in_distances() -> None:
    found = skewed(clean_trips(ROWS, seed=5, name="synthetic:congestion"))
    assert {contract.TARGET, SPEED, "fare_amount"} <= found
    assert contract.DISTANCE not in found


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda trips: trips.with_columns(pl.col("tip_amount") * 100), {"tip_amount"}),
        (lambda trips: trips.with_columns(pl.col("trip_distance") * 1.609344), {"trip_distance", SPEED}),
        (lambda trips: trips.with_columns(Airport_fee=pl.lit(None, pl.Float64)), {"Airport_fee is missing"}),
        (lambda trips: trips.with_columns(VendorID=pl.lit(None, pl.Int64)), {"VendorID is missing"}),
        (lambda trips: trips.with_columns(passenger_count=pl.lit(None, pl.Int64)), {"passenger_count is missing"}),
        (lambda trips: trips.with_columns(VendorID=pl.lit(6, pl.Int64)), {"VendorID"}),
        (lambda trips: trips.with_columns(mta_tax=pl.lit(0.8)), {"mta_tax"}),
        (lambda trips: trips.with_columns(extra="tip_amount", tip_amount="extra"), {"extra", "tip_amount"}),
        (lambda trips: trips.with_columns(PULocationID=pl.lit(7, pl.Int64)), {"PULocationID"}),
        (lambda trips: trips.with_columns(pl.col("^tpep_.*$") + timedelta(hours=5)), {"pickup_hour"}),
        (lambda trips: trips.filter(pl.col("tpep_pickup_datetime").dt.weekday() < 6), {"pickup_weekday"}),
    ],
    ids="tip-x100 kilometres all-null-money all-null-code all-null-number new-category new-constant swapped "
    "one-zone utc no-weekend".split(),
)  # fmt: skip
def test_every_kind_of_value_skew_is_caught_and_named(
    change: Callable[[pl.DataFrame], pl.DataFrame], named: set[str]
) -> None:
    assert named <= skewed(change(CURRENT))


def test_a_difference_that_is_certain_but_small_is_not_skew() -> None:
    trips = clean_trips(50_000, seed=3)
    (fares,) = (
        one
        for one in compare(derived(trips), derived(trips.with_columns(pl.col("fare_amount") * 1.03)))
        if one.column == "fare_amount"
    )
    assert fares.adjusted_p_value < thresholds.SKEW_SIGNIFICANCE
    assert fares.effect < thresholds.SKEW_EFFECT
    assert not fares.skewed


def test_a_difference_that_is_large_but_may_be_chance_is_not_skew() -> None:
    few = compare(derived(REFERENCE.head(8)), derived(CURRENT.tail(8)))
    assert max(one.effect for one in few) > thresholds.SKEW_EFFECT
    assert not any(one.skewed for one in few)


def test_one_absurd_fare_does_not_hide_that_all_fares_changed() -> None:
    absurd = pl.Series("fare_amount", [1e7, *REFERENCE["fare_amount"][1:]])
    assert "fare_amount" in skewed(CURRENT.with_columns(pl.col("fare_amount") * 2), REFERENCE.with_columns(absurd))


def test_what_changed_most_comes_first_and_skewed_columns_before_all_others() -> None:
    found = compare(derived(REFERENCE), derived(CURRENT.with_columns(pl.col("tip_amount") * 100)))
    assert found[0].column == "tip_amount"
    flags = [one.skewed for one in found]
    assert flags == sorted(flags, reverse=True)


def test_the_effects_are_those_of_evidentlys_own_report() -> None:
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    columns = {"duration_seconds": "wasserstein", "payment_type": "jensenshannon"}
    definition = DataDefinition(numerical_columns=["duration_seconds"], categorical_columns=["payment_type"])
    # Without the draw of extreme values, which Evidently does not know: all are within.
    sides = [derived(trips).filter(pl.col("duration_seconds").is_between(100, 3000)) for trips in (REFERENCE, CURRENT)]
    datasets = [Dataset.from_pandas(side.select(*columns).to_pandas(), data_definition=definition) for side in sides]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = Report([ValueDrift(column=name, method=method) for name, method in columns.items()])
        metrics = report.run(datasets[1], datasets[0]).dict()["metrics"]
    evidently = {metric["config"]["column"]: float(metric["value"]) for metric in metrics}
    ours = {one.column: one.effect for one in compare(*sides) if one.column in columns}
    assert ours["payment_type"] == pytest.approx(evidently["payment_type"], abs=1e-12)
    assert ours["duration_seconds"] == pytest.approx(evidently["duration_seconds"], abs=1e-3)
    assert {one.measure for one in compare(*sides)} == {WASSERSTEIN, JENSEN_SHANNON}


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_holms_correction_is_that_of_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist(), abs=1e-12)


def test_two_samples_of_many_categories_differ_by_chance_as_often_as_the_level_says() -> None:
    random = np.random.default_rng(0)
    shares = random.dirichlet(np.ones(200))
    draws = [[random.choice(200, 3000, p=shares) for _ in range(2)] for _ in range(300)]
    below = sum(homogeneity(*pair) < 0.05 for pair in draws)
    assert 3 <= below <= 30


def test_evidentlys_own_test_calls_clean_samples_of_many_categories_changed_and_ours_does_not() -> None:
    from evidently.legacy.calculations.stattests import chi_stat_test
    from evidently.legacy.core import ColumnType

    random = np.random.default_rng(0)
    draws = [[random.integers(0, 200, 5000) for _ in range(2)] for _ in range(20)]
    theirs = [
        chi_stat_test(*(pl.Series(side).to_pandas() for side in pair), ColumnType.Categorical, None).drift_score
        for pair in draws
    ]
    assert max(theirs) < 0.01
    assert sorted(homogeneity(*pair) for pair in draws)[1] > 0.01


def test_categories_that_are_too_rare_for_the_test_do_not_decide_it() -> None:
    common = [0] * 1000 + [1] * 1000
    spread = np.array([*common, *range(2, 42)]), np.array([*common, *range(42, 82)])
    assert homogeneity(*spread) > 0.1
    assert homogeneity(np.zeros(10, dtype=int), np.zeros(10, dtype=int)) == 1.0


def test_the_same_trips_give_the_same_digits() -> None:
    sides = derived(REFERENCE), derived(CURRENT)
    assert len({tuple(compare(*sides)) for _ in range(5)}) == 1
