"""The real proxy in front of small servers: what passes through it, what it says itself, and a route that moves."""

import http.client
import http.server
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx
import psutil
import pytest

from infra.local import health
from infra.local.layout import Layout
from infra.local.proxy import RouteProvider, proxy_config


@dataclass
class Proxy:
    """A running proxy."""

    layout: Layout
    port: int
    health_port: int
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lead_to(self, port: int) -> None:
        """Send requests to ``port`` from now on."""
        RouteProvider().create({"path": str(self.layout.upstream), "upstream": f"127.0.0.1:{port}"})


class Echo(http.server.BaseHTTPRequestHandler):
    """Says what it was asked, and by which server."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said = {
            "path": self.path,
            "headers": self.headers.items(),
            "body": body.decode(),
            "server": self.connection.getsockname()[1],
        }
        answer = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("X-Request-ID", self.headers.get("X-Request-ID", ""))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, format: str, *args: Any) -> None:
        return None


@pytest.fixture
def proxy(clone: Layout, free_port: Callable[[], int]) -> Iterator[Proxy]:
    caddy = clone.bin / "caddy"
    assert caddy.exists(), "run `make env` first: it finds or builds caddy"
    port, health_port = free_port(), free_port()
    clone.serving.mkdir()
    config = clone.serving / "caddy.json"
    config.write_text(proxy_config(clone, port=port, health_port=health_port))
    log = (clone.local / "caddy.log").open("wb")
    process = subprocess.Popen([caddy, "run", "--config", config], env={"HOME": str(clone.home)}, stderr=log)
    deadline = time.monotonic() + 120
    while health.problem({"http": [f"http://127.0.0.1:{health_port}"]}):
        assert process.poll() is None, (clone.local / "caddy.log").read_text()
        assert time.monotonic() < deadline, "the proxy did not become ready"
        time.sleep(0.02)
    yield Proxy(clone, port, health_port, process)
    process.terminate()
    process.wait()
    log.close()


@pytest.fixture
def backend() -> Iterator[Callable[..., int]]:
    """Starts small servers and gives their ports."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(handler: type[http.server.BaseHTTPRequestHandler] = Echo) -> int:
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return servers[-1].server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_request_reaches_the_backend_as_the_client_wrote_it(proxy: Proxy, backend: Callable[[], int]) -> None:
    proxy.lead_to(backend())
    request = (
        b"POST /a%2Fb/../c?d=%20e&d=f HTTP/1.1\r\nHost: example.org\r\nX-Request-Id: 17-a\r\nContent-Type: text/x\r\n"
        b"Content-Length: 3\r\n\r\nabc"
    )
    with closing(socket.create_connection(("127.0.0.1", proxy.port), timeout=60)) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        said = json.loads(answer.read())
    assert (said["path"], said["body"]) == ("/a%2Fb/../c?d=%20e&d=f", "abc")
    sent = {"Host": "example.org", "X-Request-Id": "17-a", "Content-Type": "text/x", "Content-Length": "3"}
    assert dict(said["headers"]) == sent
    assert answer.headers["X-Request-ID"] == "17-a"


def test_no_request_fails_while_the_route_moves_to_and_fro(proxy: Proxy, backend: Callable[[], int]) -> None:
    ports = [backend(), backend()]
    proxy.lead_to(ports[0])
    failed: list[object] = []
    answered_by: list[int] = []
    stop = threading.Event()

    def ask(client: httpx.Client | None) -> None:
        while not stop.is_set():
            try:
                answer = (client or httpx).post(proxy.url, content=b"x", timeout=60)
                (answered_by if answer.status_code == 200 else failed).append(answer.json().get("server"))
            except httpx.HTTPError as error:
                failed.append(error)

    clients = [httpx.Client(), httpx.Client(), None]
    threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    moves: list[tuple[int, int]] = []
    for turn in range(20):
        time.sleep(0.05)
        proxy.lead_to(ports[(turn + 1) % 2])
        # What is asked once the route has moved goes the new way.
        moves.append((ports[(turn + 1) % 2], httpx.get(proxy.url, timeout=60).json()["server"]))
    stop.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert set(answered_by) == set(ports)
    assert all(wanted == got for wanted, got in moves)


def assert_refused(answer: httpx.Response) -> None:
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["retry-after"] == "1"
    assert "cannot be reached" in answer.json()["error"]


def test_before_the_first_route_the_answer_is_502_with_a_reason_and_the_proxy_is_healthy(proxy: Proxy) -> None:
    assert_refused(httpx.get(proxy.url, timeout=60))
    assert health.problem({"http": [f"http://127.0.0.1:{proxy.health_port}"]}) is None


def test_a_backend_that_is_gone_is_502_with_a_reason_and_only_as_long_as_it_is(
    proxy: Proxy, backend: Callable[[], int], free_port: Callable[[], int]
) -> None:
    proxy.lead_to(free_port())
    assert_refused(httpx.post(proxy.url, content=b"x", timeout=60))
    proxy.lead_to(backend())
    assert httpx.post(proxy.url, content=b"x", timeout=60).status_code == 200


def test_a_backend_that_dies_in_mid_request_is_502_with_a_reason(proxy: Proxy, backend: Callable[..., int]) -> None:
    class Dies(Echo):
        def do_POST(self) -> None:
            self.connection.close()
            self.close_connection = True

    proxy.lead_to(backend(Dies))
    assert_refused(httpx.post(proxy.url, content=b"x", timeout=60))


def test_an_error_is_logged_without_what_the_client_sent(proxy: Proxy, free_port: Callable[[], int]) -> None:
    proxy.lead_to(free_port())
    httpx.get(f"{proxy.url}/?q=s3cret", headers={"X-Api-Key": "s3cret"})
    log = (proxy.layout.local / "caddy.log").read_text()
    assert "connection refused" in log
    assert "s3cret" not in log


def test_a_request_is_a_line_with_its_id_and_without_who_asked_or_what(
    proxy: Proxy, backend: Callable[[], int]
) -> None:
    proxy.lead_to(backend())
    httpx.post(f"{proxy.url}/predict?q=s3cret", content=b"s3cret", headers={"X-Request-Id": "r-1", "X-Key": "s3cret"})
    file = proxy.layout.local / "caddy.log"
    deadline = time.monotonic() + 120
    while "r-1" not in file.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    (line,) = (line for line in file.read_text().splitlines() if "r-1" in line)
    said = json.loads(line)
    assert (said["request_id"], said["status"], said["request"]["uri"]) == ("r-1", 200, "/predict")
    assert not {"remote_ip", "remote_port", "client_ip", "headers"} & said["request"].keys()
    assert "s3cret" not in file.read_text()


def test_bodies_pass_as_they_come_in_both_directions(proxy: Proxy, backend: Callable[..., int]) -> None:
    arrived, seen = threading.Event(), threading.Event()

    class Slow(Echo):
        def do_POST(self) -> None:
            self.rfile.read(len(b"3\r\none\r\n"))
            arrived.set()
            self.rfile.read(len(b"0\r\n\r\n"))
            self.send_response(200)
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"one")
            seen.wait(60)
            self.wfile.write(b"two")

    proxy.lead_to(backend(Slow))
    with closing(socket.create_connection(("127.0.0.1", proxy.port), timeout=60)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        assert arrived.wait(60), "the proxy waits for the whole request"
        connection.sendall(b"0\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.read(3) == b"one"
        seen.set()
        assert answer.read() == b"two"


def test_the_proxy_listens_on_its_two_ports_of_loopback_only(proxy: Proxy) -> None:
    listening = [c.laddr for c in psutil.Process(proxy.process.pid).net_connections() if c.status == psutil.CONN_LISTEN]
    assert {tuple(address) for address in listening} == {("127.0.0.1", proxy.port), ("127.0.0.1", proxy.health_port)}


def test_refresh_sees_a_route_that_was_changed_or_removed(clone: Layout) -> None:
    described = {"path": str(clone.upstream), "upstream": "127.0.0.1:1"}
    provider = RouteProvider()
    provider.create(described)
    assert provider.observe(described) == "ready"
    clone.upstream.write_text("127.0.0.1:2")
    assert provider.observe(described) == "changed"
    provider.delete("route", described)
    assert provider.observe(described) == "changed"
    assert not clone.upstream.exists()
