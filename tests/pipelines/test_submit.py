"""Submitting pipelines to Kubeflow Pipelines: against a server that speaks its HTTP API, and keeps what it is told.

The server knows the paths of KFP's API and takes bodies with the fields of the generated client's models alone.
"""

import email
import email.policy
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import kfp_server_api
import pytest
import yaml
from moto.server import ThreadedMotoServer

from components.recording import Submission
from pipelines import run, submit
from pipelines.arguments import SUPPLIED, parsed
from pipelines.driver import current_commit, provenance
from pipelines.images import by_digest
from pipelines.requests import DEFAULT_SEED, FeaturesRequest, TrainingRequest
from pipelines.submission_error import SubmissionError
from pipelines.submit import main, options, seconds_first, supplied, usual
from pipelines.versioning.definitions import compiled, pipeline
from pipelines.versioning.interface import interface

IMAGE = f"registry.example.com/components@sha256:{'a' * 64}"
VERSION = "0.1.0"
TOKEN = "a-token-of-a-service-account"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass
class Kept:
    """What the server has, and what it was asked."""

    pipelines: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)
    experiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    states: list[str] = field(default_factory=lambda: ["PENDING", "RUNNING", "SUCCEEDED"])
    token: str = ""
    uploads: int = 0


MODELS = {
    "pipelines": (kfp_server_api.V2beta1Pipeline, "pipeline_id"),
    "experiments": (kfp_server_api.V2beta1Experiment, "experiment_id"),
    "runs": (kfp_server_api.V2beta1Run, "run_id"),
    "schedules": (kfp_server_api.V2beta1RecurringRun, "recurring_run_id"),
}
PATHS = {"pipelines": "pipelines", "experiments": "experiments", "runs": "runs", "recurringruns": "schedules"}
LISTS = {"schedules": "recurringRuns"}


class Handler(BaseHTTPRequestHandler):
    kept: Kept

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.answer_to("GET")

    def do_POST(self) -> None:
        self.answer_to("POST")

    def do_DELETE(self) -> None:
        self.answer_to("DELETE")

    def answer_to(self, method: str) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.kept.token and self.headers.get("Authorization") != f"Bearer {self.kept.token}":
            return self.send(401, {"message": "who are you"})
        parts = address.path.removeprefix("/apis/v2beta1/").split("/")
        match method, parts:
            case "GET", ["healthz"]:
                return self.send(200, {"multi_user": False})
            case "POST", ["pipelines", "upload_version"]:
                return self.upload(query, body)
            case "GET", ["pipelines", pipeline_id, "versions"]:
                found = [one for one in self.kept.versions.values() if one["pipeline_id"] == pipeline_id]
                return self.send(200, {"pipeline_versions": filtered(found, query)})
            case "GET", ["runs", run_id]:
                return self.send(200, {**self.kept.runs[run_id], "state": self.next_state()})
            case "DELETE", ["recurringruns", schedule_id]:
                del self.kept.schedules[schedule_id]
                return self.send(200, {})
            case _, [path] if path in PATHS:
                return self.collection(method, PATHS[path], path, query, body)
        return self.send(404, {"message": f"no {method} {self.path}"})

    def collection(self, method: str, kind: str, path: str, query: Mapping[str, str], body: bytes) -> None:
        model, key = MODELS[kind]
        there: dict[str, dict[str, Any]] = getattr(self.kept, kind)
        if method == "GET":
            name = {"recurringruns": "recurringRuns"}.get(path, path)
            return self.send(200, {name: filtered(list(there.values()), query)})
        given = json.loads(body)
        if not given.keys() <= set(model.attribute_map.values()) or not given.get("display_name"):
            return self.send(400, {"message": f"fields {sorted(given)}"})
        identity = f"{kind}-{len(there)}"
        there[identity] = {**given, key: identity}
        return self.send(200, there[identity])

    def upload(self, query: Mapping[str, str], body: bytes) -> None:
        header = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        (part,) = email.message_from_bytes(header + body, policy=email.policy.default).iter_parts()  # type: ignore
        document: bytes = part.get_payload(decode=True)
        pipeline, *_ = yaml.safe_load_all(document)
        if part.get_param("name", header="content-disposition") != "uploadfile" or "pipelineInfo" not in pipeline:
            return self.send(400, {"error_message": "no", "error_details": "no pipeline in uploadfile"})
        self.kept.uploads += 1
        identity = f"version-{len(self.kept.versions)}"
        self.kept.documents[identity] = document
        self.kept.versions[identity] = {
            "pipeline_version_id": identity,
            "pipeline_id": query["pipelineid"],
            "display_name": query["name"],
            "description": query.get("description", ""),
        }
        return self.send(200, self.kept.versions[identity])

    def next_state(self) -> str:
        return self.kept.states.pop(0) if len(self.kept.states) > 1 else self.kept.states[0]

    def send(self, status: int, body: Mapping[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def filtered(found: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    if not query.get("filter"):
        return found
    (wanted,) = json.loads(query["filter"])["predicates"]
    assert wanted["operation"] in (1, "EQUALS")
    return [one for one in found if one[wanted["key"]] == wanted["stringValue"]]


@dataclass(frozen=True)
class Server:
    address: str
    kept: Kept


@pytest.fixture
def server() -> Iterator[Server]:
    kept = Kept()
    handler = type("Bound", (Handler,), {"kept": kept})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield Server(f"http://127.0.0.1:{listening.server_port}", kept)
        listening.shutdown()


Say = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def say(server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """``say("training", "--wait")``: the exit status, and the JSON line that is all of stdout."""
    monkeypatch.setattr("pipelines.kfp_server._LOOK_SECONDS", 0.001)

    def say(*arguments: str, endpoint: str = server.address) -> tuple[int, dict[str, Any]]:
        status = main(["training", "--as-version", VERSION, "--image", IMAGE, "--endpoint", endpoint, *arguments])
        (line,) = capsys.readouterr().out.splitlines()
        return status, json.loads(line)

    return say


def test_a_run_is_started_of_a_version_that_is_uploaded_first(server: Server, say: Say) -> None:
    status, told = say("--param", "rows=1000", "--param", "seed=7")
    assert status == 0
    assert (told["status"], told["uploaded"]) == ("submitted", True)
    (started,) = server.kept.runs.values()
    (version,) = server.kept.versions.values()
    assert started["pipeline_version_reference"] == {
        "pipeline_id": version["pipeline_id"],
        "pipeline_version_id": version["pipeline_version_id"],
    }
    assert version["display_name"] == told["version"]
    assert re.fullmatch(rf"{re.escape(VERSION)}-[0-9a-f]{{12}}", told["version"])
    assert told["url"] == f"{server.address}/#/runs/details/{started['run_id']}"


def test_a_run_is_given_what_a_person_wrote_the_usual_rest_and_what_only_the_code_knows(
    server: Server, say: Say
) -> None:
    say("--param", "rows=1000")
    (started,) = server.kept.runs.values()
    parameters = started["runtime_config"]["parameters"]
    assert (parameters["source"], parameters["rows"], parameters["seed"]) == ("synthetic", 1000, DEFAULT_SEED)
    assert re.fullmatch("[0-9a-f]{64}", parameters["fingerprint"])
    assert parameters["commit"] == current_commit()
    assert "run" not in parameters


def test_a_run_carries_what_a_driver_would_note_of_it() -> None:
    tags = provenance("training", "1.2.3", {"train": "1.0.0"}, image=IMAGE, lock_sha256="c" * 64, by="pipelines.submit")
    given = {"source": "synthetic", "rows": 9, "seed": 7, "families": ["linear"]}
    found = supplied("training", "1.2.3", dict.fromkeys([*given, *SUPPLIED]), given, tags)
    noted = Submission.parse(found["submission"])
    assert noted.parameters == {**given, "fingerprint": found["fingerprint"], "study": found["study"]}
    assert noted.tags == tags
    assert (tags["keelson.pipeline_version"], tags["keelson.image"]) == ("1.2.3", IMAGE)
    # An older version of the pipeline has no such input.
    assert "submission" not in supplied("training", "1.0.0", dict.fromkeys(given), given, tags)


def test_a_version_is_uploaded_once_for_all_runs(server: Server, say: Say) -> None:
    told = [say("--param", f"seed={seed}")[1] for seed in (1, 2)]
    assert [one["uploaded"] for one in told] == [True, False]
    assert (server.kept.uploads, len(server.kept.runs), len(server.kept.pipelines)) == (1, 2, 1)


def test_what_is_uploaded_is_the_published_pipeline_in_the_image_of_the_run(server: Server, say: Say) -> None:
    say()
    (document,) = server.kept.documents.values()
    pipeline, platform = yaml.safe_load_all(document)
    images = {one["container"]["image"] for one in pipeline["deploymentSpec"]["executors"].values()}
    assert images == {IMAGE}
    assert platform["platforms"].keys() == {"kubernetes"}


def test_another_image_is_another_version(server: Server, say: Say) -> None:
    say()
    other = IMAGE.replace("a" * 64, "b" * 64)
    assert say("--image", other)[1]["uploaded"]
    assert len({one["display_name"] for one in server.kept.versions.values()}) == 2


def test_a_version_of_the_same_name_and_another_content_is_neither_run_nor_overwritten(
    server: Server, say: Say
) -> None:
    say()
    (version,) = server.kept.versions.values()
    version["description"] = "SHA-256 of something else"
    status, told = say()
    assert status == 1
    assert "has another content" in told["error"]
    assert (server.kept.uploads, len(server.kept.runs)) == (1, 1)


@pytest.mark.parametrize(("state", "status"), [("SUCCEEDED", 0), ("FAILED", 1), ("CANCELED", 1), ("SKIPPED", 1)])
def test_whoever_waits_is_told_how_the_run_ended(server: Server, say: Say, state: str, status: int) -> None:
    server.kept.states = ["PENDING", "RUNNING", "RUNNING", state]
    got, told = say("--wait")
    assert got == status
    assert told["status"] == ("succeeded" if status == 0 else "failed")
    if status:
        assert told["error"] == f"the run is {state.lower()}; look at {told['url']}"


def test_a_schedule_takes_the_place_of_the_one_before(server: Server, say: Say) -> None:
    say("--schedule", "0 3 * * 1")
    status, told = say("--schedule", "30 4 * * *")
    assert (status, told["status"]) == (0, "scheduled")
    (schedule,) = server.kept.schedules.values()
    assert schedule["trigger"] == {"cron_schedule": {"cron": "0 30 4 * * *"}}
    assert schedule["recurring_run_id"] == told["schedule_id"]
    assert (schedule["mode"], int(schedule["max_concurrency"]), schedule["no_catchup"]) == ("ENABLE", 1, True)
    assert not server.kept.runs


def test_a_token_is_read_from_its_file_and_sent_with_each_request(server: Server, say: Say, tmp_path: Path) -> None:
    server.kept.token = TOKEN
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert say("--token-file", str(tmp_path / "token"))[0] == 0


def test_whoever_has_no_token_is_told_how_to_give_one(server: Server, say: Say) -> None:
    server.kept.token = TOKEN
    status, told = say()
    assert status == 1
    assert "does not let in (401); give a token that it knows by --token-file" in told["error"]


def test_a_token_file_that_is_not_there_is_named(say: Say) -> None:
    assert "/none/token" in say("--token-file", "/none/token")[1]["error"]


def test_a_server_that_does_not_answer_is_named_at_once(say: Say) -> None:
    status, told = say(endpoint="http://127.0.0.1:9")
    assert status == 1
    assert told["error"].startswith("Kubeflow Pipelines at http://127.0.0.1:9 cannot be asked")


def test_what_the_server_refuses_is_told_in_its_words(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "runs", (kfp_server_api.V2beta1Experiment, "run_id"))
    status, told = say()
    assert status == 1
    assert "was asked to start a run and answered 400: fields [" in told["error"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--param", "rows=many"], "rows=many was given; give a whole number"),
        (["--param", "rows=1.5"], "rows=1.5 was given; give a whole number"),
        (["--param", "rows=true"], "rows=true was given; give a whole number"),
        (["--param", "rowz=1"], "the pipeline takes no 'rowz'; it takes"),
        (["--param", "rows"], "--param 'rows' has no value; write name=value"),
        (["--param", "run=mine"], "the pipeline takes no 'run'"),
        (["--param", "source=/data/trips.parquet"], "is a file of this machine; a cluster reads synthetic, tlc:"),
        (["--param", "source=synthetic:nonsense"], "names no change of regime"),
        (["--as-version", "9.9.9"], "training 9.9.9 was not published; there are 0.1.0"),
        (["--image", "registry.example.com/components:latest"], "is not named by digest; give <repository>@sha256:"),
        (["--schedule", "daily"], "'daily' is no schedule; give five fields in UTC"),
        (["--schedule", "* * *"], "is no schedule"),
    ],
)
def test_a_wrong_request_is_answered_in_one_sentence_and_nothing_reaches_the_server(
    server: Server, say: Say, arguments: list[str], words: str
) -> None:
    status, told = say(*arguments)
    assert status == 1
    assert words in told["error"]
    assert "\n" not in told["error"]
    assert server.kept == Kept()


def test_an_unknown_pipeline_is_answered_by_those_that_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trainig"]) == 1
    assert "there is no pipeline 'trainig'; there are " in json.loads(capsys.readouterr().out)["error"]


def test_an_image_is_asked_for_where_none_is_given(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["training", "--endpoint", server.address]) == 1
    assert "give --image" in json.loads(capsys.readouterr().out)["error"]


def test_a_source_tree_that_is_not_published_is_not_submitted(
    server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submit, "unpublished", lambda *_: ["component train 0.1.0 changed"])
    assert main(["training", "--endpoint", server.address, "--image", IMAGE]) == 1
    assert "component train 0.1.0 changed; publish by" in json.loads(capsys.readouterr().out)["error"]


def test_settings_that_are_missing_are_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEELSON_KFP_ENDPOINT", raising=False)
    assert main(["training"]) == 1
    assert "KEELSON_KFP_ENDPOINT" in json.loads(capsys.readouterr().out)["error"]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("0 3 * * 1", "0 0 3 * * 1"), ("15 0 3 * * 1", "15 0 3 * * 1"), ("*/5 * * * ?", "0 */5 * * * ?")],
)
def test_a_schedule_gets_the_field_for_seconds_that_kubeflow_pipelines_wants(given: str, wanted: str) -> None:
    assert seconds_first(given) == wanted


def test_the_local_stack_runs_by_the_options_of_pipelines_run() -> None:
    chosen = {**usual("training"), "rows": 1000, "families": list(TrainingRequest().families)}
    assert tuple(options(chosen)[:2]) == ("--data", "synthetic")
    run.parse(["training", *options(chosen)])


@pytest.mark.parametrize("request_kind", [TrainingRequest, FeaturesRequest])
def test_what_nobody_gives_is_what_pipelines_run_would_take(request_kind: Any) -> None:
    name = request_kind.__name__.removesuffix("Request").lower()
    inputs = interface(yaml.safe_load(compiled(pipeline(name)))).inputs
    assert run.parse([name, *options(parsed([], inputs, usual(name)))]) == request_kind()


@pytest.fixture
def ecr(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (("ENDPOINT_URL", f"http://{host}:{port}"), ("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "a")):
        monkeypatch.setenv(f"AWS_{name}", value)
    yield boto3.client("ecr", region_name="us-east-1")
    server.stop()


def test_the_digest_of_a_tag_in_ecr_is_looked_up_there(ecr: Any) -> None:
    ecr.create_repository(repositoryName="keelson-dev/components")
    manifest = json.dumps(
        {"schemaVersion": 2, "mediaType": MANIFEST, "config": {"digest": "sha256:" + "c" * 64}, "layers": []}
    )
    put = ecr.put_image(repositoryName="keelson-dev/components", imageManifest=manifest, imageTag="0.1.0")
    registry = "123456789012.dkr.ecr.us-east-1.amazonaws.com/keelson-dev/components"
    assert by_digest(f"{registry}:0.1.0") == f"{registry}@{put['image']['imageId']['imageDigest']}"
    with pytest.raises(SubmissionError, match=r"components:9.9.9 cannot be had"):
        by_digest(f"{registry}:9.9.9")
