"""How each application of the local stack is started: pure functions from addresses to programs."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi

from infra.local.layout import Layout
from infra.local.object_store import REGION
from infra.local.ports import HOST
from infra.local.proxy import proxy_config
from infra.local.service import described
from infra.settings.monitor import MonitorSettings
from infra.settings.monitor import environment as monitor_environment
from infra.settings.traffic import FeatureLookup

ARTIFACTS_BUCKET = "keelson-artifacts"
DATA_BUCKET = "keelson-data"

# No application of the stack reports to its makers.
_NO_TELEMETRY = {
    "DO_NOT_TRACK": "1",
    "BENTOML_DO_NOT_TRACK": "True",
    "FEAST_USAGE": "False",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


def http(port: int, path: str = "") -> str:
    """A loopback address."""
    return f"http://{HOST}:{port}{path}"


def object_store(layout: Layout, port: int, access_key_id: str, secret: pulumi.Input[str]) -> dict[str, Any]:
    """versitygw over plain files; access is by key only."""
    folder = layout.data / "objects"
    return described(
        "object-store",
        command=[str(layout.bin / "versitygw"), "--port", f"{HOST}:{port}", "--health", "/health", "--quiet"]
        + ["--region", REGION, "posix", "--dir-perms", "0700", "--file-perms", "0600", str(folder)],
        environment={"ROOT_ACCESS_KEY_ID": access_key_id, "ROOT_SECRET_ACCESS_KEY": secret},
        health_check={"http": [http(port, "/health")]},
        directory=folder,
    )


def mlflow(layout: Layout, port: int, database_url: pulumi.Input[str], s3: Mapping[str, Any]) -> dict[str, Any]:
    """MLflow's server: metadata in Postgres, artifacts in the object store and served by it.

    This starts what `mlflow server --workers 1` starts. The command itself would stay beside it with 290 MB, and
    import all of MLflow one time more before it does so. The variables are those that it hands over
    (mlflow/server/__init__.py, ``_run_server``).
    """
    return described(
        "mlflow",
        command=[sys.executable, "-m", "uvicorn", "mlflow.server.fastapi_app:app"]
        + ["--host", HOST, "--port", str(port), "--no-access-log"],
        environment={
            **_NO_TELEMETRY,
            **s3,
            "_MLFLOW_SERVER_FILE_STORE": database_url,
            "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
            "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
            "_MLFLOW_SERVER_ARTIFACT_DESTINATION": f"s3://{ARTIFACTS_BUCKET}",
            "_MLFLOW_SGI_NAME": "uvicorn",
            "prometheus_multiproc_dir": str(layout.data / "mlflow-metrics"),
            # Its job runner is eight more processes and 1.3 GB, and had an unauthenticated API (CVE-2026-0545).
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        },
        # It answers /health before it has looked at the database.
        health_check={"http": [http(port, "/api/2.0/mlflow/experiments/search?max_results=1")]},
        directory=layout.home,
        startup_seconds=120,
    )


def feast(
    layout: Layout, *, port: int, metrics_port: int, ui_port: int, environment: Mapping[str, Any]
) -> dict[str, Any]:
    """Feast's feature server, its metrics and its browser of entities, views and services, in one process."""
    return described(
        "feast",
        command=[sys.executable, "-m", "components.features.server", "--port", str(port)]
        + ["--metrics-port", str(metrics_port), "--ui-port", str(ui_port)],
        environment={**_NO_TELEMETRY, **environment},
        health_check={"http": [http(port, "/health"), http(ui_port, "/health")]},
        directory=layout.root,
        startup_seconds=120,
    )


def evidently(layout: Layout, port: int) -> dict[str, Any]:
    """Evidently's UI over a workspace of monitoring snapshots."""
    return described(
        "evidently",
        command=[sys.executable, "-m", "evidently.cli", "ui", "--host", HOST, "--port", str(port)]
        + ["--workspace", str(layout.data / "evidently")],
        environment=_NO_TELEMETRY,
        health_check={"http": [http(port, "/api/version")]},
        directory=layout.home,
        startup_seconds=120,
    )


def monitor(
    layout: Layout, port: int, *, settings: MonitorSettings, cache: Path, environment: Mapping[str, Any]
) -> dict[str, Any]:
    """The monitor: it watches what the service logs, and has models trained and released.

    A release is `pulumi up` on this stack, begun by the monitor: its own configuration must not follow what is served.
    """
    release = [sys.executable, "-m", "infra.local.release", "release", "--patience", str(settings.release_seconds)]
    release += ["--interval", str(settings.release_interval_seconds)]
    return described(
        "monitor",
        # BentoML reads nothing below a hidden folder, as a service's own temporary one is: a release makes a bundle.
        command=["env", "--unset=TMPDIR", sys.executable, "-m", "monitoring.service"]
        + ["--host", HOST, "--port", str(port)],
        environment={
            **_NO_TELEMETRY,
            **environment,
            **monitor_environment(settings),
            "KEELSON_PREDICTION_LOG": str(layout.predictions),
            "KEELSON_EVIDENTLY_WORKSPACE": str(layout.data / "evidently"),
            "KEELSON_RELEASE_COMMAND": shlex.join(release) if settings.releases else "",
            # Where a release finds the load test's program.
            "KEELSON_CACHE": str(cache),
        },
        health_check={"http": [http(port, "/metrics")]},
        directory=layout.root,
        startup_seconds=60,
    )


def proxy(layout: Layout, port: int, health_port: int) -> dict[str, Any]:
    """Caddy in front of the generations of serving."""
    config = layout.serving / "caddy.json"
    return described(
        "serving",
        command=[str(layout.bin / "caddy"), "run", "--config", str(config)],
        files={str(config): proxy_config(layout, port=port, health_port=health_port)},
        health_check={"http": [http(health_port)]},
        directory=layout.home,
    )


def serving(
    layout: Layout, slot: str, port: int, *, bundle: str, workers: int, feature_server: str, lookup: FeatureLookup
) -> dict[str, Any]:
    """The deployed bundle in one slot. It starts without the registry; features come from the feature server."""
    name, version = bundle.split(":")
    return described(
        f"serving-{slot}",
        command=[sys.executable, "-m", "bentoml", "serve", str(layout.bundles / "bentos" / name / version)]
        + ["--host", HOST, "--port", str(port)],
        environment={
            **_NO_TELEMETRY,
            # BentoML empties the folder of its workers' metrics in its home when it starts: the generation that still
            # serves must have another one.
            "BENTOML_HOME": str(layout.serving / slot),
            "KEELSON_FEAST_SERVER_URL": feature_server,
            "KEELSON_FEATURE_LOOKUP": lookup,
            "KEELSON_TRAFFIC_FILE": str(layout.traffic),
            "KEELSON_PREDICTION_LOG": str(layout.predictions),
            "BENTOML_CONFIG_OPTIONS": f"services.{name}.workers={workers}",
        },
        health_check={"http": [http(port, "/readyz")]},
        directory=layout.home,
        startup_seconds=120,
    )
