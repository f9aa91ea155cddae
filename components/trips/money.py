"""What the synthetic trips cost, after the TLC's rules in round figures: all amounts are US dollars."""

import numpy as np

from components.trips import city

# The real files lack these for trips that were booked by application.
MISSING_WHEN_BOOKED = ("passenger_count", "RatecodeID", "store_and_fwd_flag", "congestion_surcharge", "Airport_fee")

STANDARD_RATE, JFK_RATE, NEWARK_RATE = 1, 2, 3
BOOKED, CARD, CASH, NO_CHARGE, DISPUTE = range(5)

_FLAG_FALL, _PER_UNIT, _UNITS_PER_MILE = 3.0, 0.7, 5
_JFK_FLAT, _NEWARK_EXTRA = 70.0, 20.0
_RUSH_EXTRA, _NIGHT_EXTRA = 2.5, 1.0
_TAX, _IMPROVEMENT, _CONGESTION, _AIRPORT, _TOLL = 0.5, 1.0, 2.5, 1.75, 6.94
_TOLL_SHARE_AT_AIRPORTS = 0.6
_PAYMENT_SHARES = np.array([0.80, 0.17, 0.01, 0.02])


def charge(
    random: np.random.Generator,
    started: np.ndarray,
    pickup: np.ndarray,
    dropoff: np.ndarray,
    distance: np.ndarray,
    duration: np.ndarray,
    booked: np.ndarray,
) -> dict[str, np.ndarray]:
    """The rate, the payment and every amount of each trip.

    Args:
        started: Seconds since a Monday, 0:00, int64 [n].
        pickup: Zones, 1 to 263, int64 [n].
        dropoff: Likewise.
        distance: Miles, float64 [n].
        duration: Seconds, int64 [n].
        booked: Whether the trip was booked by application, bool [n].

    Returns:
        RatecodeID, payment_type and the amounts by column name, [n] each.
    """
    rows = len(started)
    central = city.the_city().central
    jfk, newark = (pickup == city.JFK) | (dropoff == city.JFK), dropoff == city.NEWARK
    in_centre = central[pickup - 1] | central[dropoff - 1]
    rate = np.where(newark, NEWARK_RATE, np.where(jfk & in_centre, JFK_RATE, STANDARD_RATE))
    # A unit is a fifth of a mile on a free road or a minute in slow traffic, whichever is more.
    units = np.floor(np.maximum(_UNITS_PER_MILE * distance, duration / 60))
    fare = np.where(rate == JFK_RATE, _JFK_FLAT, _FLAG_FALL + _PER_UNIT * units) + _NEWARK_EXTRA * newark
    payment = random.choice(np.arange(CARD, DISPUTE + 1), rows, p=_PAYMENT_SHARES)
    payment[booked] = BOOKED
    airport_pickup = (pickup == city.JFK) | (pickup == city.LAGUARDIA)
    airport = airport_pickup | newark | (dropoff == city.JFK) | (dropoff == city.LAGUARDIA)
    amounts = {
        "fare_amount": fare,
        "extra": _extra(started),
        "mta_tax": np.full(rows, _TAX),
        "tip_amount": np.where(payment == CARD, fare * random.lognormal(-1.6, 0.4, rows), 0.0),
        "tolls_amount": np.where(airport & (random.random(rows) < _TOLL_SHARE_AT_AIRPORTS), _TOLL, 0.0),
        "improvement_surcharge": np.full(rows, _IMPROVEMENT),
        "congestion_surcharge": np.where(in_centre, _CONGESTION, 0.0),
        "Airport_fee": np.where(airport_pickup, _AIRPORT, 0.0),
    }
    amounts = {name: np.round(amount, 2) for name, amount in amounts.items()}
    total = np.round(np.sum(list(amounts.values()), axis=0), 2)
    return {"RatecodeID": rate, "payment_type": payment, **amounts, "total_amount": total}


def _extra(started: np.ndarray) -> np.ndarray:
    """The surcharge for the evening rush of working days and for nights."""
    day, hour = started // 86_400 % 7, started // 3600 % 24
    rush = (day < 5) & (hour >= 16) & (hour < 20)
    return np.where(rush, _RUSH_EXTRA, np.where((hour >= 20) | (hour < 6), _NIGHT_EXTRA, 0.0))
