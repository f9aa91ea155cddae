"""The stack on any Kubernetes runs on a real node: databases and buckets are made, and runs are tracked."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from infra.cluster.api import Api

pytestmark = pytest.mark.cluster

Manifest = dict[str, Any]
Wait = Callable[..., Any]
Ask = Callable[..., str]

STEPS = "pipelines"
# A server starts where the machine has other work to do, and MLflow's is 30 s of imports by itself.
_SECONDS = 600
TRACK = """
import mlflow
mlflow.set_experiment("on-any-kubernetes")
with mlflow.start_run() as run:
    mlflow.log_param("model", "lightgbm")
    mlflow.log_metric("mae", 221.5)
    mlflow.log_text("kept in the S3 server", "note.txt")
print(run.info.run_id)
"""
LOOK = """
import sys
import mlflow
run = mlflow.get_run(sys.argv[1])
note = mlflow.artifacts.load_text(run.info.artifact_uri + "/note.txt")
print(run.data.params["model"], run.data.metrics["mae"], note)
"""
LIST = """
import boto3
for one in boto3.client("s3").list_objects_v2(Bucket="keelson-artifacts", Prefix="mlflow/").get("Contents", []):
    print(one["Key"])
"""
PLAIN = """
import os
import psycopg
address = os.environ["DATABASE"].replace("+psycopg", "")
for sslmode in ("disable", "verify-full"):
    try:
        with psycopg.connect(address, sslmode=sslmode) as connection:
            print(sslmode, connection.execute("SELECT current_user").fetchone()[0])
    except psycopg.OperationalError as error:
        print(sslmode, "no encryption" in str(error))
"""


@pytest.fixture(scope="module")
def ask(api: Api, applied: Mapping[str, Manifest], run_pod: Callable[..., tuple[str, str]]) -> Ask:
    """Runs a program in a pod with the image and the variables of MLflow's server; returns what it prints.

    The pod is where steps of pipelines would be, for which the stack's network policies are open.
    """
    (server,) = [one for path, one in applied.items() if path.endswith("Deployment-mlflow.yaml")]
    spec = {**server["spec"]["template"]["spec"], "serviceAccountName": "default"}
    variables = [
        *spec["containers"][0]["env"],
        {"name": "MLFLOW_TRACKING_URI", "value": "http://mlflow.mlflow.svc.cluster.local:5000"},
        {"name": "DATABASE", "valueFrom": {"secretKeyRef": {"name": "mlflow-database", "key": "uri"}}},
    ]
    for secret in api.every("v1", "Secret", "mlflow"):
        named = {"name": secret["metadata"]["name"], "namespace": STEPS}
        api.apply({"apiVersion": "v1", "kind": "Secret", "metadata": named, "data": secret["data"]})

    def ask(script: str, *arguments: str) -> str:
        changed = {"name": "asks", "command": ["python", "-c", script], "args": arguments, "env": variables}
        phase, told = run_pod(STEPS, spec, changed, _SECONDS)
        assert phase == "Succeeded", told
        return told

    return ask


@pytest.fixture(scope="module")
def run(ask: Ask, ready: Callable[[str, float], bool]) -> str:
    """A run that was tracked, by its id."""
    ready("mlflow/Deployment/mlflow", _SECONDS)
    return ask(TRACK).splitlines()[-1]


@pytest.mark.parametrize("place", ["database/StatefulSet/postgres", "storage/Deployment/object-storage"])
def test_what_keeps_data_runs_on_volumes_of_the_default_class(api: Api, ready: Any, place: str) -> None:
    ready(place, _SECONDS)
    namespace, _, name = place.split("/")
    claim = api.get("v1", "PersistentVolumeClaim", name, namespace)
    assert claim is not None
    assert (claim["status"]["phase"], claim["spec"]["storageClassName"]) == ("Bound", "local-path")


def test_a_run_is_tracked_in_postgres_and_its_artifact_is_in_the_s3_server(ask: Ask, run: str) -> None:
    assert "lightgbm 221.5 kept in the S3 server" in ask(LOOK, run).splitlines()
    assert [key for key in ask(LIST).splitlines() if key.endswith(f"{run}/artifacts/note.txt")]


def test_the_database_takes_no_connection_without_tls(ask: Ask) -> None:
    assert ask(PLAIN).splitlines() == ["disable True", "verify-full mlflow"]


def test_what_was_tracked_outlives_the_pods_that_keep_it(
    api: Api, ask: Ask, run: str, ready: Any, eventually: Wait
) -> None:
    for namespace, name in (("database", "postgres"), ("storage", "object-storage")):
        (pod,) = api.every("v1", "Pod", namespace, f"app.kubernetes.io/name={name}")
        api.delete(pod, now=True)

        def replaced(old: str = pod["metadata"]["uid"], namespace: str = namespace, name: str = name) -> bool:
            found = api.every("v1", "Pod", namespace, f"app.kubernetes.io/name={name}")
            return bool(found) and old not in {one["metadata"]["uid"] for one in found}

        eventually(replaced, 60)
    for place in ("database/StatefulSet/postgres", "storage/Deployment/object-storage", "mlflow/Deployment/mlflow"):
        ready(place, _SECONDS)
    assert "lightgbm 221.5 kept in the S3 server" in ask(LOOK, run).splitlines()


@pytest.mark.parametrize(
    "place", ["feast/Deployment/feast", "monitoring/Deployment/monitor", "monitoring/Deployment/evidently"]
)
def test_the_services_that_stand_on_them_become_ready(ready: Any, place: str) -> None:
    assert ready(place, _SECONDS)
