"""Slices of the test trips: groups that a mean over all can hide an error in."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from components import contract
from components.families.baseline import DISTANCE_BANDS
from components.trips.boroughs import BOROUGHS

# First hour of each band and the hour after its last; half past counts to the hour that has begun.
HOUR_BANDS = {"night": (0, 6), "morning": (6, 10), "midday": (10, 16), "evening": (16, 20), "late": (20, 24)}
# What ``slices`` needs.
COLUMNS = (contract.PICKUP_ZONE, "is_airport", "hour", contract.DISTANCE)


def slices(trips: pl.DataFrame) -> Iterator[tuple[str, str, np.ndarray]]:
    """Group, name and mask (bool [n]) of every slice that has trips; a trip is in one slice of each group.

    Groups: borough of the pick-up, hour band, airport trip or not, distance band.
    """
    for group, (names, numbers) in _numbered(trips).items():
        for number in np.flatnonzero(np.bincount(numbers)):
            yield group, names[number], numbers == number


def _numbered(trips: pl.DataFrame) -> dict[str, tuple[list[str], np.ndarray]]:
    """By group the names of its slices, and for each trip the number of its own; int64 [n]."""
    boroughs = list(dict.fromkeys(BOROUGHS))
    borough_of_zone = np.array([boroughs.index(name) for name in BOROUGHS])
    band_starts = [first for first, _ in HOUR_BANDS.values()]
    distances = [f"up to {upper:g} mi" for upper in DISTANCE_BANDS] + [f"over {DISTANCE_BANDS[-1]:g} mi"]
    hour, distance = trips["hour"].to_numpy(), trips[contract.DISTANCE].to_numpy()
    return {
        "borough": (boroughs, borough_of_zone[trips[contract.PICKUP_ZONE].to_numpy()]),
        "hour_band": (list(HOUR_BANDS), np.searchsorted(band_starts, hour, side="right") - 1),
        "airport": (["no", "yes"], (trips["is_airport"].to_numpy() > 0).astype(np.int64)),
        "distance_band": (distances, np.searchsorted(DISTANCE_BANDS, distance, side="left")),
    }
