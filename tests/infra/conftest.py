"""A GitHub that this machine plays: it takes what GitHub's API description allows, and answers in its shapes.

``github-requests.json`` holds the request bodies of the calls that are used, from GitHub's OpenAPI description of
version 2022-11-28, without words and with unknown fields forbidden. Answers follow the examples in it.

It is long because it is one thing: tests are no packages, so what tests of two folders share can only be here.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest

from infra.repository.github import Access, GitHub

REQUESTS = json.loads((Path(__file__).parent / "github-requests.json").read_text())
TOKEN = "github_pat_never_printed"
REPO = "/repos/acme/keelson"
Answer = tuple[int, Any]


class Acme:
    """What GitHub keeps for ``acme/keelson``, as it is when a repository was just made.

    Attributes:
        calls: Method and path of each request.
        refuse: Answers for single calls, before anything else is done: ``{("GET", "/repos/..."): [(403, {...})]}``.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.refuse: dict[tuple[str, str], list[tuple[int, Any, Mapping[str, str]]]] = {}
        self.page_size = 100
        self.repository: dict[str, Any] = {
            "id": 1296269,
            "name": "keelson",
            "full_name": "acme/keelson",
            "private": False,
            "owner": {"login": "acme", "id": 1, "type": "Organization"},
            "permissions": {"admin": True, "maintain": True, "push": True, "triage": True, "pull": True},
            "allow_merge_commit": True,
            "allow_squash_merge": True,
            "allow_rebase_merge": True,
            "squash_merge_commit_title": "COMMIT_OR_PR_TITLE",
            "squash_merge_commit_message": "COMMIT_MESSAGES",
            "delete_branch_on_merge": False,
            "has_wiki": True,
            "security_and_analysis": {"secret_scanning": {"status": "disabled"}},
        }
        self.reports = False
        self.actions: dict[str, Any] = {"enabled": True, "allowed_actions": "all", "sha_pinning_required": False}
        self.selected: dict[str, Any] = {}
        self.workflow = {"default_workflow_permissions": "write", "can_approve_pull_request_reviews": True}
        self.forks = {"approval_policy": "first_time_contributors"}
        self.teams: list[dict[str, Any]] = []
        self.access: dict[str, str] = {}
        self.rulesets: list[dict[str, Any]] = []
        self.environments: dict[str, dict[str, Any]] = {}
        self.refs: dict[str, list[dict[str, Any]]] = {}
        self.variables: dict[str, dict[str, str]] = {}
        self.issues: list[dict[str, Any]] = []
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self._numbers = iter(range(1000, 100_000))

    def number(self) -> int:
        """A number that nothing else has."""
        return next(self._numbers)

    def answer(self, method: str, path: str, body: Any) -> Answer:
        """Do what a request asks for."""
        for (wanted, pattern), handler in ROUTES.items():
            if method == wanted and (match := re.fullmatch(pattern, path)):
                self._check(method, path, body)
                return handler(self, *match.groups(), *([] if body is None else [body]))
        return 404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}

    def _check(self, method: str, path: str, body: Any) -> None:
        for operation, schema in REQUESTS.items():
            verb, template = operation.split(" ")
            if verb == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
                jsonschema.validate(body, schema)

    def make_team(self, body: dict[str, Any]) -> Answer:
        team = {"id": self.number(), "slug": body["name"], "permission": "pull", **body}
        self.teams.append(team)
        return 201, team

    def make_ruleset(self, body: dict[str, Any]) -> Answer:
        for actor in body["bypass_actors"]:
            assert actor["actor_id"] in {team["id"] for team in self.teams}
        ruleset = {"id": self.number(), "source_type": "Repository", "source": "acme/keelson", **_filled(body)}
        self.rulesets.append(ruleset)
        return 201, ruleset

    def change_ruleset(self, number: str, body: dict[str, Any]) -> Answer:
        ruleset = next(one for one in self.rulesets if one["id"] == int(number))
        ruleset.update(_filled(body))
        return 200, ruleset

    def set_environment(self, name: str, body: dict[str, Any]) -> Answer:
        teams = {team["id"]: team for team in self.teams if team["slug"] in self.access}
        rules: list[dict[str, Any]] = [{"id": self.number(), "type": "branch_policy"}]
        if body["wait_timer"]:
            rules.append({"id": self.number(), "type": "wait_timer", "wait_timer": body["wait_timer"]})
        if body["reviewers"]:
            # A team that may not read the repository is refused: here that is a KeyError and a 500.
            reviewers = [{"type": "Team", "reviewer": teams[one["id"]]} for one in body["reviewers"]]
            rules.append(
                {
                    "id": self.number(),
                    "type": "required_reviewers",
                    "prevent_self_review": body["prevent_self_review"],
                    "reviewers": reviewers,
                }
            )
        policy = body["deployment_branch_policy"]
        kept = {"name": name, "protection_rules": rules, "deployment_branch_policy": policy}
        self.environments[name] = kept
        return 200, kept

    def list_refs(self, name: str) -> Answer:
        if self.environments[name]["deployment_branch_policy"] is None:
            return 404, {"message": "Not Found"}
        refs = self.refs.get(name, [])
        return 200, {"total_count": len(refs), "branch_policies": refs}

    def make_ref(self, name: str, body: dict[str, Any]) -> Answer:
        ref = {"id": self.number(), **body}
        self.refs.setdefault(name, []).append(ref)
        return 200, ref

    def remove_ref(self, name: str, number: str) -> Answer:
        self.refs[name] = [one for one in self.refs[name] if one["id"] != int(number)]
        return 204, None

    def list_variables(self, name: str) -> Answer:
        kept = self.variables.get(name, {})
        return 200, {
            "total_count": len(kept),
            "variables": [{"name": one, "value": value} for one, value in kept.items()],
        }

    def set_variable(self, name: str, *given: Any) -> Answer:
        body = given[-1]
        self.variables.setdefault(name, {})[body["name"]] = body["value"]
        return (201, {}) if len(given) == 1 else (204, None)

    def patch(self, attribute: str, body: dict[str, Any]) -> Answer:
        """Put the body's fields over what is kept."""
        kept = getattr(self, attribute)
        for key, value in body.items():
            kept[key] = {**kept.get(key, {}), **value} if isinstance(value, dict) else value
        return 204, None

    def make_issue(self, body: dict[str, Any]) -> Answer:
        issue = {"number": self.number(), "state": "open", "user": {"login": "github-actions[bot]"}, **body}
        issue["labels"] = [{"name": name} for name in body.get("labels", [])]
        self.issues.append(issue)
        return 201, issue

    def change_issue(self, number: str, body: dict[str, Any]) -> Answer:
        issue = next(one for one in self.issues if one["number"] == int(number))
        issue.update(body)
        return 200, issue

    def make_comment(self, number: str, body: dict[str, Any]) -> Answer:
        comment = {"id": self.number(), "user": {"login": "github-actions[bot]", "type": "Bot"}, **body}
        self.comments.setdefault(int(number), []).append(comment)
        return 201, comment

    def change_comment(self, number: str, body: dict[str, Any]) -> Answer:
        comment = next(one for kept in self.comments.values() for one in kept if one["id"] == int(number))
        comment.update(body)
        return 200, comment


def _filled(ruleset: dict[str, Any]) -> dict[str, Any]:
    """A ruleset as GitHub tells it: in another order, with fields that nobody sent."""
    rules = [
        {**rule, "parameters": {**rule["parameters"], "required_reviewers": [], "automatic_copilot_code_review": False}}
        if rule["type"] == "pull_request"
        else rule
        for rule in reversed(ruleset["rules"])
    ]
    return {**ruleset, "rules": rules, "node_id": "RRS_lACkVXNlcgQB", "current_user_can_bypass": "never"}


_ENV = f"{REPO}/environments/([\\w-]+)"
_ACTIONS = f"{REPO}/actions/permissions"


def _grant(acme: Acme, slug: str, body: dict[str, Any]) -> Answer:
    acme.access[slug] = body["permission"]
    return 204, None


def _report(acme: Acme) -> Answer:
    acme.reports = True
    return 204, None


def _selected(acme: Acme) -> Answer:
    if acme.actions["allowed_actions"] != "selected":
        return 409, {"message": "Conflict"}
    return 200, acme.selected


def _accessible(acme: Acme) -> Answer:
    teams = [team for team in acme.teams if team["slug"] in acme.access]
    return 200, [{**team, "permission": acme.access[team["slug"]]} for team in teams]


ROUTES: dict[tuple[str, str], Callable[..., Answer]] = {
    ("GET", REPO): lambda acme: (200, acme.repository),
    ("PATCH", REPO): lambda acme, body: (200, acme.patch("repository", body) and acme.repository),
    ("GET", f"{REPO}/private-vulnerability-reporting"): lambda acme: (200, {"enabled": acme.reports}),
    ("PUT", f"{REPO}/private-vulnerability-reporting"): _report,
    ("GET", _ACTIONS): lambda acme: (200, acme.actions),
    ("PUT", _ACTIONS): lambda acme, body: acme.patch("actions", body),
    ("GET", f"{_ACTIONS}/selected-actions"): _selected,
    ("PUT", f"{_ACTIONS}/selected-actions"): lambda acme, body: acme.patch("selected", body),
    ("GET", f"{_ACTIONS}/workflow"): lambda acme: (200, acme.workflow),
    ("PUT", f"{_ACTIONS}/workflow"): lambda acme, body: acme.patch("workflow", body),
    ("GET", f"{_ACTIONS}/fork-pr-contributor-approval"): lambda acme: (200, acme.forks),
    ("PUT", f"{_ACTIONS}/fork-pr-contributor-approval"): lambda acme, body: acme.patch("forks", body),
    ("GET", "/orgs/acme/teams"): lambda acme: (200, acme.teams),
    ("POST", "/orgs/acme/teams"): Acme.make_team,
    ("GET", f"{REPO}/teams"): _accessible,
    ("PUT", f"/orgs/acme/teams/([\\w-]+){REPO}"): _grant,
    ("GET", f"{REPO}/rulesets"): lambda acme: (
        200,
        [{k: r[k] for k in ("id", "name", "source_type")} for r in acme.rulesets],
    ),
    ("GET", f"{REPO}/rulesets/(\\d+)"): lambda acme, n: (200, next(r for r in acme.rulesets if r["id"] == int(n))),
    ("POST", f"{REPO}/rulesets"): Acme.make_ruleset,
    ("PUT", f"{REPO}/rulesets/(\\d+)"): Acme.change_ruleset,
    ("GET", f"{REPO}/environments"): lambda acme: (200, {"environments": list(acme.environments.values())}),
    ("PUT", _ENV): Acme.set_environment,
    ("GET", f"{_ENV}/deployment-branch-policies"): Acme.list_refs,
    ("POST", f"{_ENV}/deployment-branch-policies"): Acme.make_ref,
    ("DELETE", f"{_ENV}/deployment-branch-policies/(\\d+)"): Acme.remove_ref,
    ("GET", f"{_ENV}/variables"): Acme.list_variables,
    ("POST", f"{_ENV}/variables"): Acme.set_variable,
    ("PATCH", f"{_ENV}/variables/(\\w+)"): Acme.set_variable,
    ("GET", f"{REPO}/issues"): lambda acme: (200, [one for one in acme.issues if one["state"] == "open"]),
    ("POST", f"{REPO}/issues"): Acme.make_issue,
    ("PATCH", f"{REPO}/issues/(\\d+)"): Acme.change_issue,
    ("GET", f"{REPO}/issues/(\\d+)/comments"): lambda acme, n: (200, acme.comments.get(int(n), [])),
    ("POST", f"{REPO}/issues/(\\d+)/comments"): Acme.make_comment,
    ("PATCH", f"{REPO}/issues/comments/(\\d+)"): Acme.change_comment,
}


def _handler(acme: Acme) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            acme.calls.append((self.command, url.path))
            headers: Mapping[str, str] = {}
            if self.headers["authorization"] != f"Bearer {TOKEN}":
                status, content = 401, {"message": "Bad credentials"}
            elif waiting := acme.refuse.get((self.command, url.path)):
                status, content, headers = waiting.pop(0)
            else:
                try:
                    status, content = acme.answer(self.command, url.path, body)
                except jsonschema.ValidationError as error:
                    status, content = 422, {"message": "Validation Failed", "errors": [error.message]}
                if isinstance(content, list):
                    content, headers = self._page(url.path, content, parse_qs(url.query))
            self._send(status, content, headers)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond

        def _page(
            self, path: str, all_: list[Any], query: Mapping[str, list[str]]
        ) -> tuple[list[Any], Mapping[str, str]]:
            page, size = int(query.get("page", ["1"])[0]), acme.page_size
            shown = all_[(page - 1) * size : page * size]
            more = page * size < len(all_)
            address = f"http://{self.headers['host']}{path}?page={page + 1}"
            return shown, {"link": f'<{address}>; rel="next"'} if more else {}

        def _send(self, status: int, content: Any, headers: Mapping[str, str]) -> None:
            payload = content if isinstance(content, bytes) else json.dumps(content).encode()
            if content is None:
                payload = b""
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(payload))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: a failing test has more to say."""

    return Handler


@pytest.fixture
def acme() -> Acme:
    """A repository that was just made."""
    return Acme()


@pytest.fixture
def address(acme: Acme) -> Iterator[str]:
    """Address of the GitHub that keeps it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(acme)) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def github(address: str) -> Iterator[GitHub]:
    """A session with it that does not wait long."""
    with GitHub(Access(token=TOKEN, address=address), pause=0.01) as session:
        yield session
