"""Features of zones and pairs against the plainest way to compute them, and the proof that none knows the future."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from components import contract
from components.features import aggregates

START = datetime(2026, 1, 5)
HOUR, DAY, FOUR_WEEKS = timedelta(hours=1), timedelta(days=1), timedelta(weeks=4)
# Whole hours and the microseconds beside them are where windows begin and end.
MOMENTS = st.builds(
    lambda hours, beside: timedelta(hours=hours, microseconds=beside),
    st.integers(1, 24 * 35),
    st.sampled_from([-1, 0, 1, 1_800_000_000]),
)
TRIPS = st.lists(
    st.tuples(MOMENTS, st.integers(1, 4 * 3600), st.integers(1, 2), st.integers(1, 2), st.integers(0, 3000)),
    min_size=1,
    max_size=25,
)


def frame(trips: list[tuple[timedelta, int, int, int, int]]) -> pl.DataFrame:
    """Trips by their end, duration in seconds, zones, distance in hundredths of a mile."""
    rows = [
        (START + end - timedelta(seconds=duration), START + end, pickup, dropoff, distance / 100)
        for end, duration, pickup, dropoff, distance in trips
    ]
    names = [
        contract.PICKUP_TIME,
        contract.DROPOFF_TIME,
        contract.PICKUP_ZONE,
        contract.DROPOFF_ZONE,
        contract.DISTANCE,
    ]
    return pl.DataFrame(rows, schema=names, orient="row")


def expected(trips: pl.DataFrame, moment: datetime, width: timedelta, **where: int) -> tuple:
    """Trips, mean duration and speed over the trips that ended in (moment - width, moment]."""
    chosen = [
        trip
        for trip in trips.iter_rows(named=True)
        if moment - width < trip[contract.DROPOFF_TIME].replace(tzinfo=UTC) <= moment
        and all(trip[name] == zone for name, zone in where.items())
    ]
    if not chosen:
        return (0, None, None)
    seconds = sum((t[contract.DROPOFF_TIME] - t[contract.PICKUP_TIME]).total_seconds() for t in chosen)
    miles = sum(t[contract.DISTANCE] for t in chosen)
    return (len(chosen), pytest.approx(seconds / len(chosen)), pytest.approx(miles / seconds * 3600, abs=1e-9))


@given(TRIPS)
def test_zone_features_are_those_of_a_plain_count(listed: list[tuple]) -> None:
    trips = frame(listed)
    found = aggregates.zone_features(trips.lazy()).collect()
    # Every hour in which something can change, and one beyond.
    checked = found.filter((pl.col("zone_trips_1h") > 0) | (pl.int_range(pl.len()) % 97 == 0))
    for row in checked.iter_rows(named=True):
        moment, zone = row[contract.EVENT_TIME], {contract.PICKUP_ZONE: row[contract.ZONE_KEY]}
        assert tuple(row[f"zone_{n}_1h"] for n in ("trips", "mean_duration", "mean_speed")) == expected(
            trips, moment, HOUR, **zone
        )
        assert tuple(row[f"zone_{n}_4w"] for n in ("trips", "mean_duration", "mean_speed")) == expected(
            trips, moment, FOUR_WEEKS, **zone
        )
    assert found["zone_trips_1h"].sum() == len(trips)


@given(TRIPS)
def test_a_zone_has_every_hour_from_its_first_trip_to_the_last_of_all(listed: list[tuple]) -> None:
    found = aggregates.zone_features(frame(listed).lazy()).collect()
    times = pl.col(contract.EVENT_TIME)
    zones = found.group_by(contract.ZONE_KEY).agg(times.diff().drop_nulls().unique().alias("gaps"), times.max())
    assert all(gaps in ([], [HOUR]) for gaps in zones["gaps"].to_list())
    assert zones[contract.EVENT_TIME].n_unique() == 1


@given(TRIPS)
def test_pair_features_are_those_of_a_plain_count(listed: list[tuple]) -> None:
    trips = frame(listed)
    found = aggregates.pair_features(trips.lazy()).collect()
    for row in found.iter_rows(named=True):
        pickup, dropoff = divmod(row[contract.PAIR_KEY], contract.PAIR_FACTOR)
        zones, moment = {contract.PICKUP_ZONE: pickup, contract.DROPOFF_ZONE: dropoff}, row[contract.EVENT_TIME]
        assert tuple(row[name] for name in contract.PAIR_FEATURES) == expected(trips, moment, FOUR_WEEKS, **zones)
        assert expected(trips, moment, DAY, **zones)[0] > 0
        assert moment.time() == datetime.min.time()


@given(TRIPS, st.integers(0, 24), st.integers(1, 4 * 3600), st.integers(1, 2), st.integers(0, 3000), st.data())
def test_a_trip_that_ends_after_a_moment_never_changes_the_features_of_that_moment(
    listed: list[tuple], later: int, duration: int, zone: int, distance: int, data: st.DataObject
) -> None:
    chosen = data.draw(st.integers(0, len(listed) - 1))
    end = listed[chosen][0]
    changed = [*listed]
    changed[chosen] = (end + timedelta(hours=later), duration, zone, 3 - zone, distance)
    for make in (aggregates.zone_features, aggregates.pair_features):
        before, after = (
            make(frame(trips).lazy()).filter(pl.col(contract.EVENT_TIME) < (START + end).replace(tzinfo=UTC)).collect()
            for trips in (listed, changed)
        )
        assert_frame_equal(before, after)


def seen_at(trips: pl.DataFrame, moment: datetime, pickup: int, dropoff: int) -> list[list[tuple]]:
    """The newest zone and pair features at a moment."""
    made = (
        (aggregates.zone_features, contract.ZONE_KEY, pickup),
        (aggregates.pair_features, contract.PAIR_KEY, contract.pair_id(pickup, dropoff)),
    )
    past = pl.col(contract.EVENT_TIME) <= moment.replace(tzinfo=UTC)
    return [make(trips.lazy()).filter(past, pl.col(key) == value).last().collect().rows() for make, key, value in made]


@given(TRIPS, st.data())
def test_what_a_trip_sees_at_its_start_follows_from_ended_trips_alone(listed: list[tuple], data: st.DataObject) -> None:
    trips, chosen = frame(listed), data.draw(st.integers(0, len(listed) - 1))
    trip = trips.row(chosen, named=True)
    start = trip[contract.PICKUP_TIME]
    ended = trips.filter((pl.col(contract.DROPOFF_TIME) <= start) | (pl.int_range(pl.len()) == chosen))
    zones = (trip[contract.PICKUP_ZONE], trip[contract.DROPOFF_ZONE])
    assert seen_at(trips, start, *zones) == seen_at(ended, start, *zones)


def test_the_order_of_trips_does_not_change_a_bit(make_trips: Callable[..., pl.DataFrame]) -> None:
    trips = make_trips(3000)
    shuffled = trips.sample(fraction=1.0, shuffle=True, seed=1)
    for make in (aggregates.zone_features, aggregates.pair_features):
        once, again = (
            make(trips.lazy()).collect(),
            make(shuffled.lazy()).collect(),
        )
        assert_frame_equal(once, again, check_exact=True)
