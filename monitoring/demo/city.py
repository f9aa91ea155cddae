"""The generated city that the champion learned from, going on where its trips ended; later its traffic may change."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from components import contract
from components.served.trips import RECORDED
from components.trips import synthetic
from components.trips.rides import SECONDS, rides
from components.trips.synthetic import START, WEEKS, Regime
from monitoring.observed import instant

# A change of the generator's world comes after three quarters of its time, a week after the champion's trips end.
_WEEKS = 12
LIVE = START + timedelta(weeks=WEEKS)
CHANGE = START + timedelta(weeks=_WEEKS) * 3 / 4
# Other trips of the same city than any seed that somebody would train with.
_SEED = 1_000_003

BEGAN, ENDED = "began", "ended"


@dataclass(frozen=True)
class Hop:
    """What happens in the city between two moments.

    Attributes:
        at: The second moment, with time zone.
        began: Trips that began, with RECORDED, SECONDS, BEGAN and ENDED (UTC).
        ended: Trips that ended, of these as well.
    """

    at: datetime
    began: pl.DataFrame
    ended: pl.DataFrame


def live_trips(rows: int, regime: Regime | None) -> pl.DataFrame:
    """Trips after LIVE, as many a day as in a sample of so many rows over WEEKS, sorted by BEGAN.

    Args:
        rows: Of the sample that the champion learned from.
        regime: What changes at CHANGE.
    """
    batches = synthetic.trips(rows * _WEEKS // WEEKS, _SEED, weeks=_WEEKS, regime=regime)
    trips = pl.concat([rides(batch) for batch in batches]).filter(pl.col(contract.PICKUP_TIME) >= LIVE)
    began = instant(pl.col(contract.PICKUP_TIME))
    ended = began + pl.duration(microseconds=(pl.col(SECONDS) * 1_000_000).cast(pl.Int64))
    return trips.select(*RECORDED, SECONDS, began.alias(BEGAN), ended.alias(ENDED)).sort(BEGAN, maintain_order=True)


def hops(trips: pl.DataFrame, start: datetime, step: timedelta) -> Iterator[Hop]:
    """The trips in steps of time, until none begins any more.

    Args:
        trips: As from ``live_trips``.
        start: With time zone; trips from before it are left out.
        step: Of time.
    """
    trips = trips.filter(pl.col(BEGAN) >= start)
    last, at = trips[BEGAN].max(), start
    assert isinstance(last, datetime)
    while at <= last:
        began, ended = (trips.filter(pl.col(time).is_between(at, at + step, closed="left")) for time in (BEGAN, ENDED))
        at += step
        yield Hop(at, began, ended)
