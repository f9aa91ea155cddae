"""Two variants of a bundle: who answers, what is logged of whom, and what a service says of itself."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from components import contract
from serving.outcomes import MAX_OUTCOMES
from serving.received import MAX_EXPLAINED
from serving.trips import EXAMPLE_TRIP

JSON = {"Content-Type": "application/json"}


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
    tmp_path: Path, service: Any
) -> None:
    traffic, journal = tmp_path / "traffic.json", tmp_path / "log"
    traffic.write_text('{"champion": "12", "challenger": "13", "mode": "canary", "percent": 50}')
    variables = {"TRAFFIC_FILE": str(traffic), "PREDICTION_LOG": str(journal)}
    with service.client(**variables) as client:
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


def test_a_shadow_is_logged_beside_the_answer_and_its_failure_is_nobodys(tmp_path: Path, service: Any) -> None:
    traffic, journal = tmp_path / "traffic.json", tmp_path / "log"
    traffic.write_text('{"champion": "12", "challenger": "13", "mode": "shadow"}')
    variables = {"TRAFFIC_FILE": str(traffic), "PREDICTION_LOG": str(journal)}
    with service.client(**variables) as client:
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
        before = service.counted(client, "keelson_serving_variant_errors_total")
        assert client.post("/predict", json=EXAMPLE_TRIP).status_code == 200
        assert service.counted(client, "keelson_serving_variant_errors_total") == before + 1
        assert [line[contract.TARGET] for line in logged(journal)[-1:]] == [None]


def test_a_canary_that_fails_leaves_its_callers_to_the_champion(tmp_path: Path, service: Any) -> None:
    traffic = tmp_path / "traffic.json"
    traffic.write_text('{"champion": "12", "challenger": "13", "mode": "canary", "percent": 100}')
    with service.client(TRAFFIC_FILE=str(traffic)) as client:
        assert client.post("/predict", json=EXAMPLE_TRIP).json()["variant"] == "challenger"
        client.app.state.predictor.models["13"] = None  # pyright: ignore[reportFunctionMemberAccess]
        answer = client.post("/predict", json=EXAMPLE_TRIP)
        assert (answer.status_code, answer.json()["variant"]) == (200, "champion")


@pytest.mark.parametrize("lookup", ["optional", "off"])
def test_where_the_settings_do_without_features_the_answer_says_so(
    lookup: str, feature_server: Any, service: Any
) -> None:
    feature_server.broken = (500, b"{}")
    with service.client(FEATURE_LOOKUP=lookup) as client:
        before = service.counted(client, "keelson_serving_degraded_predictions_total")
        answer = client.post("/predict", json=EXAMPLE_TRIP)
        assert (answer.status_code, answer.json()["degraded"]) == (200, True)
        assert service.counted(client, "keelson_serving_degraded_predictions_total") == before + 1
        feature_server.broken = None
        assert client.post("/predict", json=EXAMPLE_TRIP).json()["degraded"] is (lookup == "off")
    assert bool(feature_server.asked) is (lookup == "optional")


def test_a_log_that_cannot_be_written_costs_no_answer(tmp_path: Path, service: Any) -> None:
    journal = tmp_path / "log"
    with service.client(PREDICTION_LOG=str(journal)) as client:
        journal.rmdir()
        journal.write_text("in the way")
        before = service.counted(client, "keelson_serving_log_failures_total")
        assert client.post("/predict", json=EXAMPLE_TRIP).status_code == 200
        assert service.counted(client, "keelson_serving_log_failures_total") == before + 1


def test_an_outcome_is_kept_and_a_wrong_one_is_refused_by_its_field(tmp_path: Path, service: Any) -> None:
    journal = tmp_path / "log"
    with service.client(PREDICTION_LOG=str(journal)) as client:
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
