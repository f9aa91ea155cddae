"""The page of dashboards: in front of real programs, and in a real browser."""

import hashlib
import html
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from infra.local import health, observability
from infra.local.layout import Layout
from infra.local.page import page
from infra.local.program import Program
from infra.local.supervisor import Supervisor
from infra.observability.dashboards import DASHBOARDS

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "infra" / "observability" / "page"
# Files of the folder `dist` of uPlot 1.6.32, whose integrity in the npm registry is
# sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==
UPLOT = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
METRICS = """\
# TYPE keelson_serving_requests_total counter
keelson_serving_requests_total{status="200"} 1000
keelson_serving_requests_total{status="503"} 7
# TYPE keelson_monitor_drifted_share gauge
keelson_monitor_drifted_share 0.25
# TYPE keelson_stack_cost_dollars_month gauge
keelson_stack_cost_dollars_month 121.5
"""
MLFLOW = {
    "/api/2.0/mlflow/experiments/search": '{"experiments": [{"experiment_id": "1"}]}',
    "/api/2.0/mlflow/runs/search": '{"runs": [{"info": {"run_id": "r1", "run_name": "t", "experiment_id": "1"}}]}',
    "/api/2.0/mlflow/artifacts/list": '{"files": [{"path": "reports/verdict.html"}, {"path": "reports/verdict.json"}]}',
}


@pytest.fixture
def behind() -> Iterator[int]:
    """Port of a server with metrics, which also answers as MLflow does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            body = (METRICS if path == "/metrics" else MLFLOW.get(path, "")).encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/plain" if path == "/metrics" else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def address(clone: Layout, supervised: Supervisor, free_port: Callable[[], int], behind: int) -> str:
    """Address of the page in front of a Prometheus with a few series, and of MLflow's answers."""
    (clone.root / "docs").symlink_to(ROOT / "docs")
    ports = {name: free_port() for name in ("prometheus", "alertmanager", "dashboards")}
    targets = {"serving": (behind, "/metrics"), "nobody": (free_port(), "/metrics")}
    links = {"MLflow": "http://127.0.0.1:1", "Evidently": "http://127.0.0.1:2"}
    routes = observability.alertmanager_config(None)
    for described in (
        observability.alertmanager(clone, ports["alertmanager"], routes),
        observability.prometheus(clone, ports["prometheus"], targets, ports["alertmanager"]),
        page(clone, ports["dashboards"], {**ports, "mlflow": behind}, links),
    ):
        program = Program(**described)
        supervised.start(program)
        health.wait(program, supervised)
    return f"http://127.0.0.1:{ports['dashboards']}"


def test_the_page_its_chart_library_and_the_dashboards_are_served(address: str) -> None:
    for path in ("", "/page.js", "/uplot/uPlot.iife.min.js", "/links.json"):
        assert httpx.get(f"{address}{path}").status_code == 200, path
    assert [one["name"] for one in httpx.get(f"{address}/dashboards.json").json()] == list(DASHBOARDS)


def test_a_runbook_is_shown_as_text(address: str) -> None:
    shown = httpx.get(f"{address}/runbooks/TargetDown.md")
    assert shown.text.startswith("# TargetDown")
    assert shown.headers["content-type"] == "text/plain; charset=utf-8"


def test_prometheus_and_mlflow_are_read_through_it_and_never_written(address: str) -> None:
    answer = httpx.get(f"{address}/prometheus/api/v1/query", params={"query": "vector(1)"})
    assert answer.json()["status"] == "success"
    assert "experiments" in httpx.get(f"{address}/mlflow/api/2.0/mlflow/experiments/search").json()
    for method, path in (
        ("POST", "/prometheus/api/v1/query"),
        ("GET", "/prometheus/api/v1/status/config"),
        ("POST", "/prometheus/api/v1/admin/tsdb/delete_series"),
        ("POST", "/mlflow/api/2.0/mlflow/runs/delete"),
        ("GET", "/mlflow/api/2.0/mlflow/runs/get"),
    ):
        assert httpx.request(method, f"{address}{path}").status_code in (404, 405), path


def test_a_foreign_name_that_leads_here_is_refused(address: str) -> None:
    assert httpx.get(address, headers={"Host": "evil.example.com"}).status_code == 421


@pytest.mark.parametrize("name", UPLOT)
def test_the_chart_library_is_as_it_was_published(name: str) -> None:
    assert hashlib.sha256((PAGE / "uplot" / name).read_bytes()).hexdigest() == UPLOT[name]


def test_the_page_asks_nobody_else() -> None:
    for file in [*PAGE.glob("*.js"), *PAGE.glob("*.html"), *PAGE.glob("*.css")]:
        assert not re.search(r"https?://|//\w+\.", file.read_text()), file.name


def test_every_unit_of_a_panel_can_be_written() -> None:
    known = set(re.findall(r"^  (\w+): \(value\)", (PAGE / "units.js").read_text(), re.MULTILINE))
    used = {panel.unit for dashboard in DASHBOARDS.values() for panel in dashboard.panels}
    assert used <= known


def browse(address: str) -> str:
    """The page as a browser made it, after what would be some seconds."""
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1500,1400"]
    command += ["--virtual-time-budget=8000", "--dump-dom", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return html.unescape(done.stdout)


def panels(shown: str) -> dict[str, str]:
    """Each panel's state by its title."""
    found = re.findall(r'<section class="panel"[^>]*>', shown)
    attributes = [dict(re.findall(r'data-(\w+)="([^"]*)"', one)) for one in found]
    return {one["title"]: one.get("state", "") for one in attributes}


@pytest.fixture
def scraped(address: str) -> str:
    """The page, once Prometheus has what a rate needs, and a rule on it."""
    for _ in range(120):
        asked = {"query": 'objective:errors:ratio_rate3d{objective="serving-availability"}'}
        if httpx.get(f"{address}/prometheus/api/v1/query", params=asked).json()["data"]["result"]:
            return address
        threading.Event().wait(0.5)
    pytest.fail("Prometheus has no series")


@pytest.mark.page
def test_a_browser_draws_what_has_series_and_says_what_has_none(scraped: str) -> None:
    shown = browse(f"{scraped}/")
    assert 'data-drawn="overview"' in shown
    assert panels(shown) == {
        "Alerts that fire": "drawn",
        "Services that answer": "drawn",
        "Error budget of a month, left by three days": "drawn",
        "Cost a month, at this rate": "drawn",
        "Requests": "drawn",
        "Time to answer": "empty",
        "Mean absolute error": "empty",
        "Features that drifted": "drawn",
    }
    assert shown.count('class="uplot') == 2
    assert "$122" in shown
    assert 'id="problem" role="alert" hidden' in shown


@pytest.mark.page
def test_a_browser_shows_links_and_the_reports_of_the_last_run(scraped: str) -> None:
    shown = browse(f"{scraped}/")
    assert '<a href="http://127.0.0.1:2">Evidently</a>' in shown
    report = "http://127.0.0.1:1/#/experiments/1/runs/r1/artifacts/reports/verdict.html"
    assert f'<a href="{report}">verdict</a>' in shown
    assert "verdict.json" not in shown


@pytest.mark.page
def test_a_browser_draws_every_dashboard(scraped: str) -> None:
    for name, dashboard in DASHBOARDS.items():
        shown = browse(f"{scraped}/#{name}")
        assert f'data-drawn="{name}"' in shown
        told = panels(shown)
        assert list(told) == [panel.title for panel in dashboard.panels]
        assert set(told.values()) <= {"drawn", "empty"}


@pytest.mark.page
def test_a_browser_says_when_prometheus_does_not_answer(scraped: str, supervised: Supervisor) -> None:
    supervised.stop("prometheus")
    shown = browse(f"{scraped}/")
    assert 'id="problem" role="alert">prometheus/api/v1/alerts' in shown
    assert set(panels(shown).values()) == {"failed"}
