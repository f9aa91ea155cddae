"""The evidence of each environment: GitHub's deployments, each with what was deployed, why, and what came of it.

Deployments are there for whatever account a stack lies in, are shown beside the commit, and cannot be changed later,
only added to. A job that may write them could write a false one; so a run counts as green only where GitHub itself says
that the workflow's run succeeded, on that commit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra.delivery.github import Repository
from infra.delivery.promotion import Kind, Run

# Of GitHub's own entries, one for each job with an environment, the task is `deploy`.
_TASKS = {kind: f"keelson-{kind}" for kind in Kind}
# The workflows that carry each kind of change.
WORKFLOWS = {Kind.CODE: ".github/workflows/delivery.yml", Kind.MODEL: ".github/workflows/release-model.yml"}
SUCCESS, FAILURE, IN_PROGRESS = "success", "failure", "in_progress"
# GitHub adds it by itself to what a later deployment has followed; it says nothing of how the earlier one went.
_REPLACED = "inactive"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One deployment of the ledger.

    Attributes:
        number: GitHub's.
        environment: Where.
        kind: Of the change.
        digest: Of the change.
        name: For people: the commit, or the bundle's tag.
        commit: Of the sources that deployed it.
        run: Number of the workflow's run.
        by: Who started the run.
        approvers: Who approved of it.
        why: In their words.
        state: The last one that says how it went.
        says: What was said with it.
    """

    number: int
    environment: str
    kind: Kind
    digest: str
    name: str
    commit: str
    run: int
    by: str
    approvers: tuple[str, ...]
    why: str
    state: str
    says: str


class Ledger:
    """Reads and writes the ledger of a repository."""

    def __init__(self, github: Repository) -> None:
        self._github = github

    def records(self, kind: Kind, environment: str) -> Iterator[Record]:
        """What was deployed there, the newest first; what another tool made under our task is passed over."""
        for told in self._github.deployments(task=_TASKS[kind], environment=environment):
            payload = told["payload"]
            if isinstance(payload, dict) and {"digest", "run", "name"} <= payload.keys():
                yield self._record(kind, told, payload)

    def runs(self, kind: Kind, environment: str, digest: str) -> list[Run]:
        """The runs of a change in an environment, the oldest first."""
        known = [record for record in self.records(kind, environment) if record.digest == digest]
        return [
            Run(
                environment=environment,
                kind=kind,
                digest=digest,
                number=record.run,
                green=record.state == SUCCESS and self._succeeded(record),
            )
            for record in reversed(known)
        ]

    def served(self, environment: str) -> str | None:
        """Tag of the bundle that was released there last; None where none was."""
        found = (record.name for record in self.records(Kind.MODEL, environment) if record.state == SUCCESS)
        return next(found, None)

    def approvers(self, run: int, environment: str) -> dict[str, str]:
        """Who approved of a run for an environment, and with which words."""
        return {
            one["user"]["login"]: one.get("comment") or ""
            for one in self._github.approvals(run)
            if one["state"] == "approved" and environment in {place["name"] for place in one["environments"]}
        }

    def open(self, record: Record, log: str) -> int:
        """Write that a deployment begins; returns its number."""
        payload = {
            "digest": record.digest,
            "name": record.name,
            "run": record.run,
            "by": record.by,
            "approvers": list(record.approvers),
            "why": record.why,
        }
        number = self._github.open_deployment(
            commit=record.commit, environment=record.environment, task=_TASKS[record.kind], payload=payload
        )
        self.close(number, IN_PROGRESS, record.why, log)
        return number

    def close(self, number: int, state: str, says: str, log: str) -> None:
        """Write what came of it."""
        self._github.add_status(number, state=state, description=says, log=log)

    def _record(self, kind: Kind, told: dict[str, Any], payload: dict[str, Any]) -> Record:
        statuses = self._github.statuses(told["id"])
        last = next((one for one in statuses if one["state"] != _REPLACED), {"state": "pending", "description": ""})
        return Record(
            number=told["id"],
            environment=told["environment"],
            kind=kind,
            digest=str(payload["digest"]),
            name=str(payload["name"]),
            commit=told["sha"],
            run=int(payload["run"]),
            by=str(payload.get("by", "")),
            approvers=tuple(payload.get("approvers", ())),
            why=str(payload.get("why", "")),
            state=last["state"],
            says=last["description"] or "",
        )

    def _succeeded(self, record: Record) -> bool:
        run = self._github.run(record.run)
        return (
            run["conclusion"] == "success"
            and run["head_sha"] == record.commit
            # GitHub puts the branch behind it: `.github/workflows/delivery.yml@main`, in some answers.
            and run["path"].partition("@")[0] == WORKFLOWS[record.kind]
        )
