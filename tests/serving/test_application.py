"""The HTTP face over a real model: answers, refusals, and nothing that a caller sends is a server's error."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from components import contract
from components.model import load_model
from serving import received
from serving.admission import MAX_REQUESTS, Admission
from serving.application import create_application
from serving.manifest import Manifest, Variant
from serving.online_features import OnlineFeatures
from serving.outcomes import MAX_OUTCOMES, OutcomeLog
from serving.prediction import Predictor
from serving.prediction_log import PredictionLog
from serving.received import MAX_BODY_BYTES, MAX_EXPLAINED
from serving.settings import ServingSettings
from serving.traffic import TrafficFile
from serving.trips import EXAMPLE_TRIP

MANIFEST = Manifest(
    tag="trip_duration:test",
    commit="unknown",
    variants=tuple(
        Variant(model_version=version, run_id=f"r{version}", data_version="0", model_sha256="m")
        for version in ("12", "13")
    ),
    lock_hash="l",
    packages={},
    files={},
)
JSON = {"Content-Type": "application/json"}


def opening(folder: Path) -> Callable[[ServingSettings], AbstractAsyncContextManager[Predictor]]:
    @asynccontextmanager
    async def opened(read: ServingSettings) -> AsyncIterator[Predictor]:
        models = {variant.model_version: load_model(folder) for variant in MANIFEST.variants}
        traffic = TrafficFile(MANIFEST, read.traffic_file)
        async with OnlineFeatures(read.feast_server_url) as online, AsyncExitStack() as stack:
            journal, kept = read.prediction_log, {}
            if journal is not None:
                kept["log"] = stack.enter_context(PredictionLog(journal, MANIFEST.tag))
                kept["outcomes"] = stack.enter_context(OutcomeLog(journal))
            yield Predictor(MANIFEST, models, online, traffic=traffic, lookup=read.feature_lookup, **kept)

    return opened


@contextmanager
def client_of(folder: Path, url: str, **variables: str) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("KEELSON_FEAST_SERVER_URL", url)
        for name, value in variables.items():
            environment.setenv(f"KEELSON_{name}", value)
        application = create_application(opening(folder))
        with TestClient(application, raise_server_exceptions=False) as client:
            yield client


@pytest.fixture
def client(model_folder: Path, feature_server: Any) -> Iterator[TestClient]:
    with client_of(model_folder, feature_server.url) as client:
        yield client


def counted(client: TestClient, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


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
def test_a_body_that_is_too_large_is_413_before_it_is_read_whole(
    model_folder: Path, declared: tuple[bytes, bytes]
) -> None:
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
    application = create_application(opening(model_folder))
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
    client: TestClient, feature_server: Any
) -> None:
    feature_server.unknown = {EXAMPLE_TRIP[contract.PICKUP_ZONE]}
    before = counted(client, "keelson_serving_missing_features_total")
    assert client.post("/predict", json=EXAMPLE_TRIP).status_code == 200
    missing = len(contract.ZONE_FEATURES) + len(contract.PAIR_FEATURES)
    assert counted(client, "keelson_serving_missing_features_total") == before + missing


def test_a_request_keeps_its_id_unless_the_id_is_unsafe(client: TestClient) -> None:
    for given_id, kept in (("order-7.a_b", True), ("x" * 65, False), ("a b", False), ("", False)):
        answer = client.post("/predict", json=EXAMPLE_TRIP, headers={"X-Request-ID": given_id})
        assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
        assert (answer.headers["X-Request-ID"] == given_id) is kept


def test_a_fault_of_ours_is_500_without_a_word_of_the_request(client: TestClient, feature_server: Any) -> None:
    client.app.state.predictor = None  # pyright: ignore[reportFunctionMemberAccess]
    answer = client.post("/predict", json=EXAMPLE_TRIP)
    assert answer.status_code == 500
    assert set(answer.json()) == {"request_id", "error"}
    assert "NoneType" not in answer.text


def test_metrics_count_answers_and_hold_nothing_about_a_person(client: TestClient) -> None:
    name = 'keelson_serving_requests_total{status="200"}'
    before, trips = counted(client, name), counted(client, "keelson_serving_predictions_total")
    identity = "rider-4711"
    client.post("/predict", json=[EXAMPLE_TRIP] * 3, headers={"X-Request-ID": identity})
    assert counted(client, name) == before + 1
    assert counted(client, "keelson_serving_predictions_total") == trips + 3
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


def logged(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in sorted(folder.iterdir()) for line in file.read_text().splitlines()]


def test_contributions_add_up_to_the_prediction(client: TestClient) -> None:
    (said,) = client.post("/predict?explain=true", json=EXAMPLE_TRIP).json()["predictions"]
    assert set(said["contributions"]) == set(contract.MODEL_FEATURES)
    total = said["base"] + sum(said["contributions"].values())
    assert np.expm1(total) == pytest.approx(said[contract.TARGET], rel=1e-6)
    (plain,) = client.post("/predict?explain=false", json=EXAMPLE_TRIP).json()["predictions"]
    assert plain == {contract.TARGET: said[contract.TARGET]}


@pytest.mark.parametrize("query", ["explain=yes", "explian=true", "explain=true&x=1"])
def test_an_option_that_there_is_not_is_422_by_its_name(client: TestClient, query: str) -> None:
    answer = client.post(f"/predict?{query}", json=EXAMPLE_TRIP)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["field"].startswith("query.")


def test_more_trips_than_can_be_explained_are_422(client: TestClient) -> None:
    assert client.post("/predict?explain=true", json=[EXAMPLE_TRIP] * MAX_EXPLAINED).status_code == 200
    assert client.post("/predict?explain=true", json=[EXAMPLE_TRIP] * (MAX_EXPLAINED + 1)).status_code == 422


def test_what_is_served_is_told_with_its_origin(client: TestClient) -> None:
    said = client.get("/model").json()
    assert said["bundle"] == "trip_duration:test"
    assert [(one["model_version"], one["run_id"], one["family"]) for one in said["variants"]] == [
        ("12", "r12", "lightgbm"),
        ("13", "r13", "lightgbm"),
    ]
    assert said["traffic"] == {"champion": "12", "mode": "off"}
    assert datetime.fromisoformat(said["since"]) <= datetime.now(UTC)


def test_a_canary_answers_its_share_of_the_keys_and_both_are_logged_with_their_version(
    model_folder: Path, feature_server: Any, tmp_path: Path
) -> None:
    traffic, journal = tmp_path / "traffic.json", tmp_path / "log"
    traffic.write_text('{"champion": "12", "challenger": "13", "mode": "canary", "percent": 50}')
    variables = {"TRAFFIC_FILE": str(traffic), "PREDICTION_LOG": str(journal)}
    with client_of(model_folder, feature_server.url, **variables) as client:
        told = {}
        for number in range(40):
            headers = {"X-Routing-Key": f"session {number % 20}", "X-Request-ID": f"r{number}"}
            said = client.post("/predict", json=EXAMPLE_TRIP, headers=headers).json()
            told[f"r{number}"] = (said["variant"], said["model_version"])
        assert set(told.values()) == {("champion", "12"), ("challenger", "13")}
        assert all(told[f"r{number}"] == told[f"r{number + 20}"] for number in range(20))
        shown = client.get("/metrics").text
        assert 'keelson_serving_predictions_total{model_version="13",variant="challenger"}' in shown
    lines = {(line["request_id"], line["role"]): (line["variant"], line["model_version"]) for line in logged(journal)}
    assert {request: lines[request, "answer"] for request in told} == told
    other = {("champion", "12"): ("challenger", "13"), ("challenger", "13"): ("champion", "12")}
    assert {request: lines[request, "shadow"] for request in told} == {key: other[value] for key, value in told.items()}
    assert "session" not in "".join(file.read_text() for file in journal.iterdir())


def test_a_shadow_is_logged_beside_the_answer_and_its_failure_is_nobodys(
    model_folder: Path, feature_server: Any, tmp_path: Path
) -> None:
    traffic, journal = tmp_path / "traffic.json", tmp_path / "log"
    traffic.write_text('{"champion": "12", "challenger": "13", "mode": "shadow"}')
    variables = {"TRAFFIC_FILE": str(traffic), "PREDICTION_LOG": str(journal)}
    with client_of(model_folder, feature_server.url, **variables) as client:
        said = client.post("/predict", json=[EXAMPLE_TRIP] * 2).json()
        assert (said["variant"], said["model_version"]) == ("champion", "12")
        lines = logged(journal)
        assert [(line["role"], line["model_version"], line["index"]) for line in lines] == [
            ("answer", "12", 0),
            ("answer", "12", 1),
            ("shadow", "13", 0),
            ("shadow", "13", 1),
        ]
        assert lines[0]["features"] == lines[2]["features"]
        models = client.app.state.predictor.models  # pyright: ignore[reportFunctionMemberAccess]
        models["13"] = None
        before = counted(client, "keelson_serving_variant_errors_total")
        assert client.post("/predict", json=EXAMPLE_TRIP).status_code == 200
        assert counted(client, "keelson_serving_variant_errors_total") == before + 1
        assert [line[contract.TARGET] for line in logged(journal)[-1:]] == [None]


def test_a_canary_that_fails_leaves_its_callers_to_the_champion(
    model_folder: Path, feature_server: Any, tmp_path: Path
) -> None:
    traffic = tmp_path / "traffic.json"
    traffic.write_text('{"champion": "12", "challenger": "13", "mode": "canary", "percent": 100}')
    with client_of(model_folder, feature_server.url, TRAFFIC_FILE=str(traffic)) as client:
        assert client.post("/predict", json=EXAMPLE_TRIP).json()["variant"] == "challenger"
        client.app.state.predictor.models["13"] = None  # pyright: ignore[reportFunctionMemberAccess]
        answer = client.post("/predict", json=EXAMPLE_TRIP)
        assert (answer.status_code, answer.json()["variant"]) == (200, "champion")


@pytest.mark.parametrize("lookup", ["optional", "off"])
def test_where_the_settings_do_without_features_the_answer_says_so(
    lookup: str, model_folder: Path, feature_server: Any
) -> None:
    feature_server.broken = (500, b"{}")
    with client_of(model_folder, feature_server.url, FEATURE_LOOKUP=lookup) as client:
        before = counted(client, "keelson_serving_degraded_predictions_total")
        answer = client.post("/predict", json=EXAMPLE_TRIP)
        assert (answer.status_code, answer.json()["degraded"]) == (200, True)
        assert counted(client, "keelson_serving_degraded_predictions_total") == before + 1
        feature_server.broken = None
        assert client.post("/predict", json=EXAMPLE_TRIP).json()["degraded"] is (lookup == "off")
    assert bool(feature_server.asked) is (lookup == "optional")


def test_a_log_that_cannot_be_written_costs_no_answer(model_folder: Path, feature_server: Any, tmp_path: Path) -> None:
    journal = tmp_path / "log"
    with client_of(model_folder, feature_server.url, PREDICTION_LOG=str(journal)) as client:
        journal.rmdir()
        journal.write_text("in the way")
        before = counted(client, "keelson_serving_log_failures_total")
        assert client.post("/predict", json=EXAMPLE_TRIP).status_code == 200
        assert counted(client, "keelson_serving_log_failures_total") == before + 1


def test_those_that_come_when_all_places_are_taken_are_turned_away_at_once(
    model_folder: Path, feature_server: Any
) -> None:
    async def asked(at_once: int) -> list[httpx.Response]:
        application = create_application(opening(model_folder))
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


def test_a_body_that_comes_too_slowly_is_408(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    application = create_application(opening(model_folder))
    application.state.admission, application.state.predictor = Admission(), None
    asyncio.run(application({**scope, "headers": headers}, receive, send))
    assert statuses == [408]


def test_an_outcome_is_kept_and_a_wrong_one_is_refused_by_its_field(
    model_folder: Path, feature_server: Any, tmp_path: Path
) -> None:
    journal = tmp_path / "log"
    with client_of(model_folder, feature_server.url, PREDICTION_LOG=str(journal)) as client:
        good = [
            {"request_id": "r-1", "duration_seconds": 600.5},
            {"request_id": "r-1", "index": 1, "duration_seconds": 60},
        ]
        answer = client.post("/outcomes", json=good)
        assert (answer.status_code, answer.json()) == (202, {"kept": 2})
        for wrong, field in [
            ([{"request_id": "r-1"}], "[0].duration_seconds"),
            ([{"request_id": "r-1", "duration_seconds": -1}], "[0].duration_seconds"),
            ([{"request_id": "a b", "duration_seconds": 60}], "[0].request_id"),
            ([], "body"),
            (good * MAX_OUTCOMES, "body"),
        ]:
            refusal = client.post("/outcomes", json=wrong)
            assert (refusal.status_code, refusal.json()["detail"][0]["field"]) == (422, field)
        assert client.post("/outcomes", content=b"{", headers=JSON).status_code == 400
        assert client.post("/outcomes", content=b"[]", headers={"Content-Type": "text/plain"}).status_code == 415
    (first, second) = (line for line in logged(journal) if "role" not in line)
    assert (first["request_id"], first["index"], first["duration_seconds"]) == ("r-1", 0, 600.5)
    assert (second["index"], second["duration_seconds"]) == (1, 60)


def test_outcomes_are_refused_where_none_are_kept(client: TestClient) -> None:
    assert client.post("/outcomes", json=[{"request_id": "r", "duration_seconds": 60}]).status_code == 503
