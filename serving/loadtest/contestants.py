"""The servers of the benchmark: what each runs, and the requests that it is sent."""

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from components import contract, mlflow_model
from components.families.family import Part, family
from components.model import MANIFEST_FILE, Interval, save_model, to_target
from serving.loadtest import bare
from serving.loadtest.requests import trips

_ROOT = Path(__file__).resolve().parents[2]
_HOST = "127.0.0.1"
# The model that published comparisons of model servers use: small, so that the server is what is measured.
_TREES, _LEAVES, _ROWS = 100, 31, 20_000
_NO_TELEMETRY = {"BENTOML_DO_NOT_TRACK": "True", "MLFLOW_DISABLE_TELEMETRY": "true"}
# A server of the benchmark is told nothing of the stack but what its own entry says.
_WITHHELD = ("KEELSON_", "MLFLOW_", "AWS_", "PULUMI_", "FEAST_", "BENTOML_")
# Nobody listens there: a service that looks features up although it must not is found at its first request.
_NOWHERE = f"http://{_HOST}:9"


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A server of the benchmark; it has one worker.

    Attributes:
        name: As in the table.
        command: Starts it; ``{port}`` stands for the port.
        path: Where it takes requests.
        bodies: Different requests, in turn.
        environment: Its variables beside the common ones.
        log: The folder of its prediction log, where it must write one.
    """

    name: str
    command: Sequence[str]
    path: str
    bodies: Sequence[Any]
    environment: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None


BARE, SERVICE, LOGGED = "bare ASGI", "the bundle", "the bundle, prediction log on"
BARE_PUBLISHED = "bare ASGI, Booster.predict"
STOCK, MLFLOW = "BentoML's API method", "mlflow models serve"
BARE_LOOKUP, SERVICE_LOOKUP = "bare ASGI, with lookup", "the bundle, with lookup"
LOGGED_LOOKUP = "the bundle, with lookup and prediction log"


def variables(contestant: Contestant) -> dict[str, str]:
    """All variables of the server's process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_WITHHELD)}
    # MLflow's command starts a program of this environment by its name.
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {**kept, **_NO_TELEMETRY, "PATH": path, "PYTHONPATH": str(_ROOT), **contestant.environment}


def train(folder: Path) -> Path:
    """A LightGBM model of 100 trees of 31 leaves in ``folder``; always the same."""
    features = _rows(_ROWS)
    speed = 8 + 4 * np.sin(features[:, 0]) + features[:, 7]
    seconds = 60 + 3600 * features[:, contract.MODEL_FEATURES.index(contract.DISTANCE)] / speed
    part = Part(features, to_target(seconds))
    learned = family("lightgbm").fit(part, part, {"num_leaves": _LEAVES}, seed=1, max_rounds=_TREES)
    save_model(learned, folder, interval=Interval(coverage=0.8, low=-0.1, high=0.1), training={"seed": 1})
    return folder


def contestants(model: Path, bundle: str, scratch: Path, feature_server: str) -> list[Contestant]:
    """All servers of the benchmark; the folders that they read and write are made.

    Args:
        model: The model's folder.
        bundle: Tag of its bundle in the Bento store ``scratch/bentos``.
        scratch: A folder for what the servers need, in which this was not called before.
        feature_server: Address of the stack's feature server.
    """
    lookup = {bare.FEATURE_SERVER_VARIABLE: feature_server}
    ready_made = [{"features": row} for row in _features(len(contract.MODEL_FEATURES))]
    return [
        _bare(BARE, "without_lookup", model, ready_made),
        _bare(BARE_PUBLISHED, "as_published", model, ready_made),
        service_without_lookup(SERVICE, bundle, scratch),
        service_without_lookup(LOGGED, bundle, scratch, log=scratch / "prediction-log"),
        _stock(model),
        _mlflow(model, scratch / "mlflow"),
        _bare(BARE_LOOKUP, "with_lookup", model, _looked_up(), feature_server),
        _service(SERVICE_LOOKUP, bundle, scratch, lookup),
        _service(LOGGED_LOOKUP, bundle, scratch, lookup, scratch / "prediction-log-with-lookup"),
    ]


def service_without_lookup(name: str, bundle: str, scratch: Path, log: Path | None = None) -> Contestant:
    """The bundle with feature lookups off; it cannot reach a feature server."""
    off = {"KEELSON_FEATURE_LOOKUP": "off", bare.FEATURE_SERVER_VARIABLE: _NOWHERE}
    return _service(name, bundle, scratch, off, log)


def deployed(bundle: Path, scratch: Path, feature_server: str) -> Contestant:
    """A bundle from its folder, with the workers that it has when it is deployed."""
    return Contestant(
        name=SERVICE_LOOKUP,
        command=_bentoml_serve(str(bundle)),
        path="/predict",
        bodies=trips(1),
        # A home of its own: BentoML empties the folder of its workers' metrics there when it starts.
        environment={"BENTOML_HOME": str(scratch / "home"), bare.FEATURE_SERVER_VARIABLE: feature_server},
    )


def _service(
    name: str, bundle: str, scratch: Path, environment: Mapping[str, str], log: Path | None = None
) -> Contestant:
    if log:
        log.mkdir()
        environment = {**environment, "KEELSON_PREDICTION_LOG": str(log)}
    one_worker = f"services.{contract.BUNDLE_NAME}.workers=1"
    return Contestant(
        name=name,
        command=_bentoml_serve(bundle),
        path="/predict",
        bodies=trips(1000),
        environment={"BENTOML_HOME": str(scratch / "bentos"), "BENTOML_CONFIG_OPTIONS": one_worker, **environment},
        log=log,
    )


def _bentoml_serve(what: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "bentoml", "serve", what, *options, "--host", _HOST, "--port", "{port}"]


def _bare(name: str, factory: str, model: Path, bodies: Sequence[Any], feature_server: str | None = None) -> Contestant:
    command = [sys.executable, "-m", "uvicorn", f"{bare.__name__}:{factory}", "--factory", "--host", _HOST]
    return Contestant(
        name=name,
        command=[*command, "--port", "{port}", "--workers", "1", "--no-access-log", "--log-level", "warning"],
        path="/",
        bodies=bodies,
        environment={bare.MODEL_VARIABLE: str(model)}
        | ({bare.FEATURE_SERVER_VARIABLE: feature_server} if feature_server else {}),
    )


def _stock(model: Path) -> Contestant:
    return Contestant(
        name=STOCK,
        command=_bentoml_serve("serving.loadtest.stock:Stock", "--working-dir", str(_ROOT)),
        path="/predict",
        bodies=[{"features": [row]} for row in _features(len(contract.MODEL_FEATURES))],
        environment={bare.MODEL_VARIABLE: str(model), "BENTOML_HOME": str(model.parent / "stock-home")},
    )


def _mlflow(model: Path, folder: Path) -> Contestant:
    """The same folder as the registry has it: MLflow's own description beside the model's files."""
    columns = list(contract.MODEL_FEATURES)
    shutil.copytree(model, folder)
    manifest = json.loads((model / MANIFEST_FILE).read_text(encoding="utf-8"))
    example = {"columns": columns, "data": _features(len(columns))[:1]}
    for name, text in mlflow_model.files(manifest, example, run_id="0" * 32, folder="model").items():
        (folder / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(folder), "--env-manager", "local"]
    return Contestant(
        name=MLFLOW,
        command=[*command, "--host", _HOST, "--port", "{port}", "--workers", "1"],
        path="/invocations",
        bodies=[{"dataframe_split": {"columns": columns, "data": [row]}} for row in _features(len(columns))],
    )


def _looked_up() -> list[dict[str, Any]]:
    """The zones of the service's own requests, so that both look the same features up."""
    zones = [[trip[contract.PICKUP_ZONE], trip[contract.DROPOFF_ZONE]] for trip in trips(1000)]
    rows = _features(len(contract.REQUEST_FEATURES))
    return [{"zones": pair, "features": row} for pair, row in zip(zones, rows, strict=True)]


def _features(width: int) -> list[list[float]]:
    return _rows(1000)[:, :width].round(4).tolist()


def _rows(count: int) -> np.ndarray:
    return np.random.default_rng(7).random((count, len(contract.MODEL_FEATURES))) * 20
