"""What MLflow knows about runs and model versions: only read, also what was deleted, a few calls for any question."""

from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import httpx

from components import contract
from components.tracking import TrackingError
from pipelines.lineage.records import RunRecord, VersionRecord

_API = "/api/2.0/mlflow"
_PAGE = 1000


class Registry:
    """A connection to read by; use it as a context manager.

    Every method raises ``components.tracking.TrackingError`` where MLflow does not answer.
    """

    def __init__(self, uri: str) -> None:
        self._http = httpx.Client(base_url=uri, timeout=30, trust_env=False)

    def __enter__(self) -> "Registry":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._http.close()

    def versions(self) -> tuple[VersionRecord, ...]:
        """All versions of the model with their aliases; none where the model was never registered."""
        name = contract.MODEL_NAME
        model = self._call("GET", "registered-models/get", params={"name": name})
        if model is None:
            return ()
        aliases: dict[int, list[str]] = {}
        for item in model["registered_model"].get("aliases", []):
            aliases.setdefault(int(item["version"]), []).append(item["alias"])
        query = {"filter": f"name='{name}'", "max_results": str(_PAGE)}
        found = [
            _version(item, aliases) for item in self._pages("GET", "model-versions/search", "model_versions", query)
        ]
        return tuple(sorted(found, key=lambda version: version.version))

    def run(self, run_id: str) -> RunRecord | None:
        """A run, also a deleted one, or None where MLflow has forgotten it."""
        found = self._call("GET", "runs/get", params={"run_id": run_id})
        return None if found is None else _run(found["run"])

    def runs_tagged(self, tag: str, beginning: str, *, whole: bool) -> tuple[RunRecord, ...]:
        """The runs of all experiments whose tag has a value, or begins with it; the newest first.

        Args:
            tag: Name of the tag.
            beginning: The value, or its beginning.
            whole: Whether it must be the whole value.
        """
        condition = f"= '{beginning}'" if whole else f"LIKE '{beginning}%'"
        return self._runs({"filter": f"tags.`{tag}` {condition}"})

    def newest_run(self, pipeline: str = "training") -> RunRecord | None:
        """The run of a pipeline that was started last, or None."""
        question = {"filter": f"tags.`keelson.pipeline` = '{pipeline}'", "run_view_type": "ACTIVE_ONLY"}
        return next(iter(self._runs({**question, "max_results": 1}, pages=1)), None)

    def _runs(self, question: dict[str, Any], pages: int | None = None) -> tuple[RunRecord, ...]:
        """Runs of all experiments, the newest first."""
        known = self._pages("GET", "experiments/search", "experiments", {"max_results": str(_PAGE)})
        body = {
            "experiment_ids": [item["experiment_id"] for item in known],
            "run_view_type": "ALL",
            "order_by": ["attributes.start_time DESC"],
            "max_results": _PAGE,
            **question,
        }
        return tuple(_run(item) for item in self._pages("POST", "runs/search", "runs", body, pages))

    def _pages(
        self, method: str, endpoint: str, items: str, question: dict[str, Any], limit: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """The items of an answer that comes in pages, of at most so many pages."""
        while limit is None or limit > 0:
            part = {"params": question} if method == "GET" else {"json": question}
            answer = self._call(method, endpoint, **part) or {}
            yield from answer.get(items, [])
            if not answer.get("next_page_token"):
                return
            question = {**question, "page_token": answer["next_page_token"]}
            limit = None if limit is None else limit - 1

    def _call(self, method: str, endpoint: str, **request: Any) -> dict[str, Any] | None:
        """One call; None for a thing that is not there."""
        try:
            answer = self._http.request(method, f"{_API}/{endpoint}", **request)
        except httpx.TransportError as error:
            raise TrackingError(f"no answer from MLflow at {self._http.base_url}: {error}; is it running?") from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.is_error:
            raise TrackingError(f"MLflow answered {answer.status_code} to {answer.request.url}: {answer.text[:500]}")
        return answer.json()


def _version(item: dict[str, Any], aliases: dict[int, list[str]]) -> VersionRecord:
    number = int(item["version"])
    return VersionRecord(
        version=number,
        run_id=item.get("run_id", ""),
        tags={tag["key"]: tag.get("value", "") for tag in item.get("tags", [])},
        aliases=tuple(sorted(aliases.get(number, []))),
    )


def _run(item: dict[str, Any]) -> RunRecord:
    info, data = item["info"], item["data"]
    return RunRecord(
        run_id=info["run_id"],
        status=info["status"],
        started=datetime.fromtimestamp(int(info["start_time"]) / 1000, UTC).isoformat(timespec="seconds"),
        deleted=info.get("lifecycle_stage") == "deleted",
        parameters={param["key"]: param.get("value", "") for param in data.get("params", [])},
        metrics={metric["key"]: metric["value"] for metric in data.get("metrics", [])},
        tags={tag["key"]: tag.get("value", "") for tag in data.get("tags", [])},
    )
