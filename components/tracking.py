"""MLflow's REST API, as far as the pipeline needs it.

Spoken directly because importing MLflow's own client takes 1.5 to 3 s, and each pipeline step is a process.
https://mlflow.org/docs/latest/api_reference/rest-api.html
"""

import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

# The server's limits for one log-batch call.
PARAMS_PER_CALL, TAGS_PER_CALL = 100, 100


class TrackingError(RuntimeError):
    """The tracking server did not do what was asked; the message says what it answered."""


@dataclass(frozen=True)
class Run:
    """An MLflow run and where its artifacts are, e.g. ``mlflow-artifacts:/1/<run>/artifacts``."""

    run_id: str
    artifact_uri: str


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A run as it is looked at afterwards; times are milliseconds since 1970, ``ended`` is None while it runs."""

    run_id: str
    status: str
    started: int
    ended: int | None
    metrics: dict[str, float]
    tags: dict[str, str]


@dataclass(frozen=True)
class ModelVersion:
    """One version of a registered model."""

    version: int
    run_id: str
    source: str
    tags: dict[str, str]


class Tracking:
    """A connection to one tracking server; use it as a context manager."""

    def __init__(self, uri: str) -> None:
        self._http = httpx.Client(base_url=uri, timeout=60, transport=httpx.HTTPTransport(retries=3))

    def __enter__(self) -> "Tracking":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._http.close()

    def experiment(self, name: str) -> str:
        """The id of an experiment, created if missing."""
        found = self._call("GET", "experiments/get-by-name", absent_ok=True, params={"experiment_name": name})
        if found is None:
            # Another run may create it between the two calls; then reading it again succeeds.
            self._call("POST", "experiments/create", exists_ok=True, json={"name": name})
            found = self._call("GET", "experiments/get-by-name", params={"experiment_name": name})
        return _present(found)["experiment"]["experiment_id"]

    def find_run(self, experiment_id: str, tag: str, value: str) -> Run | None:
        """The newest run of an experiment that carries a tag's value."""
        body = {"experiment_ids": [experiment_id], "filter": f"tags.`{tag}` = '{value}'", "max_results": 1}
        runs = _present(self._call("POST", "runs/search", json=body)).get("runs", [])
        return _run(runs[0]) if runs else None

    def create_run(self, experiment_id: str, name: str, tags: dict[str, str]) -> Run:
        """Start a run now."""
        body = {"experiment_id": experiment_id, "run_name": name, "start_time": _now(), "tags": _pairs(tags)}
        return _run(_present(self._call("POST", "runs/create", json=body))["run"])

    def log(
        self,
        run: Run,
        *,
        params: dict[str, Any] | None = None,
        metrics: dict[str, float] | None = None,
        tags: dict[str, str] | None = None,
    ) -> None:
        """Add parameters, metrics and tags to a run; the same parameter may be logged again with the same value."""
        now = _now()
        points = [{"key": key, "value": value, "timestamp": now, "step": 0} for key, value in (metrics or {}).items()]
        given, marks = _pairs(params or {}), _pairs(tags or {})
        while points or given or marks:
            batch = {"metrics": points[:500], "params": given[:PARAMS_PER_CALL], "tags": marks[:TAGS_PER_CALL]}
            self._call("POST", "runs/log-batch", json={"run_id": run.run_id, **batch})
            points, given, marks = points[500:], given[PARAMS_PER_CALL:], marks[TAGS_PER_CALL:]

    def close_run(self, run: Run, status: str) -> None:
        """End a run now, as FINISHED or FAILED."""
        self._call("POST", "runs/update", json={"run_id": run.run_id, "status": status, "end_time": _now()})

    def upload(self, run: Run, file: Path, path: str) -> None:
        """Store a file among a run's artifacts at a path, e.g. ``model/model.txt``."""
        with file.open("rb") as stream:
            self._put(run, path, stream)

    def upload_text(self, run: Run, text: str, path: str) -> None:
        """Store a text among a run's artifacts at a path."""
        self._put(run, path, text.encode())

    def _put(self, run: Run, path: str, content: Any) -> None:
        target = f"{_artifact_path(run.artifact_uri)}/{path}"
        _check(self._http.put(f"/api/2.0/mlflow-artifacts/artifacts/{quote(target)}", content=content))

    def download(self, source: str, name: str, folder: Path) -> Path:
        """Fetch the artifact ``source/name`` to a folder; returns the file."""
        path = quote(f"{_artifact_path(source)}/{name}")
        folder.mkdir(parents=True, exist_ok=True)
        with self._http.stream("GET", f"/api/2.0/mlflow-artifacts/artifacts/{path}") as response:
            if response.is_error:
                response.read()
            _check(response)
            with (folder / name).open("wb") as file:
                for chunk in response.iter_bytes():
                    file.write(chunk)
        return folder / name

    def version_by_alias(self, model: str, alias: str) -> ModelVersion | None:
        """The model version that an alias points to, or None."""
        found = self._call("GET", "registered-models/alias", absent_ok=True, params={"name": model, "alias": alias})
        return None if found is None else _version(found["model_version"])

    def version(self, model: str, number: int) -> ModelVersion | None:
        """A model version by its number, or None."""
        query = {"name": model, "version": str(number)}
        found = self._call("GET", "model-versions/get", absent_ok=True, params=query)
        return None if found is None else _version(found["model_version"])

    def versions_of_run(self, model: str, run: Run) -> list[ModelVersion]:
        """The versions of a model that a run has registered."""
        query = {"filter": f"run_id='{run.run_id}'", "max_results": "100"}
        found = _present(self._call("GET", "model-versions/search", params=query)).get("model_versions", [])
        return [_version(item) for item in found if item["name"] == model]

    def create_version(self, model: str, run: Run, folder: str, tags: dict[str, str]) -> ModelVersion:
        """Register an artifact folder of a run as the next version of a model; the model is created if missing."""
        self._call("POST", "registered-models/create", exists_ok=True, json={"name": model})
        body = {"name": model, "source": f"{run.artifact_uri}/{folder}", "run_id": run.run_id, "tags": _pairs(tags)}
        return _version(_present(self._call("POST", "model-versions/create", json=body))["model_version"])

    def set_version_tag(self, model: str, version: int, key: str, value: str) -> None:
        """Set one tag of a model version."""
        body = {"name": model, "version": str(version), "key": key, "value": value}
        self._call("POST", "model-versions/set-tag", json=body)

    def describe_version(self, model: str, version: int, text: str) -> None:
        """Set the description of a model version; MLflow shows it as Markdown."""
        body = {"name": model, "version": str(version), "description": text}
        self._call("PATCH", "model-versions/update", json=body)

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Point an alias to a version."""
        self._call("POST", "registered-models/alias", json={"name": model, "alias": alias, "version": str(version)})

    def newest_run(self, experiment_id: str) -> RunRecord | None:
        """The run of an experiment that was started last, or None."""
        body = {"experiment_ids": [experiment_id], "order_by": ["attributes.start_time DESC"], "max_results": 1}
        runs = _present(self._call("POST", "runs/search", json=body)).get("runs", [])
        return _record(runs[0]) if runs else None

    def run_record(self, run_id: str) -> RunRecord:
        """What MLflow knows about a run."""
        return _record(_present(self._call("GET", "runs/get", params={"run_id": run_id}))["run"])

    def _call(
        self, method: str, endpoint: str, *, absent_ok: bool = False, exists_ok: bool = False, **request: Any
    ) -> dict[str, Any] | None:
        """One API call; None where the thing is absent, or exists already, and the caller allows that."""
        try:
            response = self._http.request(method, f"/api/2.0/mlflow/{endpoint}", **request)
        except httpx.TransportError as error:
            raise TrackingError(f"no answer from MLflow at {self._http.base_url}: {error}; is it running?") from error
        code = _error_code(response)
        if (absent_ok and code == "RESOURCE_DOES_NOT_EXIST") or (exists_ok and code == "RESOURCE_ALREADY_EXISTS"):
            return None
        # The alias endpoint answers INVALID_PARAMETER_VALUE for an alias that is not set.
        if absent_ok and code == "INVALID_PARAMETER_VALUE" and "alias" in response.text:
            return None
        _check(response)
        return response.json()


def _check(response: httpx.Response) -> None:
    """Raise TrackingError for an answer that is an error."""
    if response.is_error:
        said = response.text[:500]
        raise TrackingError(f"MLflow answered {response.status_code} to {response.request.url}: {said}")


def _error_code(response: httpx.Response) -> str:
    """MLflow's error code, or an empty text."""
    if not response.is_error:
        return ""
    try:
        return str(response.json().get("error_code", ""))
    except ValueError:
        return ""


def _artifact_path(uri: str) -> str:
    """The path under the server's artifact proxy of a ``mlflow-artifacts:`` address."""
    parts = urlsplit(uri)
    if parts.scheme != "mlflow-artifacts":
        raise TrackingError(
            f"artifacts of this run are at {uri}, expected mlflow-artifacts:/...; start the MLflow server with "
            f"--serve-artifacts and --artifacts-destination"
        )
    return parts.path.strip("/")


def _present(answer: dict[str, Any] | None) -> dict[str, Any]:
    if answer is None:
        raise TrackingError("MLflow said that a thing is absent or exists already, then the opposite")
    return answer


def _run(item: dict[str, Any]) -> Run:
    return Run(item["info"]["run_id"], item["info"]["artifact_uri"])


def _record(item: dict[str, Any]) -> RunRecord:
    info, data = item["info"], item["data"]
    return RunRecord(
        run_id=info["run_id"],
        status=info["status"],
        started=int(info["start_time"]),
        ended=int(info["end_time"]) if info.get("end_time") else None,
        metrics={metric["key"]: metric["value"] for metric in data.get("metrics", [])},
        tags={tag["key"]: tag["value"] for tag in data.get("tags", [])},
    )


def _version(item: dict[str, Any]) -> ModelVersion:
    tags = {tag["key"]: tag.get("value", "") for tag in item.get("tags", [])}
    return ModelVersion(int(item["version"]), item.get("run_id", ""), item["source"], tags)


def _pairs(values: dict[str, Any]) -> list[dict[str, str]]:
    return [{"key": key, "value": str(value)} for key, value in values.items()]


def _now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
