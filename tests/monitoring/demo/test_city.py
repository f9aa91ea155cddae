"""The city of the demonstrations: trips after those that a champion learned from, in steps of time."""

from datetime import timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from components import contract
from components.served.trips import RECORDED
from components.trips import synthetic
from components.trips.synthetic import Regime
from monitoring.demo.city import BEGAN, CHANGE, ENDED, LIVE, hops, live_trips
from monitoring.demo.story import instant_of

ROWS = 20_000
CALM = live_trips(ROWS, None)


def test_it_goes_on_where_the_champions_trips_end_and_as_busily() -> None:
    learned = pl.concat([pl.DataFrame(batch) for batch in synthetic.trips(ROWS, seed=42)])
    assert learned.filter(pl.col(contract.PICKUP_TIME) >= LIVE).is_empty()
    assert CALM.filter(pl.col(contract.PICKUP_TIME) < LIVE).is_empty()
    days = CALM[contract.PICKUP_TIME].dt.date().n_unique()
    assert abs(len(CALM) / days / (ROWS / (7 * synthetic.WEEKS)) - 1) < 0.05


def test_when_it_is_congested_trips_take_longer_from_the_change_on() -> None:
    mean = pl.col("seconds").mean()
    before = pl.col(contract.PICKUP_TIME) < CHANGE
    congested = live_trips(ROWS, Regime.CONGESTION)
    calm, changed = (trips.filter(~before).select(mean).item() for trips in (CALM, congested))
    assert changed > 1.4 * calm
    same = [trips.filter(before).select(mean).item() for trips in (CALM, congested)]
    assert abs(same[0] / same[1] - 1) < 0.1


@settings(max_examples=20, deadline=None)
@given(minutes=st.sampled_from([5, 20, 60, 360]), first=st.integers(0, 20_000))
def test_each_trip_begins_in_one_step_and_ends_in_a_later_or_the_same(minutes: int, first: int) -> None:
    trips = CALM.head(1500).with_row_index("number")
    start = instant_of(LIVE) + timedelta(minutes=first)
    step = timedelta(minutes=minutes)
    found = list(hops(trips, start, step)) if trips.filter(pl.col(BEGAN) >= start).height else []
    assert [number for hop in found for number in hop.began["number"]] == trips.filter(pl.col(BEGAN) >= start)[
        "number"
    ].to_list()
    known: set[int] = set()
    for hop in found:
        assert hop.began.filter(~pl.col(BEGAN).is_between(hop.at - step, hop.at, closed="left")).is_empty()
        assert hop.ended.filter(~pl.col(ENDED).is_between(hop.at - step, hop.at, closed="left")).is_empty()
        known |= set(hop.began["number"])
        assert set(hop.ended["number"]) <= known


def test_its_records_are_those_of_a_trip() -> None:
    assert CALM.select(RECORDED).null_count().select(pl.sum_horizontal(pl.exclude(contract.PASSENGERS))).item() == 0
