"""The HTTP face over a real model: answers, refusals, and nothing that a caller sends is a server's error."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from components import contract
from serving import received
from serving.admission import MAX_REQUESTS, Admission
from serving.application import create_application
from serving.received import MAX_BODY_BYTES
from serving.trips import EXAMPLE_TRIP

JSON = {"Content-Type": "application/json"}


def test_one_trip_gives_one_prediction_with_its_origin(client: TestClient) -> None:
    answer = client.post("/predict", json=EXAMPLE_TRIP)
    assert answer.status_code == 200
    said = answer.json()
    assert set(said) == {"request_id", "model_version", "variant", "bundle", "degraded", "predictions"}
    assert (said["model_version"], said["variant"], said["bundle"]) == ("12", "champion", "trip_duration:test")
    assert said["degraded"] is False
    (prediction,) = said["predictions"]
    assert contract.MIN_DURATION_SECONDS <= prediction[contract.TARGET] <= contract.MAX_DURATION_SECONDS


def test_many_trips_are_answered_in_their_order(client: TestClient) -> None:
    short, long = {**EXAMPLE_TRIP, contract.DISTANCE: 1}, {**EXAMPLE_TRIP, contract.DISTANCE: 18}
    said = client.post("/predict", json=[long, short, long]).json()["predictions"]
    first, second, third = (one[contract.TARGET] for one in said)
    assert first == third > second


def test_a_bad_field_is_422_by_its_name(client: TestClient) -> None:
    answer = client.post("/predict", json=[EXAMPLE_TRIP, {**EXAMPLE_TRIP, contract.DISTANCE: -1}])
    assert answer.status_code == 422
    assert [problem["field"] for problem in answer.json()["detail"]] == [f"[1].{contract.DISTANCE}"]


def test_what_is_no_json_is_400(client: TestClient) -> None:
    assert client.post("/predict", content=b"{", headers=JSON).status_code == 400


@pytest.mark.parametrize("kind", [None, "text/plain", "application/vnd.bentoml+pickle", "application/jsonx", ""])
def test_only_json_is_accepted(client: TestClient, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    assert client.post("/predict", content=json.dumps(EXAMPLE_TRIP), headers=headers).status_code == 415


def test_a_character_set_beside_the_type_is_fine(client: TestClient) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert client.post("/predict", content=json.dumps(EXAMPLE_TRIP), headers=headers).status_code == 200


@pytest.mark.parametrize("declared", [(b"content-length", b"67108864"), (b"transfer-encoding", b"chunked")])
def test_a_body_that_is_too_large_is_413_before_it_is_read_whole(declared: tuple[bytes, bytes], service: Any) -> None:
    chunk, read = b" " * 65_536, 0
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b"", "root_path": ""}
    headers = [(b"content-type", b"application/json"), declared]
    application = create_application(service.opening)
    application.state.admission, application.state.predictor = Admission(), None
    asyncio.run(application({**scope, "headers": headers}, receive, send))
    assert statuses == [413]
    assert read <= (0 if declared[0] == b"content-length" else MAX_BODY_BYTES + len(chunk))


def test_a_body_of_the_largest_size_is_read(client: TestClient) -> None:
    padded = json.dumps(EXAMPLE_TRIP).encode().ljust(MAX_BODY_BYTES)
    assert client.post("/predict", content=padded, headers=JSON).status_code == 200
    assert client.post("/predict", content=padded + b" ", headers=JSON).status_code == 413


def test_without_features_the_answer_is_503_with_the_reason(client: TestClient, feature_server: Any) -> None:
    feature_server.broken = (500, b"{}")
    answer = client.post("/predict", json=EXAMPLE_TRIP)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "feature server answered 500" in answer.json()["error"]
    feature_server.broken = None
    assert client.post("/predict", json=EXAMPLE_TRIP).status_code == 200


def test_a_zone_that_the_store_does_not_know_is_predicted_without_its_features(
    client: TestClient, feature_server: Any, service: Any
) -> None:
    feature_server.unknown = {EXAMPLE_TRIP[contract.PICKUP_ZONE]}
    before = service.counted(client, "keelson_serving_missing_features_total")
    assert client.post("/predict", json=EXAMPLE_TRIP).status_code == 200
    missing = len(contract.ZONE_FEATURES) + len(contract.PAIR_FEATURES)
    assert service.counted(client, "keelson_serving_missing_features_total") == before + missing


def test_a_request_keeps_its_id_unless_the_id_is_unsafe(client: TestClient) -> None:
    for given_id, kept in (("order-7.a_b", True), ("x" * 65, False), ("a b", False), ("", False)):
        answer = client.post("/predict", json=EXAMPLE_TRIP, headers={"X-Request-ID": given_id})
        assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
        assert (answer.headers["X-Request-ID"] == given_id) is kept


def test_a_fault_of_ours_is_500_without_a_word_of_the_request(client: TestClient) -> None:
    client.app.state.predictor = None  # pyright: ignore[reportFunctionMemberAccess]
    answer = client.post("/predict", json=EXAMPLE_TRIP)
    assert answer.status_code == 500
    assert set(answer.json()) == {"request_id", "error"}
    assert "NoneType" not in answer.text


def test_metrics_count_answers_and_hold_nothing_about_a_person(client: TestClient, service: Any) -> None:
    name = 'keelson_serving_requests_total{status="200"}'
    before, trips = service.counted(client, name), service.counted(client, "keelson_serving_predictions_total")
    identity = "rider-4711"
    client.post("/predict", json=[EXAMPLE_TRIP] * 3, headers={"X-Request-ID": identity})
    assert service.counted(client, name) == before + 1
    assert service.counted(client, "keelson_serving_predictions_total") == trips + 3
    shown = client.get("/metrics").text
    assert identity not in shown
    assert contract.PICKUP_ZONE not in shown


def test_the_description_names_the_fields_with_an_example_that_works(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    assert client.get("/docs.json").json() == described
    assert client.get("/").json() == described
    assert set(described["components"]["schemas"]["Trip"]["properties"]) == set(EXAMPLE_TRIP)
    content = described["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert len(content["examples"]) == 2
    for example in content["examples"].values():
        answer = client.post("/predict", json=example["value"])
        assert answer.status_code == 200
        shape = described["components"]["schemas"]["Answer"]
        assert set(answer.json()) == set(shape["properties"])


def test_predictions_are_asked_for_by_post_only(client: TestClient) -> None:
    assert client.get("/predict").status_code == 405


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.just([]) | st.just({})
TRIPS = st.fixed_dictionaries({}, optional=dict.fromkeys([*EXAMPLE_TRIP, "extra"], VALUES))
NEAR = st.builds(lambda changed: {**EXAMPLE_TRIP, **changed}, TRIPS)
BODIES = st.binary(max_size=300) | (NEAR | TRIPS | st.lists(NEAR | TRIPS | VALUES, max_size=5)).map(
    lambda value: json.dumps(value).encode()
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=BODIES, headers=st.sampled_from([JSON, {}, {"Content-Type": "application/json; charset=latin-1"}]))
def test_no_body_is_a_servers_error(client: TestClient, sent: bytes, headers: dict[str, str]) -> None:
    answer = client.post("/predict", content=sent, headers=headers)
    assert answer.status_code in {200, 400, 415, 422}
    assert answer.json()["request_id"]


def test_those_that_come_when_all_places_are_taken_are_turned_away_at_once(feature_server: Any, service: Any) -> None:
    async def asked(at_once: int) -> list[httpx.Response]:
        application = create_application(service.opening)
        async with application.router.lifespan_context(application):
            transport = httpx.ASGITransport(application)
            async with httpx.AsyncClient(transport=transport, base_url="http://bundle") as client:
                first = await asyncio.gather(*(client.post("/predict", json=EXAMPLE_TRIP) for _ in range(at_once)))
                return [*first, await client.post("/predict", json=EXAMPLE_TRIP)]

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("KEELSON_FEAST_SERVER_URL", feature_server.url)
        environment.setenv("KEELSON_FEATURE_LOOKUP", "off")
        *answers, later = asyncio.run(asked(MAX_REQUESTS + 5))
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(refused) == 5
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert str(MAX_REQUESTS) in refused[0].json()["error"]
    assert later.status_code == 200


def test_a_body_that_comes_too_slowly_is_408(monkeypatch: pytest.MonkeyPatch, service: Any) -> None:
    monkeypatch.setattr(received, "BODY_SECONDS", 0.05)
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b"", "root_path": ""}
    headers = [(b"content-type", b"application/json")]
    application = create_application(service.opening)
    application.state.admission, application.state.predictor = Admission(), None
    asyncio.run(application({**scope, "headers": headers}, receive, send))
    assert statuses == [408]
