"""How a training is asked for, here and on a cluster."""

import json
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from infra.delivery.kubeflow_access import open_access
from infra.delivery.train import arguments
from infra.operations.cluster_api import ClusterUnreachable, configuration

TOKENS = "/api/v1/namespaces/kubeflow/serviceaccounts/pipeline-submitter/token"


class Kubernetes(BaseHTTPRequestHandler):
    """Gives a token for one service account to whoever signs in."""

    asked: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        type(self).asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        good = self.path == TOKENS and self.headers["authorization"] == "Bearer signed"
        told = {
            "kind": "TokenRequest",
            "spec": {"audiences": []},
            "status": {"token": "secret", "expirationTimestamp": "2026-12-01T00:00:00Z"},
        }
        body = json.dumps(told if good else {"kind": "Status", "code": 403}).encode()
        self.send_response(201 if good else 403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def cluster() -> Iterator[str]:
    Kubernetes.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Kubernetes)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def test_parameters_are_words_as_in_a_shell() -> None:
    assert arguments("drift", "rows=1000 force_reason='a drill, no more'") == [
        *("training", "--param", "rows=1000", "--param", "force_reason=a drill, no more", "--reason", "drift", "--wait")
    ]


@pytest.mark.parametrize("wrong", ["rows", "--endpoint=elsewhere", "=5", "rows=1 --image"])
def test_what_is_no_parameter_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="is no parameter"):
        arguments("drift", wrong)


def test_a_training_without_a_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="say why"):
        arguments(" ", "")


def test_ci_reaches_the_pipelines_by_a_token_for_them_alone(cluster: str, tmp_path: Path) -> None:
    access = open_access(configuration(cluster, tmp_path / "ca.pem", lambda: "signed"), tmp_path)
    assert access.endpoint == f"{cluster}/api/v1/namespaces/kubeflow/services/ml-pipeline:http/proxy"
    assert access.token.read_text() == "secret"
    assert stat.S_IMODE(access.token.stat().st_mode) == 0o600
    assert Kubernetes.asked == [{"spec": {"expirationSeconds": 21_600}}]
    assert access.options()[:2] == ["--endpoint", access.endpoint]


def test_who_may_not_ask_for_a_token_is_told(cluster: str, tmp_path: Path) -> None:
    with pytest.raises(ClusterUnreachable, match="refused: 403"):
        open_access(configuration(cluster, tmp_path / "ca.pem", lambda: "wrong"), tmp_path)
