"""The reference at a window's hours: night is held against nights, and days against what days do."""

import numpy as np
import polars as pl
import pytest

from components import contract
from monitoring.bench import worlds
from monitoring.columns import CLOCK, NUMBERS, PREDICTION, STRATA
from monitoring.drift import Categories, Numbers, judged, mixed_numbers
from monitoring.profile import merge_all
from monitoring.reference import (
    HORIZONS,
    MIN_WINDOWS,
    Reference,
    ReferenceRowsError,
    WindowProfile,
    build,
    cut,
    largest_change,
    merged,
)


def distance(reference: Reference, window: pl.DataFrame, column: str, rows: tuple[int, ...]) -> float:
    current = mixed_numbers([reference.summarise(window).profile.numbers[column]], [1.0])
    return judged(column, reference.mixed(rows)[column], current, reference.layout.numbers[column], 100).statistic


def test_a_night_is_drift_beside_whole_weeks_but_not_beside_nights(
    reference: Reference, calm_days: list[pl.DataFrame]
) -> None:
    night = pl.concat(calm_days).filter(pl.col("hour") < 6)
    all_hours = tuple(part.rows for _, part in sorted(reference.strata.items()))
    its_hours = reference.summarise(night).rows
    assert distance(reference, night, PREDICTION, all_hours) > 0.3
    assert distance(reference, night, PREDICTION, its_hours) < 0.1


def test_mixed_in_its_own_hours_the_reference_is_the_reference(reference: Reference) -> None:
    rows = tuple(reference.strata[number].rows for number in range(STRATA))
    whole = mixed_numbers([merge_all(reference.strata.values()).numbers[PREDICTION]], [1.0])
    mixed = reference.mixed(rows)[PREDICTION]
    assert isinstance(mixed, Numbers)
    np.testing.assert_allclose(mixed.shares, whole.shares)
    assert mixed.deviation == pytest.approx(whole.deviation)
    assert reference.share(rows) == pytest.approx(1)


def test_features_that_are_the_clock_are_not_compared(reference: Reference) -> None:
    assert not {*CLOCK} & {*reference.layout.numbers, *reference.layout.categories}


def test_hours_that_the_reference_lacks_are_known_to_be_unknown(reference: Reference, calm_day: pl.DataFrame) -> None:
    without = reference.model_copy(update={"strata": {9: reference.strata[9]}})
    rows = reference.summarise(calm_day).rows
    assert without.unknown_share(rows) == pytest.approx(1 - rows[9] / sum(rows))


def test_a_reference_survives_json(reference: Reference) -> None:
    assert Reference.model_validate_json(reference.model_dump_json()) == reference


def test_windows_together_have_all_their_rows(reference: Reference, calm_days: list[pl.DataFrame]) -> None:
    kept = [reference.summarise(day) for day in calm_days]
    both = merged(kept)
    assert both == reference.summarise(pl.concat(calm_days))
    assert WindowProfile.model_validate_json(both.model_dump_json()) == both


def test_more_windows_have_no_higher_limit(reference: Reference) -> None:
    for usual in reference.distance.values():
        limits = [usual.limit(reference.tests(), reference.windows, horizon) for horizon in HORIZONS]
        assert limits == sorted(limits, reverse=True)


def test_a_window_that_is_hardly_filled_is_not_cut(calm_days: list[pl.DataFrame]) -> None:
    days = list(cut(pl.concat([*calm_days[:3], calm_days[3][:10]]), worlds.WINDOW))
    assert [day.height for day in days] == [day.height for day in calm_days[:3]]


def test_a_category_that_is_gone_is_farther_off_than_one_that_is_somewhat_rarer() -> None:
    reference = Categories(np.array([0.9, 0.06, 0.04, 0.0]), 30_000)
    rarer, gone = (Categories(np.array([0.9, *shares, 0.0]), 1_000) for shares in ((0.07, 0.03), (0.1, 0.0)))
    assert largest_change(reference, rarer, spread=1, unseen=0)[1] < 2
    place, deviations = largest_change(reference, gone, spread=1, unseen=0)
    assert (place, deviations) == (2, pytest.approx((2 * 40) ** 0.5))
    assert largest_change(reference, gone, spread=4, unseen=0)[1] == pytest.approx(deviations / 2)


def test_categories_that_the_reference_has_not_met_are_expected_as_often_as_its_rare_ones_tell(
    reference: Reference,
) -> None:
    known, new = Categories(np.array([1.0, 0.0]), 30_000), Categories(np.array([0.99, 0.01]), 1_000)
    assert largest_change(known, new, spread=1, unseen=0)[1] > 5
    assert largest_change(known, new, spread=1, unseen=0.01)[1] < 1
    whole = merge_all(reference.strata.values()).categories[contract.PICKUP_ZONE]
    once = sum(count == 1 for count in whole.counts)
    assert reference.unseen(contract.PICKUP_ZONE) == pytest.approx(once / sum(whole.counts))


def test_too_few_windows_are_no_reference(calm_days: list[pl.DataFrame]) -> None:
    few = pl.concat(calm_days[: MIN_WINDOWS - 1])
    with pytest.raises(ReferenceRowsError, match="over 7 windows"):
        build(few, version="1", window=worlds.WINDOW, numbers=NUMBERS[:1], categories=[])
