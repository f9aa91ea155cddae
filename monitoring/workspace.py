"""A workspace of Evidently's, in which its UI looks: a folder that the UI watches, or the address of the UI itself.

Evidently's own clients are not used. That of a folder writes files in place, and a UI that meets half a file at its
start answers every question with an error; that of an address waits without limit, and can neither list nor delete.
"""

import json
import tempfile
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import httpx

# The key of a snapshot's metadata that says which window it is of.
START = "window_start"
PROJECT = "trip-duration"
# The same in each workspace: who comes second makes the project that is there.
PROJECT_ID = uuid.uuid5(uuid.NAMESPACE_URL, f"keelson:{PROJECT}")
_SECONDS = 60


class WorkspaceError(RuntimeError):
    """The workspace cannot be used; the message says why."""


@dataclass(frozen=True)
class Kept:
    """A snapshot of a workspace.

    Attributes:
        snapshot_id: A UUID.
        start: Of its window, as ``START`` has it; empty for a snapshot that somebody else made.
        at: Its time, in UTC.
    """

    snapshot_id: str
    start: str
    at: datetime


class Workspace(Protocol):
    """Where the snapshots of one project are kept. Documents are JSON."""

    def has_dashboard(self) -> bool:
        """Whether the project is there and shows something."""
        ...

    def create(self, project: str, dashboard: str) -> None:
        """Make the project; one that is there stays."""
        ...

    def kept(self) -> list[Kept]:
        """All snapshots, the oldest first; none where there is no project."""
        ...

    def add(self, start: str, snapshot: str) -> str:
        """Keep a snapshot; returns its id."""
        ...

    def delete(self, snapshot_id: str) -> None:
        """Let go of a snapshot; one that is gone already is no error."""
        ...


def opened(workspace: str) -> Workspace:
    """The workspace of a folder's path or an ``http(s)`` address."""
    if workspace.startswith(("http://", "https://")):
        return Server(workspace)
    return Folder(Path(workspace))


class Folder:
    """A folder. What is written is complete when it appears: it is moved in from beside the folder.

    From beside, because the UI learns of files that appear, and of none that is renamed within the folder.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._beside = path.resolve().parent
        self._project = path / str(PROJECT_ID)
        self._snapshots = self._project / "snapshots"

    def has_dashboard(self) -> bool:
        """See ``Workspace``."""
        return (self._project / "dashboard.json").exists()

    def create(self, project: str, dashboard: str) -> None:
        """See ``Workspace``."""
        with self._moved_in() as beside:
            made = Path(beside) / self._project.name
            (made / "snapshots").mkdir(parents=True)
            (made / "metadata.json").write_text(project, encoding="utf-8")
            (made / "dashboard.json").write_text(dashboard, encoding="utf-8")
            try:
                made.rename(self._project)
            except OSError:
                # Another made it, or somebody did who shows nothing yet.
                (made / "dashboard.json").replace(self._project / "dashboard.json")

    def kept(self) -> list[Kept]:
        """See ``Workspace``."""
        found = []
        for file in self._snapshots.glob("*.json"):
            try:
                document = json.loads(file.read_text(encoding="utf-8"))
            except FileNotFoundError:
                # Another let go of it.
                continue
            found.append(_kept(file.stem, document))
        return sorted(found, key=lambda one: (one.at, one.snapshot_id))

    def add(self, start: str, snapshot: str) -> str:
        """See ``Workspace``. A window's file has one name, so two at once keep one."""
        name = str(uuid.uuid5(PROJECT_ID, start))
        with self._moved_in() as beside:
            made = Path(beside) / f"{name}.json"
            made.write_text(snapshot, encoding="utf-8")
            made.replace(self._snapshots / made.name)
        return name

    def delete(self, snapshot_id: str) -> None:
        """See ``Workspace``."""
        (self._snapshots / f"{snapshot_id}.json").unlink(missing_ok=True)

    def _moved_in(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix=".snapshot-", dir=self._beside)


class Server:
    """The UI's own interface."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, timeout=_SECONDS)

    def has_dashboard(self) -> bool:
        """See ``Workspace``."""
        return bool(self._asked("GET", f"/api/v2/dashboards/{PROJECT_ID}").json()["panels"])

    def create(self, project: str, dashboard: str) -> None:
        """See ``Workspace``. Twice with one id is one project."""
        self._asked("POST", "/api/v2/projects", project)
        self._asked("POST", f"/api/v2/dashboards/{PROJECT_ID}", dashboard)

    def kept(self) -> list[Kept]:
        """See ``Workspace``."""
        answer = self._asked("GET", f"/api/projects/{PROJECT_ID}/snapshots", missing=True)
        found = [] if answer.status_code == httpx.codes.NOT_FOUND else answer.json()
        return sorted((_kept(one["id"], one) for one in found), key=lambda one: (one.at, one.snapshot_id))

    def add(self, start: str, snapshot: str) -> str:
        """See ``Workspace``. The UI gives ids in order: of two that came at once, the first stays."""
        self._asked("POST", f"/api/v2/snapshots/{PROJECT_ID}", snapshot)
        first, *others = sorted(one.snapshot_id for one in self.kept() if one.start == start)
        for other in others:
            self.delete(other)
        return first

    def delete(self, snapshot_id: str) -> None:
        """See ``Workspace``."""
        self._asked("DELETE", f"/api/projects/{PROJECT_ID}/{snapshot_id}", missing=True)

    def _asked(self, method: str, path: str, body: str | None = None, *, missing: bool = False) -> httpx.Response:
        try:
            answer = self._client.request(method, path, content=body, headers={"content-type": "application/json"})
        except httpx.HTTPError as error:
            raise WorkspaceError(
                f"Evidently's UI at {self._client.base_url} does not answer ({error}): is the service `evidently` up?"
            ) from error
        if answer.is_error and not (missing and answer.status_code == httpx.codes.NOT_FOUND):
            raise WorkspaceError(
                f"Evidently's UI refused {method} {path} with {answer.status_code}: {answer.text[:500]}"
            )
        return answer


def _kept(snapshot_id: str, document: dict[str, Any]) -> Kept:
    # Evidently itself gives local times without a zone.
    at = datetime.fromisoformat(document["timestamp"]).astimezone(UTC)
    return Kept(snapshot_id, document["metadata"].get(START, ""), at)
