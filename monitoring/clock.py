"""The time that the monitor lives in: that of the wall, or for demonstrations and tests a faster one.

Windows, cool-downs and due labels are lengths of time. A clock that runs faster makes a day of them out of some
seconds, and nothing else in the monitor knows of it: the log's times are read by this clock.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# How far apart the clocks of those who ask and of those who answer may be, and how long a request may be on its way.
_TOLERANCE = timedelta(minutes=5)
# Of a faster clock each second on the way is many.
_ON_THE_WAY = timedelta(seconds=5)


@dataclass(frozen=True)
class Clock:
    """A clock that showed ``shows`` when the wall's showed ``at``, and has run ``speed`` times as fast since.

    Attributes:
        at: With time zone.
        shows: With time zone.
        speed: At least 1.
    """

    at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    shows: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    speed: float = 1.0

    def told(self, real: datetime) -> datetime:
        """What it shows at a time of the wall's clock."""
        return self.shows + (real - self.at) * self.speed

    def real(self, told: datetime) -> datetime:
        """The wall's time at which it shows something; of times before it began, when it began."""
        return self.at + max(told - self.shows, timedelta()) / self.speed

    @property
    def tolerance(self) -> timedelta:
        """How far apart two honest times of one event may be on it."""
        return max(_TOLERANCE, _ON_THE_WAY * self.speed)
