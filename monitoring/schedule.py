"""Which windows are due: a pure function of the monitor's clock."""

from datetime import UTC, datetime, timedelta

# Of a monitor that was away for longer only the newest are looked at.
_MOST = 14
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def due_windows(
    now: datetime, after: datetime | None, length: timedelta, delay: timedelta
) -> list[tuple[datetime, datetime]]:
    """Start and end of each window that is to be looked at, the oldest first.

    Windows begin at whole multiples of their length since 1970. One is looked at ``delay`` after its end, when the
    labels of its last trips are due.

    Args:
        now: By the monitor's clock, with time zone.
        after: End of the newest window that was looked at; None before the first, and then only the newest is due.
        length: Of a window.
        delay: See above.
    """
    last = _EPOCH + (now - delay - _EPOCH) // length * length
    first = last - length if after is None else _EPOCH + -((_EPOCH - after) // length) * length
    first = max(first, last - _MOST * length)
    count = max((last - first) // length, 0)
    return [(first + number * length, first + (number + 1) * length) for number in range(count)]
