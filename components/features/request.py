"""What the model knows from a request's clock and zones: plain Python, for a service that answers one trip at a time.

``components.features.transform`` computes the same for whole tables; a test holds the two together for any time and
zone. Polars costs a millisecond that one row does not repay, and a serving worker 60 MB.
"""

from datetime import date, datetime
from functools import lru_cache

import holidays

from components import contract


def clock_and_zones(started: datetime, pickup_zone: int, dropoff_zone: int) -> tuple[float, float, float, float]:
    """``hour``, ``weekday``, ``is_holiday`` and ``is_airport`` of a trip, as in ``transform.request_features``.

    Args:
        started: New York wall clock, without offset.
        pickup_zone: TLC zone.
        dropoff_zone: TLC zone.
    """
    day = started.date()
    airport = pickup_zone in contract.AIRPORT_ZONES or dropoff_zone in contract.AIRPORT_ZONES
    return float(started.hour), float(day.weekday()), float(day in public_holidays(day.year)), float(airport)


@lru_cache(maxsize=128)
def public_holidays(year: int) -> frozenset[date]:
    """The public holidays of New York in a year, observed days included."""
    return frozenset(holidays.country_holidays("US", subdiv="NY", years=year))
