"""A small server that stands for GitHub's REST API: deployments, their statuses, runs, and who approved of them."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

REPOSITORY, TOKEN = "team/keelson", "token-of-the-job"


class GitHub:
    """What the server knows. It answers as docs.github.com/rest says, version 2022-11-28, and refuses other tokens.

    Attributes:
        deployments: In the order in which they were made.
        runs: By number.
        approved: By run, as ``GET .../approvals`` tells them.
        failures: Status codes of the next answers, in place of good ones.
        asked: Method and path of each request.
        page: Longest page.
    """

    repository, token = REPOSITORY, TOKEN

    def __init__(self) -> None:
        self.deployments: list[dict[str, Any]] = []
        self.statuses: dict[int, list[dict[str, Any]]] = {}
        self.runs: dict[int, dict[str, Any]] = {}
        self.approved: dict[int, list[dict[str, Any]]] = {}
        self.failures: list[int] = []
        self.asked: list[tuple[str, str]] = []
        self.page = 100
        self.api = ""

    def begin_run(self, workflow: str, commit: str) -> int:
        """A run of ``.github/workflows/<workflow>.yml`` begins; returns its number."""
        number = 1000 + len(self.runs)
        path = f".github/workflows/{workflow}.yml"
        self.runs[number] = {
            "id": number,
            "path": path,
            "head_sha": commit,
            "status": "in_progress",
            "conclusion": None,
        }
        self.approved[number] = []
        return number

    def end_run(self, number: int, *, good: bool) -> None:
        """A run ends."""
        self.runs[number] |= {"status": "completed", "conclusion": "success" if good else "failure"}

    def approve(self, run: int, environment: str, who: str, comment: str) -> None:
        """Somebody approves of a run's jobs in an environment."""
        about = {"environments": [{"name": environment}], "user": {"login": who}}
        self.approved[run].append({"state": "approved", "comment": comment, **about})

    def ledger(self, environment: str, task: str) -> list[tuple[dict[str, Any], str]]:
        """Payload and newest state of each deployment, the oldest first."""
        found = [one for one in self.deployments if (one["environment"], one["task"]) == (environment, task)]
        return [(one["payload"], self.statuses[one["id"]][-1]["state"]) for one in found]

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        """Status code and content."""
        for pattern, wanted, handle in self._routes():
            if wanted == method and (found := re.fullmatch(f"/repos/{self.repository}{pattern}", path)):
                return handle(*map(int, found.groups()), **({"body": body} if method == "POST" else {"query": query}))
        return 404, {"message": "Not Found"}

    def _routes(self) -> list[tuple[str, str, Any]]:
        return [
            (r"/deployments", "GET", self._list),
            (r"/deployments", "POST", self._deploy),
            (r"/deployments/(\d+)", "GET", self._one),
            (r"/deployments/(\d+)/statuses", "GET", lambda number, query: (200, self.statuses[number][::-1])),
            (r"/deployments/(\d+)/statuses", "POST", self._say),
            (r"/actions/runs/(\d+)", "GET", lambda number, query: (200, self.runs[number])),
            (r"/actions/runs/(\d+)/approvals", "GET", lambda number, query: (200, self.approved[number])),
        ]

    def _list(self, query: dict[str, str]) -> tuple[int, Any]:
        chosen = {name: query[name] for name in ("environment", "task", "sha") if name in query}
        return 200, [one for one in self.deployments[::-1] if chosen.items() <= one.items()]

    def _one(self, number: int, query: dict[str, str]) -> tuple[int, Any]:
        return next(((200, one) for one in self.deployments if one["id"] == number), (404, {"message": "Not Found"}))

    def _deploy(self, body: dict[str, Any]) -> tuple[int, Any]:
        if body["auto_merge"] or body["required_contexts"] != []:
            return 409, {"message": "Conflict: Commit status checks failed for the ref"}
        made = {"id": 1 + len(self.deployments), "sha": body["ref"], **body}
        self.deployments.append(made)
        self.statuses[made["id"]] = []
        return 201, made

    def _say(self, number: int, body: dict[str, Any]) -> tuple[int, Any]:
        if len(body["description"]) > 140:
            return 422, {"message": "description is too long"}
        self.statuses[number].append(body)
        if body["state"] == "success" and body.get("auto_inactive", True):
            _, told = self._one(number, {})
            self.replaced(told["environment"], number)
        return 201, body

    def replaced(self, environment: str, by: int) -> None:
        """As each later deployment does: what stood in an environment before is marked inactive."""
        for one in self.deployments:
            if one["environment"] == environment and one["id"] != by:
                self.statuses[one["id"]].append({"state": "inactive", "description": ""})


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def do_GET(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def _handle(self, method: str) -> None:
        github: GitHub = self.server.github
        url = urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        github.asked.append((method, url.path))
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if github.failures:
            code, told = github.failures.pop(0), {"message": "for a moment"}
        elif self.headers["Authorization"] != f"Bearer {github.token}":
            code, told = 401, {"message": "Bad credentials"}
        else:
            code, told = github.answer(method, url.path, query, body)
        headers = {}
        if isinstance(told, list):
            number, size = int(query.get("page", 1)), min(github.page, int(query.get("per_page", 30)))
            if len(told) > number * size:
                rest = "".join(f"&{name}={value}" for name, value in query.items() if name != "page")
                headers["Link"] = f'<{github.api}{url.path}?page={number + 1}{rest}>; rel="next"'
            told = told[(number - 1) * size : number * size]
        content = json.dumps(told).encode()
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def served(github: GitHub) -> Iterator[None]:
    """The server answers at ``github.api``."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.github, github.api = github, f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def github() -> Iterator[GitHub]:
    """GitHub, with one repository."""
    made = GitHub()
    with served(made):
        yield made


@pytest.fixture(scope="module")
def lasting_github() -> Iterator[GitHub]:
    """The same, for all tests of a module."""
    made = GitHub()
    with served(made):
        yield made
