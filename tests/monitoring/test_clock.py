"""The clock that the monitor lives by."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitoring.clock import Clock

times = st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
clocks = st.builds(Clock, times, times, st.floats(1, 100_000))
waits = st.floats(0, 86_400).map(lambda seconds: timedelta(seconds=seconds))
SECOND = timedelta(seconds=1)


@given(clocks, waits)
def test_a_time_since_it_began_is_told_and_found_again(clock: Clock, wait: timedelta) -> None:
    moment = clock.at + wait
    assert abs(clock.real(clock.told(moment)) - moment) < timedelta(milliseconds=1)


@given(clocks, waits, waits)
def test_it_runs_as_fast_as_it_says(clock: Clock, first: timedelta, second: timedelta) -> None:
    told = clock.told(clock.at + first + second) - clock.told(clock.at + first)
    assert abs(told - second * clock.speed) < SECOND


@given(clocks, times)
def test_what_it_would_have_shown_before_it_began_is_its_beginning(clock: Clock, shown: datetime) -> None:
    assert clock.real(shown) >= clock.at
    if shown <= clock.shows:
        assert clock.real(shown) == clock.at


@given(times)
def test_without_more_it_is_the_walls(moment: datetime) -> None:
    assert Clock().told(moment) == Clock().real(moment) == moment
    assert Clock().tolerance == timedelta(minutes=5)


def test_a_faster_clock_forgives_more() -> None:
    clock = Clock(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), 10_000)
    assert clock.tolerance == timedelta(seconds=5 * 10_000)
