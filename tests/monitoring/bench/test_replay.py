"""A few of the cities that ``make bench-drift`` counts, and what is injected into a calm day of one."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import polars as pl
import pytest

from components import contract
from components.trips.synthetic import Regime
from monitoring.bench import worlds
from monitoring.bench.replay import replay
from monitoring.bench.speed import columns, measure
from monitoring.columns import AT, STORED
from monitoring.decision import Action, Decision, History, Policy, decide
from monitoring.quality import LABELS_DUE, ErrorReference
from monitoring.reference import Reference, WindowProfile
from monitoring.window import WindowResult, measure_window

SEEDS = range(1_000, 1_003)
LAST_DAY = 57


@pytest.mark.parametrize("regime", [Regime.CONGESTION, Regime.CLOSED_AIRPORT])
def test_calm_days_begin_no_run_and_a_changed_world_begins_one_within_two_days(regime: Regime) -> None:
    found = [replay(seed, regime, Policy()) for seed in SEEDS]
    assert [reason for one in found for reason in one.false] == []
    assert all(one.detected for one in found)
    assert [one.runs for one in found] == [1] * len(SEEDS)
    # Evidently's threshold alone would have called many columns of these calm days drifted.
    assert min(one.drifted for one in found) > 0.2


def measured(
    day: pl.DataFrame,
    reference: Reference,
    errors: ErrorReference,
    recomputed: pl.DataFrame | None = None,
    earlier: Sequence[WindowProfile] = (),
) -> WindowResult:
    start, end = worlds.day(LAST_DAY), worlds.day(LAST_DAY + 1)
    return measure_window(
        day,
        start=start,
        end=end,
        now=end + LABELS_DUE,
        reference=reference,
        errors=errors,
        recomputed=recomputed,
        earlier=earlier,
    )


def decided(*results: WindowResult) -> Decision:
    return decide(results, History("v1", 10_000), Policy())


INJECTED: dict[str, tuple[Callable[[pl.DataFrame], pl.DataFrame], Action, str]] = {
    "nothing": (lambda day: day, Action.NOTHING, "no lasting drift"),
    "missing column": (lambda day: day.drop(contract.PASSENGERS), Action.STOP, "column passenger_count is missing"),
    "new category": (
        lambda day: day.with_columns(pl.lit(7).alias("payment_type")),
        Action.STOP,
        "payment_type has values that the contract does not know (7)",
    ),
    "duplicated events": (lambda day: pl.concat([day, day[::3]]), Action.STOP, "are there more than once"),
    "clock skew": (
        lambda day: day.with_columns(pl.col(AT) - timedelta(hours=5)),
        Action.STOP,
        "events say that they did not happen between",
    ),
    "feature store gone": (
        lambda day: day.with_columns(pl.lit(None, pl.Float64).alias(name) for name in STORED),
        Action.STOP,
        "zone_trips_1h is missing in 100% of the rows",
    ),
    "no labels yet": (
        lambda day: day.with_columns(pl.lit(None, pl.Float64).alias(contract.TARGET)),
        Action.NOTHING,
        "not enough data: 0 of",
    ),
    "few rows": (lambda day: day[:200], Action.NOTHING, "not enough data: 200 rows"),
}


@pytest.mark.parametrize("case", INJECTED)
def test_what_is_injected_has_its_outcome(
    case: str, calm_day: pl.DataFrame, reference: Reference, errors: ErrorReference
) -> None:
    inject, action, told = INJECTED[case]
    found = decided(measured(inject(calm_day), reference, errors))
    assert found.action is action
    assert told in found.reason


def test_another_unit_is_a_shift_once_it_lasts(
    calm_days: list[pl.DataFrame], reference: Reference, errors: ErrorReference
) -> None:
    first, second = (day.with_columns(pl.col(contract.DISTANCE) * 1.609) for day in calm_days[-2:])
    once = measured(second, reference, errors)
    twice = measured(second, reference, errors, earlier=[reference.summarise(first)])
    assert "trip_distance" in {one.column for one in once.drift.unusual}
    assert (decided(once).action, decided(twice).action) == (Action.NOTHING, Action.RETRAIN)


def test_a_store_that_is_stale_by_a_day_stops(
    calm_days: list[pl.DataFrame], calm_day: pl.DataFrame, reference: Reference, errors: ErrorReference
) -> None:
    old = calm_days[-2].group_by(contract.PICKUP_ZONE).agg(pl.col(contract.ZONE_FEATURES).last())
    stale = calm_day.drop(contract.ZONE_FEATURES).join(old, on=contract.PICKUP_ZONE, how="left", maintain_order="left")
    found = decided(measured(stale.select(calm_day.columns), reference, errors, recomputed=calm_day))
    assert found.action is Action.STOP
    assert "the feature store is stale: zone_trips_1h in" in found.reason


def test_repeated_events_do_not_count_twice(
    calm_day: pl.DataFrame, reference: Reference, errors: ErrorReference
) -> None:
    once, twice = (measured(day, reference, errors) for day in (calm_day, pl.concat([calm_day, calm_day])))
    assert (twice.rows, twice.profile, twice.quality) == (once.rows, once.profile, once.quality)


def test_the_bench_compares_the_columns_that_evidently_compares() -> None:
    assert columns(100, seed=1).shape == (100, 20)
    found = measure(rows=5_000, evidently_rows=3_000)
    assert (found.rows, found.evidently_rows, found.equal) == (5_000, 3_000, 20)
    assert found.profile_bytes < 100_000
