"""The part of GitHub's REST API that the ledger needs: deployments, their statuses, runs, and who approved of them."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

_SECONDS = 20
_ATTEMPTS = 5
_PAGE = 100
_NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')


class GitHubError(RuntimeError):
    """GitHub refused or did not answer; the message says what was asked."""


def _passes(error: BaseException) -> bool:
    """Whether the same request may well succeed in a moment."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in (429, 500, 502, 503, 504)
    return isinstance(error, httpx.TransportError)


class Repository:
    """One repository, asked in the name of a job.

    Args:
        api: Address of the API, ``https://api.github.com``.
        name: ``owner/name``.
        token: The job's.
        pause: Seconds before the first repetition of a request that failed; doubled each time.
    """

    def __init__(self, *, api: str, name: str, token: str, pause: float = 1.0) -> None:
        self._client = httpx.Client(
            base_url=f"{api.rstrip('/')}/repos/{name}",
            timeout=_SECONDS,
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        self._name, self._pause = name, pause

    def deployments(self, *, task: str, environment: str | None = None) -> Iterator[dict[str, Any]]:
        """Deployments of a task, the newest first."""
        asked = {"task": task, **({"environment": environment} if environment else {})}
        yield from self._pages("/deployments", asked)

    def deployment(self, number: int) -> dict[str, Any]:
        """One deployment."""
        return self._ask("GET", f"/deployments/{number}").json()

    def statuses(self, deployment: int) -> Iterator[dict[str, Any]]:
        """Statuses of a deployment, the newest first."""
        yield from self._pages(f"/deployments/{deployment}/statuses", {})

    def open_deployment(self, *, commit: str, environment: str, task: str, payload: dict[str, Any]) -> int:
        """Make a deployment; returns its number."""
        body = {"ref": commit, "environment": environment, "task": task, "payload": payload}
        # GitHub would merge the default branch in, and refuse a commit whose checks still run: this job's own.
        body |= {"auto_merge": False, "required_contexts": []}
        # Not repeated: a second deployment would stand there for ever, as one whose end nobody knows.
        return self._ask("POST", "/deployments", body, attempts=1).json()["id"]

    def add_status(self, deployment: int, *, state: str, description: str, log: str) -> None:
        """Say what came of a deployment."""
        body = {"state": state, "description": description[:140], "log_url": log, "auto_inactive": False}
        self._ask("POST", f"/deployments/{deployment}/statuses", body)

    def run(self, number: int) -> dict[str, Any]:
        """A workflow's run."""
        return self._ask("GET", f"/actions/runs/{number}").json()

    def approvals(self, run: int) -> list[dict[str, Any]]:
        """Who approved or rejected a run, for which environments, and with which words."""
        return self._ask("GET", f"/actions/runs/{run}/approvals").json()

    def _pages(self, path: str, asked: dict[str, str]) -> Iterator[dict[str, Any]]:
        answer = self._ask("GET", path, parameters={**asked, "per_page": str(_PAGE)})
        while True:
            yield from answer.json()
            following = _NEXT.search(answer.headers.get("Link", ""))
            if following is None:
                return
            answer = self._ask("GET", following[1])

    def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        parameters: dict[str, str] | None = None,
        attempts: int = _ATTEMPTS,
    ) -> httpx.Response:
        again = Retrying(
            retry=retry_if_exception(_passes),
            stop=stop_after_attempt(attempts),
            wait=wait_exponential(multiplier=self._pause),
            reraise=True,
        )
        try:
            return again(lambda: self._client.request(method, path, json=body, params=parameters).raise_for_status())
        except httpx.HTTPStatusError as error:
            said = error.response.text[:300]
            raise GitHubError(f"{method} {path} of {self._name}: {error.response.status_code} {said}") from None
        except httpx.HTTPError as error:
            raise GitHubError(f"{method} {path} of {self._name} is not answered: {error}") from None
