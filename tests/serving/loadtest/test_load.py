"""A real vegeta against a real small server that is slow, fails, or is not there."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from serving.loadtest.load import run
from serving.loadtest.requests import write_targets
from serving.loadtest.vegeta import LoadError, attack_from

ROOT = Path(__file__).resolve().parents[3]
STALL_SECONDS = 1.0
# Runs the program with another budget, as a project for another purpose would have, and on a machine that may be so
# busy with something else that the last requests are not sent.
PATIENT = """
import sys
from components import thresholds
thresholds.MAX_LOADTEST_P99_MILLISECONDS = 60_000.0
from serving.loadtest import report
report._MIN_SENT_SHARE = 0.0
import typer
from serving.loadtest.__main__ import main
typer.run(main)
"""


class Server(ThreadingHTTPServer):
    """One that lets as many wait as a service of the world would: a busy machine is slow to take connections."""

    request_queue_size = 128


class Service:
    """Answers ``POST``; request 0 is the one that a load test asks before it starts.

    Attributes:
        url: Its address.
        answer: ``(status, headers)`` for the n-th request, or None to hang up; may wait.
        sent: What it answered, without the first.
        waiting: How many requests are being answered now, and the most at once.
    """

    def __init__(self) -> None:
        self.answer: Callable[[int], tuple[int, dict[str, str]] | None] = lambda _: (200, {})
        self.sent: list[int] = []
        self.waiting = self.most_waiting = 0
        self._lock, self._count = threading.Lock(), 0
        self.server = Server(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _begin(self) -> int:
        with self._lock:
            self.waiting += 1
            self.most_waiting = max(self.most_waiting, self.waiting)
            self._count += 1
            return self._count - 1

    def _end(self, place: int, status: int) -> None:
        with self._lock:
            self.waiting -= 1
            if place > 0:
                self.sent.append(status)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                place = outer._begin()
                said = outer.answer(place)
                outer._end(place, said[0] if said else 0)
                if said is None:
                    self.close_connection = True
                    return
                self.send_response(said[0])
                for name, value in {"Content-Length": "2", **said[1]}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def service() -> Iterator[Service]:
    standing = Service()
    threading.Thread(target=standing.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield standing
    standing.server.shutdown()
    standing.server.server_close()


def loadtest(*arguments: str, program: tuple[str, ...] = ("-m", "serving.loadtest")) -> subprocess.CompletedProcess:
    command = [sys.executable, *program, *arguments]
    return subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)


def test_requests_keep_coming_while_the_service_stalls_and_each_counts_from_when_it_was_due(service: Service) -> None:
    until: list[float] = []

    def stall(place: int) -> tuple[int, dict[str, str]]:
        if place > 0:
            if not until:
                until.append(time.monotonic() + STALL_SECONDS)
            time.sleep(max(until[0] - time.monotonic(), 0))
        return 200, {}

    service.answer = stall
    found = run(service.url, rate=50, seconds=2)
    # A load generator that waits for answers would have had one slow request, and the rest fast.
    assert service.most_waiting > 1
    assert found.max_milliseconds > 990
    assert found.p99_milliseconds > 900
    assert found.p95_milliseconds > 800
    assert found.error_share == 0


def test_every_kind_of_failure_is_counted_as_the_service_gave_it(service: Service) -> None:
    kinds = [(200, {}), (500, {}), (503, {"Retry-After": "1"}), None, (422, {})]
    service.answer = lambda place: kinds[place % len(kinds)]
    found = run(service.url, rate=50, seconds=1)
    counted = {name: service.sent.count(0 if name == "none" else int(name)) for name in found.statuses}
    assert found.statuses == counted
    assert set(counted) == {"200", "422", "500", "503", "none"}
    assert found.error_share == pytest.approx(1 - counted["200"] / len(service.sent))


def test_a_refusal_that_says_when_to_come_again_is_told_from_one_that_does_not(
    service: Service, tmp_path: Path
) -> None:
    service.answer = lambda place: (503, {"Retry-After": "1"} if place % 2 else {"X-Not-Retry-After": "1"})
    write_targets(service.url, [{}], tmp_path / "targets")
    hits = attack_from(1, 0.5, tmp_path / "targets")
    # One client: the service saw the requests in the order of sending.
    assert [hit.retry_after for hit in hits] == [place % 2 == 1 for place in range(len(hits))]
    assert {hit.status for hit in hits} == {503}
    assert service.most_waiting == 1


def test_a_service_that_is_not_there_is_told_of_in_one_sentence(service: Service) -> None:
    service.server.server_close()
    done = loadtest("--url", service.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(f"make loadtest: no answer from {service.url}/predict: ")
    assert "Traceback" not in done.stderr


def test_a_service_that_refuses_a_trip_is_not_loaded(service: Service) -> None:
    service.answer = lambda _: (404, {})
    with pytest.raises(LoadError, match=r"/predict answered 404 to one trip"):
        run(service.url)
    assert service.sent == []


@pytest.mark.parametrize("given", [("--rate", "0"), ("--seconds", "-1"), ("--rate", "fast")])
def test_a_rate_or_time_that_makes_no_sense_is_refused(given: tuple[str, str], service: Service) -> None:
    done = loadtest("--url", service.url, *given)
    assert (done.returncode, done.stdout) == (2, "")
    assert given[0] in done.stderr


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_exit_status_and_the_last_line_say_whether_the_budgets_were_met(
    status: int, code: int, service: Service
) -> None:
    service.answer = lambda place: (status if place else 200, {})
    done = loadtest("--url", service.url, "--rate", "20", "--seconds", "1", program=("-c", PATIENT))
    told = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, told["met"], bool(told["reasons"])) == (code, code == 0, code == 1), done.stderr
    assert told["statuses"] == {str(status): len(service.sent)}


def test_without_a_load_generator_it_says_how_to_get_one(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LoadError, match="vegeta is not on PATH; `make loadtest` gets it first"):
        run(service.url, rate=5, seconds=1)
