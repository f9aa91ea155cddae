"""Which windows are due."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitoring.schedule import due_windows

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOST = 14

times = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
lengths = st.integers(3_600, 7 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
# Between the end of the newest window that was looked at and now.
ages = st.integers(-86_400, 60 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
delays = st.integers(0, 86_400).map(lambda seconds: timedelta(seconds=seconds))


@given(times, st.none() | ages, lengths, delays)
def test_windows_are_whole_consecutive_and_due(
    now: datetime, age: timedelta | None, length: timedelta, delay: timedelta
) -> None:
    after = None if age is None else now - age
    windows = due_windows(now, after, length, delay)
    assert len(windows) <= (1 if after is None else MOST)
    for start, end in windows:
        assert end - start == length
        assert (start - EPOCH) % length == timedelta()
        assert end + delay <= now
        assert after is None or start >= after
    assert [end for _, end in windows[:-1]] == [start for start, _ in windows[1:]]


@given(times, ages, lengths, delays)
def test_the_newest_window_that_is_due_is_there_unless_it_was_looked_at(
    now: datetime, age: timedelta, length: timedelta, delay: timedelta
) -> None:
    after = now - age
    [(start, end)] = due_windows(now, None, length, delay)
    assert now - delay < end + length
    assert due_windows(now, end, length, delay) == []
    windows = due_windows(now, after, length, delay)
    assert bool(windows) == (after <= start)
    assert windows[-1:] in ([], [(start, end)])


@given(times, ages, lengths, delays, st.lists(st.integers(0, 30 * 86_400), max_size=6))
def test_who_looks_now_and_then_looks_at_each_window_once(
    now: datetime, age: timedelta, length: timedelta, delay: timedelta, waits: list[int]
) -> None:
    seen: list[tuple[datetime, datetime]] = []
    newest = now - age
    for wait in waits:
        now += timedelta(seconds=min(wait, MOST * length.total_seconds()))
        found = due_windows(now, newest, length, delay)
        seen += found
        newest = found[-1][1] if found else newest
    assert len(set(seen)) == len(seen)
    assert seen == sorted(seen)


def test_a_day_is_looked_at_when_its_last_labels_are_due() -> None:
    midnight = datetime(2026, 3, 5, tzinfo=UTC)
    delay = 5 * HOUR
    window = (midnight - DAY, midnight)
    assert due_windows(midnight + delay - timedelta(seconds=1), midnight - DAY, DAY, delay) == []
    assert due_windows(midnight + delay, midnight - DAY, DAY, delay) == [window]


def test_a_monitor_that_was_away_for_long_looks_at_the_newest_windows() -> None:
    midnight = datetime(2026, 3, 5, tzinfo=UTC)
    windows = due_windows(midnight, midnight - 100 * DAY, DAY, timedelta())
    assert windows[0] == (midnight - MOST * DAY, midnight - (MOST - 1) * DAY)
    assert len(windows) == MOST
