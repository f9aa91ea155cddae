"""Zones and boroughs."""

from collections import Counter

import pytest

from components.trips.boroughs import BOROUGHS

# Zones of each borough in the TLC's taxi_zone_lookup.csv.
SIZES = {"Bronx": 43, "Brooklyn": 61, "Manhattan": 69, "Newark": 1, "Queens": 69, "Staten Island": 20, "elsewhere": 2}


def test_boroughs_have_as_many_zones_as_the_tlc_gives_them() -> None:
    assert Counter(BOROUGHS[1:]) == SIZES


@pytest.mark.parametrize(
    ("zone", "borough"),
    [(3, "Bronx"), (61, "Brooklyn"), (103, "Manhattan"), (2, "Queens"), (138, "Queens"), (251, "Staten Island")],
)
def test_a_zone_is_where_the_tlc_says(zone: int, borough: str) -> None:
    assert BOROUGHS[zone] == borough
