"""Alerts on their way, with the real programs: from Prometheus' rules over Alertmanager's routes to the webhook."""

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from infra.local import health, observability
from infra.local.layout import Layout
from infra.local.program import Program
from infra.local.supervisor import Supervisor
from infra.observability import routing, rules
from infra.observability.rules import Alert, Group


@dataclass
class Webhook:
    """An address, and what was posted to it."""

    url: str
    told: "queue.Queue[dict[str, Any]]"

    def alert(self, seconds: float = 300) -> dict[str, Any]:
        """The next alert that it is told of."""
        (alert,) = self.told.get(timeout=seconds)["alerts"]
        return alert


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    told: queue.Queue[dict[str, Any]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Webhook(f"http://127.0.0.1:{server.server_port}/hook", told)
        server.shutdown()
        thread.join()


@dataclass
class Alertmanager:
    """A running Alertmanager."""

    url: str
    port: int

    def tell(self, **labels: str) -> None:
        """Say that an alert fires."""
        httpx.post(f"{self.url}/api/v2/alerts", json=[{"labels": labels}]).raise_for_status()

    def alerts(self) -> dict[str, dict[str, Any]]:
        """What it knows, by the alert's name."""
        return {alert["labels"]["alertname"]: alert for alert in httpx.get(f"{self.url}/api/v2/alerts").json()}


def start(supervisor: Supervisor, described: dict[str, Any]) -> None:
    program = Program(**described)
    supervisor.start(program)
    health.wait(program, supervisor)


@pytest.fixture
def alertmanager(
    supervised: Supervisor, free_port: Callable[[], int]
) -> Callable[[dict[str, str] | None], Alertmanager]:
    """Starts an Alertmanager with the routes to a webhook, ``{"url": ...}`` or ``{"url_file": ...}``."""

    def started(told: dict[str, str] | None) -> Alertmanager:
        port = free_port()
        routes = json.dumps(routing.configuration(told))
        start(supervised, observability.alertmanager(supervised.layout, port, routes))
        return Alertmanager(f"http://127.0.0.1:{port}", port)

    return started


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_an_alert_that_fires_reaches_the_webhook_with_its_page(
    clone: Layout,
    supervised: Supervisor,
    free_port: Callable[[], int],
    alertmanager: Callable[[dict[str, str] | None], Alertmanager],
    webhook: Webhook,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    down = Alert(
        name="TargetDown",
        measure="min by (job) (up)",
        condition="== 0",
        minutes=0,
        severity="critical",
        summary="Prometheus cannot reach a service",
    )
    monkeypatch.setattr(rules, "of_local_stack", lambda: (Group(name="monitoring", rules=[down]),))
    running = alertmanager({"url": webhook.url})
    targets = {"nobody": (free_port(), "/metrics")}
    start(supervised, observability.prometheus(clone, free_port(), targets, running.port))
    alert = webhook.alert()
    assert alert["status"] == "firing"
    assert alert["labels"] == {"alertname": "TargetDown", "job": "nobody", "severity": "critical"}
    assert alert["annotations"] == {"summary": down.summary, "runbook_url": "docs/runbooks/TargetDown.md"}


def test_the_address_may_be_in_a_file_as_on_a_cluster(
    clone: Layout, alertmanager: Callable[[dict[str, str] | None], Alertmanager], webhook: Webhook
) -> None:
    file = clone.local / "url"
    file.write_text(webhook.url)
    alertmanager({"url_file": str(file)}).tell(alertname="Any", severity="critical")
    assert webhook.alert()["labels"]["alertname"] == "Any"


def test_alerts_are_routed_by_severity_and_what_has_none_is_only_shown(
    alertmanager: Callable[[dict[str, str] | None], Alertmanager], webhook: Webhook
) -> None:
    running = alertmanager({"url": webhook.url})
    for name, severity in (("A", "critical"), ("B", "warning"), ("C", "none")):
        running.tell(alertname=name, severity=severity)
    eventually(lambda: running.alerts().keys() == {"A", "B", "C"})
    receivers = {name: [one["name"] for one in alert["receivers"]] for name, alert in running.alerts().items()}
    assert receivers == {"A": ["critical"], "B": ["warning"], "C": ["shown"]}
    assert webhook.alert()["labels"]["alertname"] == "A"


def test_who_is_told_of_a_fast_burn_is_not_told_of_the_slow_one_of_the_same_objective(
    alertmanager: Callable[[dict[str, str] | None], Alertmanager],
) -> None:
    running = alertmanager(None)
    running.tell(alertname="ServingLatencyFastBurn", severity="critical", objective="serving-latency")
    running.tell(alertname="ServingLatencySlowBurn", severity="warning", objective="serving-latency")
    running.tell(alertname="ServingAvailabilitySlowBurn", severity="warning", objective="serving-availability")

    def states() -> dict[str, str]:
        return {name: alert["status"]["state"] for name, alert in running.alerts().items()}

    eventually(lambda: states().get("ServingLatencySlowBurn") == "suppressed" and len(states()) == 3)
    assert states()["ServingAvailabilitySlowBurn"] != "suppressed"
    assert states()["ServingLatencyFastBurn"] != "suppressed"
