"""The requests of a load test."""

import base64
import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from serving.loadtest.requests import trips, write_targets
from serving.trips import parse_trips


@given(st.integers(0, 2**32))
@settings(max_examples=20)
def test_any_seed_gives_trips_that_the_service_takes_and_always_the_same(seed: int) -> None:
    drawn = trips(50, seed)
    assert drawn == trips(50, seed) != trips(50, seed + 1)
    assert len(parse_trips(json.dumps(drawn).encode())) == 50


def test_hardly_two_trips_are_between_the_same_zones() -> None:
    drawn = trips()
    assert len({(trip["PULocationID"], trip["DOLocationID"]) for trip in drawn}) > 0.9 * len(drawn)
    assert {trip["PULocationID"] for trip in drawn} == set(range(1, 266))


def test_a_target_is_a_post_of_the_body_as_json(tmp_path: Path) -> None:
    write_targets("http://127.0.0.1:1/predict", [{"a": 1}, [2]], tmp_path / "targets")
    lines = [json.loads(line) for line in (tmp_path / "targets").read_text().splitlines()]
    assert [json.loads(base64.b64decode(line["body"])) for line in lines] == [{"a": 1}, [2]]
    assert {(line["method"], line["url"], line["header"]["Content-Type"][0]) for line in lines} == {
        ("POST", "http://127.0.0.1:1/predict", "application/json")
    }
