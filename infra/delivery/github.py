"""The part of GitHub's REST API that the ledger needs: deployments, their statuses, runs, and who approved of them."""

from collections.abc import Iterator
from typing import Any

from infra.repository.github import Access, GitHub


class Repository:
    """One repository, asked in the name of a job.

    All of it raises ``infra.repository.github.GitHubError`` where GitHub refuses or does not answer.

    Args:
        access: Where GitHub is, and the job's token.
        name: ``owner/name``.
        pause: Seconds before the first repetition of a request that failed.
    """

    def __init__(self, access: Access, name: str, *, pause: float = 1.0) -> None:
        self._github, self._path = GitHub(access, pause=pause), f"/repos/{name}"

    def deployments(self, *, task: str, environment: str | None = None) -> Iterator[dict[str, Any]]:
        """Deployments of a task, the newest first."""
        asked = {"task": task, **({"environment": environment} if environment else {})}
        yield from self._github.pages(f"{self._path}/deployments", parameters=asked)

    def deployment(self, number: int) -> dict[str, Any]:
        """One deployment."""
        return self._github.ask(f"{self._path}/deployments/{number}")

    def statuses(self, deployment: int) -> Iterator[dict[str, Any]]:
        """Statuses of a deployment, the newest first."""
        yield from self._github.pages(f"{self._path}/deployments/{deployment}/statuses")

    def open_deployment(self, *, commit: str, environment: str, task: str, payload: dict[str, Any]) -> int:
        """Make a deployment; returns its number."""
        body = {"ref": commit, "environment": environment, "task": task, "payload": payload}
        # GitHub would merge the default branch in, and refuse a commit whose checks still run: this job's own.
        body |= {"auto_merge": False, "required_contexts": []}
        return self._github.send("POST", f"{self._path}/deployments", body)["id"]

    def add_status(self, deployment: int, *, state: str, description: str, log: str) -> None:
        """Say what came of a deployment."""
        body = {"state": state, "description": description[:140], "log_url": log, "auto_inactive": False}
        # The same status twice says nothing else, and one that is lost leaves the deployment without an end.
        self._github.send("POST", f"{self._path}/deployments/{deployment}/statuses", body, harmless_twice=True)

    def run(self, number: int) -> dict[str, Any]:
        """A workflow's run."""
        return self._github.ask(f"{self._path}/actions/runs/{number}")

    def approvals(self, run: int) -> list[dict[str, Any]]:
        """Who approved or rejected a run, for which environments, and with which words."""
        return self._github.ask(f"{self._path}/actions/runs/{run}/approvals")
