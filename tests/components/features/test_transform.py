"""What the model knows from the request alone."""

import subprocess
import sys
from datetime import datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import contract
from components.features.request import clock_and_zones
from components.features.transform import request_features

JFK, MIDTOWN, HARLEM = 132, 161, 41
NAMES = ["hour", "weekday", "is_holiday", "is_airport"]


def features(started: datetime | None, pickup: int | None = MIDTOWN, dropoff: int | None = HARLEM) -> tuple:
    trip = {contract.PICKUP_TIME: [started], contract.PICKUP_ZONE: [pickup], contract.DROPOFF_ZONE: [dropoff]}
    frame = pl.DataFrame(trip, schema_overrides={contract.PICKUP_TIME: pl.Datetime("us")})
    answer = request_features(frame).select(NAMES)
    assert set(answer.dtypes) == {pl.Float64}
    return answer.row(0)


@pytest.mark.parametrize(
    ("started", "expected"),
    [
        (datetime(2026, 1, 5, 17, 59, 59), (17, 0, 0, 0)),
        (datetime(2026, 1, 11), (0, 6, 0, 0)),
        (datetime(2026, 11, 26, 9), (9, 3, 1, 0)),
        # Independence Day of 2026 is a Saturday and observed on the Friday before.
        (datetime(2026, 7, 3, 12), (12, 4, 1, 0)),
        # Not a federal holiday, but one of New York.
        (datetime(2026, 2, 12, 12), (12, 3, 1, 0)),
    ],
)
def test_clock_and_holidays_are_those_of_new_york(started: datetime, expected: tuple) -> None:
    assert features(started) == expected


@pytest.mark.parametrize(("pickup", "dropoff", "airport"), [(JFK, HARLEM, 1), (HARLEM, JFK, 1), (HARLEM, MIDTOWN, 0)])
def test_a_trip_is_an_airport_trip_if_either_end_is_an_airport(pickup: int, dropoff: int, airport: int) -> None:
    assert features(datetime(2026, 1, 5), pickup, dropoff)[3] == airport


def test_an_unknown_time_gives_unknown_features_and_no_error() -> None:
    assert features(None) == (None, None, None, 0)


def test_an_empty_frame_keeps_its_columns() -> None:
    kinds = {contract.PICKUP_TIME: pl.Datetime("us"), contract.PICKUP_ZONE: pl.Int64, contract.DROPOFF_ZONE: pl.Int64}
    assert request_features(pl.DataFrame(schema=kinds)).columns[3:] == NAMES


@given(
    started=st.datetimes(datetime(2000, 1, 1), datetime(2100, 12, 31, 23, 59, 59)),
    zones=st.tuples(*[st.integers(contract.FIRST_ZONE, contract.LAST_ZONE)] * 2),
)
def test_one_trip_and_a_table_are_given_the_same(started: datetime, zones: tuple[int, int]) -> None:
    assert clock_and_zones(started, *zones) == features(started, *zones)


def test_on_each_day_of_the_allowed_years_one_trip_and_a_table_are_given_the_same() -> None:
    days = pl.datetime_range(datetime(2000, 1, 1), datetime(2100, 12, 31), "1d", time_unit="us", eager=True)
    zones = pl.Series([HARLEM]).new_from_index(0, len(days))
    table = request_features(
        pl.DataFrame({contract.PICKUP_TIME: days, contract.PICKUP_ZONE: zones, contract.DROPOFF_ZONE: zones})
    )
    assert table.select(NAMES).rows() == [clock_and_zones(day, HARLEM, HARLEM) for day in days]


def test_serving_does_not_pay_for_polars() -> None:
    code = "import sys, components.features.request; print({'feast', 'pandas', 'polars', 'pyarrow'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
