"""The cluster's API is spoken to as Kubernetes answers, and one that does not answer is told from one that is gone."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import pytest

from infra.operations.account import Account
from infra.operations.cluster_api import (
    ClusterGone,
    ClusterUnreachable,
    Kind,
    KubernetesApi,
    Object,
    configuration,
    connected,
    token,
)

CONFIG_MAP = Kind(version="v1", name="ConfigMap")
NODE_POOL = Kind(version="karpenter.sh/v1", name="NodePool")


class Kubernetes(BaseHTTPRequestHandler):
    """Discovery, lists and deletions, as the API server's documentation has them."""

    names: ClassVar[list[str]] = []
    tokens: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        type(self).tokens.append(self.headers.get("authorization", ""))
        resource = {
            "name": "configmaps",
            "singularName": "configmap",
            "namespaced": True,
            "kind": "ConfigMap",
            "verbs": ["get", "list", "delete"],
        }
        answers: dict[str, dict[str, Any]] = {
            "/version": {"major": "1", "minor": "36"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [resource]},
            "/apis": {"kind": "APIGroupList", "groups": []},
            "/api/v1/configmaps": {
                "apiVersion": "v1",
                "kind": "ConfigMapList",
                "items": [self._one(one) for one in self.names],
            },
        }
        path, _, query = self.path.partition("?")
        answers["/api/v1/namespaces/monitoring/services/loki:3100/proxy/logs"] = {"asked": dict(parse_qsl(query))}
        name = path.rsplit("/", 1)[-1]
        if path.startswith("/api/v1/namespaces/default/configmaps/") and name in self.names:
            answers[path] = self._one(name)
        self._answer(200 if path in answers else 404, answers.get(path, {"code": 404}))

    def do_DELETE(self) -> None:
        name = self.path.split("?")[0].rsplit("/", 1)[-1]
        there = name in self.names
        if there:
            type(self).names.remove(name)
        self._answer(200 if there else 404, {"apiVersion": "v1", "kind": "Status"})

    def _one(self, name: str) -> dict[str, Any]:
        metadata = {"name": name, "namespace": "default", "finalizers": ["example.com/held"]}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a failing test has its own words."""


@pytest.fixture
def server() -> Iterator[str]:
    Kubernetes.names, Kubernetes.tokens = ["one", "two"], []
    served = ThreadingHTTPServer(("127.0.0.1", 0), Kubernetes)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_address[1]}"
    served.shutdown()


@pytest.fixture
def api(server: str, tmp_path: Path) -> KubernetesApi:
    numbers = iter(range(1000))
    return KubernetesApi(configuration(server, tmp_path / "ca.pem", lambda: f"token-{next(numbers)}"), tmp_path)


def test_objects_are_listed_with_what_holds_them(api: KubernetesApi) -> None:
    assert [(one.name, one.finalizers) for one in api.every(CONFIG_MAP)] == [
        ("one", ("example.com/held",)),
        ("two", ("example.com/held",)),
    ]


def test_a_kind_that_the_cluster_does_not_know_has_no_objects(api: KubernetesApi) -> None:
    assert api.every(NODE_POOL) == []


def test_a_deleted_object_is_gone(api: KubernetesApi) -> None:
    api.delete(api.every(CONFIG_MAP)[0])
    assert [one.name for one in api.every(CONFIG_MAP)] == ["two"]


def test_a_service_inside_the_cluster_is_asked_with_the_callers_token(api: KubernetesApi) -> None:
    query = {"query": '{a=~".+"} |= "x"', "limit": "5"}
    Kubernetes.tokens.clear()
    assert api.ask_service("monitoring", "loki:3100", "/logs", query) == {"asked": query}
    (token,) = Kubernetes.tokens
    assert token.startswith("Bearer token-")


def test_a_service_that_is_not_there_is_said_to_refuse(api: KubernetesApi) -> None:
    with pytest.raises(ClusterUnreachable, match="refused: 404"):
        api.ask_service("monitoring", "loki:3100", "/other", {})


def test_deleting_what_is_gone_already_is_no_failure(api: KubernetesApi) -> None:
    one = api.every(CONFIG_MAP)[0]
    api.delete(one)
    api.delete(one)
    assert one not in api.every(CONFIG_MAP)


def test_one_object_is_found_by_name(api: KubernetesApi) -> None:
    assert str(api.find(CONFIG_MAP, "two", "default")) == "ConfigMap default/two"


def test_an_object_that_is_not_there_is_none(api: KubernetesApi) -> None:
    assert api.find(CONFIG_MAP, "three", "default") is None


def test_each_request_carries_a_fresh_token(api: KubernetesApi) -> None:
    Kubernetes.tokens.clear()
    api.every(CONFIG_MAP)
    api.every(CONFIG_MAP)
    assert len(set(Kubernetes.tokens)) == len(Kubernetes.tokens) >= 2
    assert all(one.startswith("Bearer token-") for one in Kubernetes.tokens)


def test_a_port_where_nobody_listens_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnreachable, match="does not answer from here"):
        KubernetesApi(configuration("http://127.0.0.1:9", tmp_path / "ca.pem", lambda: "-"), tmp_path)


def test_a_refused_token_is_unreachable(api: KubernetesApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kubernetes, "do_GET", lambda self: self._answer(401, {}))
    with pytest.raises(ClusterUnreachable, match="401"):
        api.every(CONFIG_MAP)


def test_a_cluster_that_is_not_there_is_gone(account: Account) -> None:
    with pytest.raises(ClusterGone, match="keelson-dev"), connected(account, "keelson-dev"):
        pass


def test_the_token_is_a_signed_address_for_this_cluster_alone(aws: Any) -> None:
    made = token("us-east-1", "keelson-dev")
    assert made.startswith("k8s-aws-v1.aHR0cHM6Ly9zdHMudXMtZWFzdC0xLmFtYXpvbmF3cy5jb20v")


def test_an_object_without_a_namespace_is_named_by_kind_and_name() -> None:
    assert str(Object(NODE_POOL, {"metadata": {"name": "gpu"}})) == "NodePool gpu"
