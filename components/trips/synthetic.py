"""Invented taxi trips with the schema and the quirks of the TLC files, for work without a network.

What is modelled, in the units of ``components.contract``:

* Demand follows the hour and the day; few zones and near pairs take most trips; commuters go in and come back.
* Duration = one minute to get going + distance / speed. Speed is the pair's usual one, times the hour's rush, times
  the traffic of the pick-up zone's and the drop-off zone's last hours (``components.trips.city``), times noise of
  12 %. So the hour, the zones, the pair's last four weeks and the zone's last hour each tell something of their own.
* Airports: a flat fare between JFK and the centre (RatecodeID 2), Newark (RatecodeID 3), fees and tolls.
* Money: fares follow distance and time; tips are known for cards only; ``total_amount`` is the sum of its parts.
* 4 % of the trips are booked by application: payment_type 0, and five columns are missing, as in the real files.
* 0.5 % are absurd, in equal parts: dropped off before they began; a day long; without distance; begun or ended in
  zones 264 and 265. 1 % carry nobody.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

import numpy as np
import pyarrow as pa

from components import contract
from components.trips import city, money
from components.trips.source_error import SourceError

# Raise it whenever the same request would give other trips; fingerprints contain it.
GENERATOR_VERSION = 1
# A Monday.
START = datetime(2026, 1, 5)
WEEKS = 8
MAX_ROWS = 20_000_000
BATCH_ROWS = 200_000

_SECONDS_PER_HOUR = 3600
_GETTING_GOING_SECONDS = 60
_NOISE_SIGMA = 0.12
_ODOMETER_SIGMA = 0.06
_BOOKED_SHARE, _EMPTY_SHARE, _ABSURD_SHARE = 0.04, 0.01, 0.005
_DAY_SECONDS = 24 * _SECONDS_PER_HOUR
_PASSENGERS = np.array([1, 2, 3, 4, 5, 6])
_PASSENGER_SHARES = np.array([0.76, 0.14, 0.04, 0.02, 0.025, 0.015])
_CONGESTED_SPEED = 0.6
_NEW_PAYMENT_CODE, _NEW_PAYMENT_SHARE = 7, 0.2
_LOST_COLUMN = contract.PASSENGERS


class Regime(StrEnum):
    """A change of the world; it begins after three quarters of the time.

    CONGESTION: all traffic at 60 % of its speed. CLOSED_AIRPORT: LaGuardia's trips go to and from JFK.
    NEW_PAYMENT_CODE: 20 % of the trips are paid by a code that the contract does not know.
    MISSING_COLUMN: the files lack the required column ``passenger_count``.
    """

    CONGESTION = "congestion"
    CLOSED_AIRPORT = "closed_airport"
    NEW_PAYMENT_CODE = "new_payment_code"
    MISSING_COLUMN = "missing_column"


def trips(rows: int, seed: int, weeks: int = WEEKS, regime: Regime | None = None) -> Iterator[pa.RecordBatch]:
    """Yield trips in the order in which they begin, as the TLC's columns, in batches of whole hours.

    The same arguments give the same rows. Memory follows the largest batch: 200,000 rows, or one hour's if more.

    Args:
        rows: 1 to 20 million.
        seed: Draws other trips in the same city.
        weeks: How long the sample is, from START.
        regime: What changes after three quarters of the time.

    Raises:
        SourceError: ``rows`` or ``weeks`` is out of range.
    """
    if not 1 <= rows <= MAX_ROWS:
        raise SourceError(f"{rows} synthetic trips were asked for; give ROWS from 1 to {MAX_ROWS}")
    if weeks < 1:
        raise SourceError(f"synthetic trips over {weeks} weeks were asked for; give at least 1")
    hours = weeks * city.HOURS_PER_WEEK
    change = hours * 3 // 4 if regime else hours
    random = np.random.default_rng(np.random.SeedSequence((seed % 2**64, GENERATOR_VERSION)))
    per_hour = random.multinomial(rows, np.tile(city.demand(), weeks) / weeks)
    traffic = city.congestion(hours)
    if regime is Regime.CONGESTION:
        traffic[change:] *= _CONGESTED_SPEED
    for first, last in _spans(per_hour, change):
        started = _start_times(random, per_hour, first, last)
        if len(started):
            yield _batch(random, started, traffic, regime if first >= change else None)


def _spans(per_hour: np.ndarray, change: int) -> Iterator[tuple[int, int]]:
    """Neighbouring hours with about BATCH_ROWS rows together, none across the change of regime."""
    first, rows = 0, 0
    for hour, count in enumerate(per_hour):
        if rows and (rows + count > BATCH_ROWS or hour == change):
            yield first, hour
            first, rows = hour, 0
        rows += count
    yield first, len(per_hour)


def _start_times(random: np.random.Generator, per_hour: np.ndarray, first: int, last: int) -> np.ndarray:
    """Sorted whole seconds since START."""
    hour = np.repeat(np.arange(first, last), per_hour[first:last])
    return np.sort(hour * _SECONDS_PER_HOUR + random.integers(0, _SECONDS_PER_HOUR, len(hour)))


def _batch(
    random: np.random.Generator, started: np.ndarray, traffic: np.ndarray, regime: Regime | None
) -> pa.RecordBatch:
    """Trips that begin at the given seconds since START, int64 [n]."""
    hour = started // _SECONDS_PER_HOUR
    pickup, dropoff = _zones(random, hour % city.HOURS_PER_WEEK)
    if regime is Regime.CLOSED_AIRPORT:
        pickup[pickup == city.LAGUARDIA] = city.JFK
        dropoff[dropoff == city.LAGUARDIA] = city.JFK
    distance, duration = _rides(random, hour, pickup, dropoff, traffic)
    booked = random.random(len(started)) < _BOOKED_SHARE
    paid = money.charge(random, started, pickup, dropoff, distance, duration, booked)
    if regime is Regime.NEW_PAYMENT_CODE:
        paid["payment_type"][random.random(len(started)) < _NEW_PAYMENT_SHARE] = _NEW_PAYMENT_CODE
    _spoil(random, pickup, dropoff, distance, duration)
    passengers = random.choice(_PASSENGERS, len(started), p=_PASSENGER_SHARES)
    passengers[random.random(len(started)) < _EMPTY_SHARE] = 0
    values: dict[str, np.ndarray] = {
        "VendorID": np.where(random.random(len(started)) < 0.25, 1, 2),
        contract.PICKUP_TIME: _wall_clock(started),
        contract.DROPOFF_TIME: _wall_clock(started + duration),
        contract.PASSENGERS: passengers,
        contract.DISTANCE: distance,
        "store_and_fwd_flag": np.where(random.random(len(started)) < 0.005, 1, 0),
        contract.PICKUP_ZONE: pickup,
        contract.DROPOFF_ZONE: dropoff,
        **paid,
    }
    lost = {_LOST_COLUMN} if regime is Regime.MISSING_COLUMN else set()
    names = [column.name for column in contract.COLUMNS if column.name not in lost]
    return pa.RecordBatch.from_pydict({name: _column(name, values[name], booked) for name in names})


def _zones(random: np.random.Generator, hour_of_week: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pick-up and drop-off zones, int64 [n] each, for trips that begin in the given hours of the week."""
    cumulative, kind = city.the_city().pair_cumulative, city.kind_of_hour(hour_of_week)
    chance = random.random(len(kind))
    pair = np.empty(len(kind), dtype=np.int64)
    for profile in np.unique(kind):
        here = kind == profile
        pair[here] = np.searchsorted(cumulative[profile], chance[here], side="right")
    return pair // city.ZONES + 1, pair % city.ZONES + 1


def _rides(
    random: np.random.Generator, hour: np.ndarray, pickup: np.ndarray, dropoff: np.ndarray, traffic: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distance in miles, float64 [n], and duration in whole seconds, int64 [n]."""
    here, there = pickup - 1, dropoff - 1
    place = city.the_city()
    usual = place.road_miles[here, there]
    distance = np.round(usual * np.exp(random.normal(0, _ODOMETER_SIGMA, len(hour))), 2)
    flow = (
        np.sqrt(traffic[hour, here] * traffic[hour, there])
        * city.rush(np.arange(city.HOURS_PER_WEEK))[hour % city.HOURS_PER_WEEK]
    )
    noise = np.exp(random.normal(0, _NOISE_SIGMA, len(hour)))
    driving = distance / (place.pair_speed[here, there] * flow) * _SECONDS_PER_HOUR * noise
    return distance, (_GETTING_GOING_SECONDS + driving).astype(np.int64)


def _spoil(
    random: np.random.Generator, pickup: np.ndarray, dropoff: np.ndarray, distance: np.ndarray, duration: np.ndarray
) -> None:
    """Make a few trips absurd, in place."""
    absurd = np.flatnonzero(random.random(len(pickup)) < _ABSURD_SHARE)
    backwards, endless, unmoved, unknown = (absurd[kind::4] for kind in range(4))
    duration[backwards] *= -1
    duration[endless] = _DAY_SECONDS - duration[endless] % _SECONDS_PER_HOUR
    distance[unmoved] = 0.0
    pickup[unknown[::2]] = dropoff[unknown] = city.ZONES + 1
    dropoff[unknown[1::2]] = city.ZONES + 2


def _wall_clock(seconds: np.ndarray) -> np.ndarray:
    return np.datetime64(START, "us") + seconds * np.timedelta64(1_000_000, "us")


def _column(name: str, values: np.ndarray, booked: np.ndarray) -> pa.Array:
    """One column; trips that were booked by application lack some."""
    missing = booked if name in money.MISSING_WHEN_BOOKED else None
    if name == "store_and_fwd_flag":
        return pa.DictionaryArray.from_arrays(pa.array(values, mask=missing), ["N", "Y"]).cast(pa.string())
    return pa.array(values, mask=missing)
