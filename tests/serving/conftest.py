"""The service over a small model, and a stand-in for the wire format of Feast's feature server."""

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from components import contract
from components.model import load_model
from serving.application import create_application
from serving.manifest import Manifest, Variant
from serving.online_features import OnlineFeatures
from serving.outcomes import OutcomeLog
from serving.prediction import Predictor
from serving.prediction_log import PredictionLog
from serving.settings import ServingSettings
from serving.traffic import TrafficFile


class Server(ThreadingHTTPServer):
    """One that lets as many wait as a service of the world would: a busy machine is slow to take connections."""

    request_queue_size = 128


class FeatureServer:
    """Answers like Feast's feature server: zone features are the zone's number, pair features the pair's.

    Attributes:
        url: Its address.
        unknown: Zones that the online store does not hold.
        broken: When set, ``(status, body)`` of every answer.
        asked: The bodies of all requests, in order.
    """

    def __init__(self) -> None:
        self.unknown: set[int] = set()
        self.broken: tuple[int, bytes] | None = None
        self.asked: list[dict[str, Any]] = []
        self.server = Server(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """``{"metadata": {"feature_names": [...]}, "results": [{"values": [...], "statuses": [...]}, ...]}``."""
        zones, pairs = question["entities"][contract.ZONE_KEY], question["entities"][contract.PAIR_KEY]
        keys = {
            **dict.fromkeys((contract.ZONE_KEY, *contract.ZONE_FEATURES), zones),
            **dict.fromkeys((contract.PAIR_KEY, *contract.PAIR_FEATURES), pairs),
        }
        known = [zone not in self.unknown for zone in zones]
        results = [
            {
                "values": [float(key) if here else None for key, here in zip(keys[name], known, strict=True)],
                "statuses": ["PRESENT" if here else "NOT_FOUND" for here in known],
            }
            for name in keys
        ]
        return {"metadata": {"feature_names": list(keys)}, "results": results}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(question)
                status, body = outer.broken or (200, json.dumps(outer.answer(question)).encode())
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def feature_server() -> Iterator[FeatureServer]:
    """A fresh stand-in, running."""
    standing = FeatureServer()
    threading.Thread(target=standing.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield standing
    standing.server.shutdown()
    standing.server.server_close()


class Service:
    """The service's own application, over a bundle with versions 12 and 13 that are the same model.

    Args:
        model: Folder of the model.
        feature_server: Its online features.
    """

    manifest = Manifest(
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

    def __init__(self, model: Path, feature_server: FeatureServer) -> None:
        self._model, self._feature_server = model, feature_server

    @asynccontextmanager
    async def opening(self, read: ServingSettings) -> AsyncIterator[Predictor]:
        """What ``create_application`` is given to open."""
        models = {variant.model_version: load_model(self._model) for variant in self.manifest.variants}
        traffic = TrafficFile(self.manifest, read.traffic_file)
        async with OnlineFeatures(read.feast_server_url) as online, AsyncExitStack() as stack:
            folder, kept = read.prediction_log, {}
            if folder is not None:
                kept["log"] = stack.enter_context(PredictionLog(folder, self.manifest.tag))
                kept["outcomes"] = stack.enter_context(OutcomeLog(folder))
            yield Predictor(self.manifest, models, online, traffic=traffic, lookup=read.feature_lookup, **kept)

    @contextmanager
    def client(self, **variables: str) -> Iterator[TestClient]:
        """A client of the application; ``variables`` of its environment are without KEELSON_ before them."""
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("KEELSON_FEAST_SERVER_URL", self._feature_server.url)
            # Feast sets it where it is imported; this process counts for itself.
            environment.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
            for name, value in variables.items():
                environment.setenv(f"KEELSON_{name}", value)
            with TestClient(create_application(self.opening), raise_server_exceptions=False) as client:
                yield client

    @staticmethod
    def counted(client: TestClient, name: str) -> float:
        """The sum of a metric's series."""
        lines = client.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


@pytest.fixture
def service(model_folder: Path, feature_server: FeatureServer) -> Service:
    """The application over a small model and a fresh stand-in of the feature server."""
    return Service(model_folder, feature_server)


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    """A client of the application with its usual settings."""
    with service.client() as client:
        yield client
