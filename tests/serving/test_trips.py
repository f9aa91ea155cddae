"""What is accepted as a trip, and how a refusal names the field."""

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import contract
from serving.trips import EXAMPLE_TRIP, MAX_TRIPS, InvalidTripsError, NotJsonError, parse_trips


def body(trips: Any) -> bytes:
    return json.dumps(trips).encode()


def refusal(trips: Any) -> list[dict[str, str]]:
    with pytest.raises(InvalidTripsError) as refused:
        parse_trips(body(trips))
    return refused.value.problems


def test_an_object_is_one_trip_and_an_array_is_many() -> None:
    (one,) = parse_trips(body(EXAMPLE_TRIP))
    assert one == {**EXAMPLE_TRIP, contract.PICKUP_TIME: datetime(2026, 1, 15, 8, 30)}
    assert parse_trips(body([EXAMPLE_TRIP] * 3)) == [one] * 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (contract.PICKUP_ZONE, 0),
        (contract.PICKUP_ZONE, contract.LAST_ZONE + 1),
        (contract.PICKUP_ZONE, True),
        (contract.PICKUP_ZONE, "132"),
        (contract.DROPOFF_ZONE, 1.5),
        (contract.DROPOFF_ZONE, None),
        (contract.DISTANCE, -0.1),
        (contract.DISTANCE, 200.1),
        (contract.DISTANCE, float("nan")),
        (contract.DISTANCE, float("inf")),
        (contract.DISTANCE, 10**400),
        (contract.PASSENGERS, -1),
        (contract.PASSENGERS, 10),
        (contract.PICKUP_TIME, "yesterday"),
        (contract.PICKUP_TIME, 1768465800),
        (contract.PICKUP_TIME, "1999-12-31T23:59:59"),
        (contract.PICKUP_TIME, "0001-01-01T00:00:00+14:00"),
        (contract.PICKUP_TIME, "9999-12-31T23:59:59-14:00"),
        ("passengers", 2),
    ],
)
def test_a_value_outside_the_contract_is_refused_by_its_field(field: str, value: Any) -> None:
    assert [problem["field"] for problem in refusal({**EXAMPLE_TRIP, field: value})] == [field]
    assert [problem["field"] for problem in refusal([EXAMPLE_TRIP, {**EXAMPLE_TRIP, field: value}])] == [f"[1].{field}"]


@pytest.mark.parametrize(
    ("field", "value"),
    [(contract.DISTANCE, 0), (contract.DISTANCE, 200), (contract.PICKUP_ZONE, 265), (contract.PASSENGERS, None)],
)
def test_the_contracts_limits_themselves_are_accepted(field: str, value: Any) -> None:
    assert parse_trips(body({**EXAMPLE_TRIP, field: value}))[0][field] == value


def test_only_the_passengers_may_be_left_out() -> None:
    assert [problem["field"] for problem in refusal({})] == [
        field for field in EXAMPLE_TRIP if field != contract.PASSENGERS
    ]


def test_a_time_with_an_offset_becomes_new_york_wall_clock() -> None:
    moments = {"2026-01-15T13:30:00Z": 8, "2026-07-15T13:30:00Z": 9, "2026-07-15T13:30:00+02:00": 7}
    for text, hour in moments.items():
        (trip,) = parse_trips(body({**EXAMPLE_TRIP, contract.PICKUP_TIME: text}))
        assert trip[contract.PICKUP_TIME].hour == hour
        assert trip[contract.PICKUP_TIME].tzinfo is None


@pytest.mark.parametrize("trips", [[], [EXAMPLE_TRIP] * (MAX_TRIPS + 1), None, 3, "trip"])
def test_what_is_no_trip_and_no_list_of_allowed_length_is_refused_as_a_whole(trips: Any) -> None:
    assert [problem["field"] for problem in refusal(trips)] == ["body"]


def test_a_refusal_stays_short_and_repeats_no_value() -> None:
    secret = "a-value-that-was-sent"
    problems = refusal([{**EXAMPLE_TRIP, contract.PICKUP_ZONE: secret, "x" * 5000: secret}] * 500)
    assert len(problems) < 30
    assert problems[-1]["message"] == f"and {1000 - len(problems) + 1} more problems"
    assert len(json.dumps(problems)) < 10_000
    assert secret not in json.dumps(problems)


@pytest.mark.parametrize("sent", [b"", b"{", b"\xff\xfe", b"nonsense", b"[" * 100_000, b'"\\ud800"'])
def test_what_is_no_json_is_told_apart(sent: bytes) -> None:
    with pytest.raises(NotJsonError):
        parse_trips(sent)


@given(st.binary(max_size=200) | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(body))
def test_no_body_does_anything_but_be_refused(sent: bytes) -> None:
    with pytest.raises((NotJsonError, InvalidTripsError)):
        parse_trips(sent)
