"""The invented city of the synthetic trips: where its zones lie, how popular they are, how fast its streets flow.

The city is the same for every seed and every number of rows, so that two samples of trips describe the same world.
All distances are miles, all speeds miles per hour, all times seconds since the first hour of the sample.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

ZONES = 263
NEWARK, JFK, LAGUARDIA = 1, 132, 138
HOURS_PER_WEEK = 7 * 24

# The kinds of hour in which people go to different places.
TO_WORK, DAYTIME, FROM_WORK, NIGHT = range(4)

_CITY_SEED = 263
_RADIUS = 10.0
_CENTRE_RADIUS = 4.0
_AIRPORTS = {NEWARK: (-9.0, -3.0), JFK: (9.0, -7.0), LAGUARDIA: (5.0, 2.5)}
_AIRPORT_SHARE = {NEWARK: 0.003, JFK: 0.05, LAGUARDIA: 0.035}
# Attraction falls to 1/e over this distance; most trips are short.
_GRAVITY_MILES = 2.0
_POPULARITY_SIGMA = 0.8
# Congestion is an autoregressive process in steps of an hour: it lasts for some hours, not for days.
_PERSISTENCE = 0.93
_CITY_CONGESTION_SIGMA, _ZONE_CONGESTION_SIGMA = 0.1, 0.28


@dataclass(frozen=True)
class City:
    """Arrays over zones; index 0 is zone 1.

    Attributes:
        central: bool [ZONES], within four miles of the centre.
        road_miles: float64 [ZONES, ZONES], usual distance driven from one zone to another.
        pair_speed: float64 [ZONES, ZONES], usual speed without traffic; each pair has its own roads.
        pair_cumulative: float64 [4, ZONES * ZONES], cumulative probability of a pair by kind of hour.
    """

    central: np.ndarray
    road_miles: np.ndarray
    pair_speed: np.ndarray
    pair_cumulative: np.ndarray


@cache
def the_city() -> City:
    """The one city, from a fixed seed; 20 ms once a process."""
    random = np.random.default_rng(_CITY_SEED)
    angle = random.uniform(0, 2 * np.pi, ZONES)
    radius = _RADIUS * random.uniform(0, 1, ZONES) ** 0.8
    place = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    for zone, position in _AIRPORTS.items():
        place[zone - 1] = position
    radius = np.linalg.norm(place, axis=1)
    straight = np.linalg.norm(place[:, None] - place[None, :], axis=2)
    detour = 1.25 * random.lognormal(0, 0.1, straight.shape)
    # A trip inside a zone, or to the next, is rarely under half a mile.
    road = np.hypot(0.6, straight * detour)
    # Streets are slow in the centre; some zones are slow or fast for reasons of their own.
    zone_speed = (8.5 + 0.9 * np.minimum(radius, 10)) * random.lognormal(0, 0.15, ZONES)
    pair_speed = np.sqrt(zone_speed[:, None] * zone_speed[None, :]) * (1 + 0.05 * np.minimum(road, 12))
    pair_speed *= random.lognormal(0, 0.15, road.shape)
    return City(
        central=radius < _CENTRE_RADIUS,
        road_miles=road,
        pair_speed=pair_speed,
        pair_cumulative=_pair_cumulative(random, radius, straight),
    )


def _pair_cumulative(random: np.random.Generator, radius: np.ndarray, straight: np.ndarray) -> np.ndarray:
    """Where people go from where: a few zones and nearby ones attract most trips, and homes lie further out."""
    popularity = np.exp(-radius / 2.5) * random.lognormal(0, _POPULARITY_SIGMA, ZONES)
    work = popularity * np.exp(-radius / 3)
    home = popularity * (0.5 + radius / 4)
    going_out = popularity * random.lognormal(0, 0.8, ZONES)
    profiles = ((home, work), (work, work), (work, home), (going_out, home))
    return np.stack([_cumulative(pickup, dropoff, straight) for pickup, dropoff in profiles])


def _cumulative(pickup: np.ndarray, dropoff: np.ndarray, straight: np.ndarray) -> np.ndarray:
    pickup, dropoff = pickup / pickup.sum(), dropoff / dropoff.sum()
    near = np.exp(-straight / _GRAVITY_MILES)
    for zone, share in _AIRPORT_SHARE.items():
        pickup[zone - 1] = dropoff[zone - 1] = share
        # People go to an airport from anywhere, but hardly within it.
        near[zone - 1, :] = near[:, zone - 1] = near.mean()
        near[zone - 1, zone - 1] /= 10
    # Newark lies outside the taxis' area: they bring people there and return empty.
    pickup[NEWARK - 1] /= 20
    likely = pickup[:, None] * dropoff[None, :] * near
    total = np.cumsum(likely.ravel())
    return total / total[-1]


def kind_of_hour(hour_of_week: np.ndarray) -> np.ndarray:
    """TO_WORK, DAYTIME, FROM_WORK or NIGHT for hours since Monday 0:00."""
    day, hour = hour_of_week // 24, hour_of_week % 24
    kind = np.full(len(hour_of_week), DAYTIME)
    kind[(hour >= 20) | (hour < 6)] = NIGHT
    kind[(day < 5) & (hour >= 6) & (hour < 10)] = TO_WORK
    kind[(day < 5) & (hour >= 16) & (hour < 20)] = FROM_WORK
    return kind


def demand() -> np.ndarray:
    """Share of the week's trips that start in each hour, float64 [HOURS_PER_WEEK], from Monday 0:00."""
    hour = np.arange(24)
    workday = 0.15 + 0.9 * _bump(hour, 8.5, 2.0) + 0.7 * _bump(hour, 13, 3.5) + 1.1 * _bump(hour, 18.5, 2.5)
    weekend = 0.25 + 0.8 * _bump(hour, 14, 4.5) + 0.6 * _bump(hour, 0.5, 2.0) + 0.6 * _bump(hour, 20, 3.0)
    week = np.concatenate([workday] * 5 + [weekend * 1.05, weekend * 0.9])
    return week / week.sum()


def rush(hour_of_week: np.ndarray) -> np.ndarray:
    """How the time of the week changes speed, as a factor; 0.6 in the evening rush, 1.3 at night."""
    day, hour = hour_of_week // 24, hour_of_week % 24
    jam = 0.55 * _bump(hour, 8.5, 1.8) + 0.7 * _bump(hour, 17.5, 2.2) + 0.35 * _bump(hour, 13, 3.0)
    easy = 0.35 * _bump(hour, 15, 4.0)
    return 1.3 * np.exp(-np.where(day < 5, jam, easy))


def _bump(hour: np.ndarray, centre: float, width: float) -> np.ndarray:
    """A bell of height 1 on the clock's circle."""
    away = (hour - centre + 12) % 24 - 12
    return np.exp(-((away / width) ** 2))


def congestion(hours: int) -> np.ndarray:
    """How traffic changes speed, as a factor, float32 [hours, ZONES].

    The past decides the present: a zone that was slow in the last hour is likely to be slow in this one.
    """
    random = np.random.default_rng(_CITY_SEED + 1)
    state_city, state_zone = 0.0, np.zeros(ZONES)
    factor = np.empty((hours, ZONES), dtype=np.float32)
    fresh = np.sqrt(1 - _PERSISTENCE**2)
    for hour in range(hours):
        state_city = _PERSISTENCE * state_city + fresh * random.normal(0, _CITY_CONGESTION_SIGMA)
        state_zone = _PERSISTENCE * state_zone + fresh * random.normal(0, _ZONE_CONGESTION_SIGMA, ZONES)
        factor[hour] = np.exp(state_zone + state_city)
    return factor
