"""The monitor and Evidently's UI."""

from collections.abc import Callable
from typing import Any

from infra.apps.access import ACCESS
from infra.apps.monitors import MONITORS
from monitoring.retention import TABLES

MakeAll = Callable[..., Any]


def test_the_workspace_outlives_the_pod(make_all: MakeAll) -> None:
    made = make_all()
    pod = made.one("Deployment", "evidently")["spec"]["template"]["spec"]
    container = pod["containers"][0]
    workspace = container["args"][container["args"].index("--workspace") + 1]
    (mount,) = [one for one in container["volumeMounts"] if one["mountPath"] == workspace]
    (volume,) = [one for one in pod["volumes"] if one["name"] == mount["name"]]
    assert made.one("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"], "monitoring")


def test_two_processes_never_have_the_workspace_at_once(make_all: MakeAll) -> None:
    specification = make_all("prod").one("Deployment", "evidently")["spec"]
    assert specification["replicas"] == 1
    assert specification["strategy"]["type"] == "Recreate"


def test_there_are_never_two_monitors(make_all: MakeAll) -> None:
    specification = make_all("prod").one("Deployment", "monitor")["spec"]
    assert specification["replicas"] == 1
    assert specification["strategy"]["type"] == "Recreate"


def test_the_monitor_is_told_the_platform_and_keeps_snapshots_through_evidentlys_service(make_all: MakeAll) -> None:
    made = make_all()
    (container,) = made.one("Deployment", "monitor")["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["python", "-m", "monitoring.service"]
    said = {one["name"]: one["value"] for one in container["env"]}
    service = made.one("Service", "evidently", "monitoring")
    (port,) = service["spec"]["ports"]
    assert said["KEELSON_EVIDENTLY_WORKSPACE"] == f"http://evidently.monitoring.svc.cluster.local:{port['port']}"
    # What it has trained runs in the image that it runs in.
    assert said["KEELSON_TRAIN_COMMAND"].split()[-2:] == ["--image", container["image"]]
    # Pods' own containers take their journals in, and keep nothing of them.
    assert "KEELSON_PREDICTION_LOG" not in said
    assert said["KEELSON_JOURNAL_RETENTION_DAYS"] == "0"
    (collector,) = made.one("Rollout", "serving")["spec"]["template"]["spec"]["initContainers"]
    kept = {one["name"]: one.get("value") for one in collector["env"]}
    assert (collector["name"], kept["KEELSON_JOURNAL_RETENTION_DAYS"]) == ("collect", "0")
    told = {source.get("configMapRef", source.get("secretRef"))["name"] for source in container["envFrom"]}
    assert told == {"platform"}


def test_prometheus_finds_the_monitor(make_all: MakeAll) -> None:
    (monitor,) = [one for one in MONITORS if one.name == "monitor"]
    template = make_all().one("Deployment", "monitor")["spec"]["template"]
    assert monitor.labels.items() <= template["metadata"]["labels"].items()
    assert [one["containerPort"] for one in template["spec"]["containers"][0]["ports"]] == [monitor.port]


def test_only_the_tables_of_the_log_are_written_by_the_monitor_and_beside_the_bundle() -> None:
    for account in ("monitor", "serving"):
        (access,) = [one for one in ACCESS if one.service_account == account]
        written = {one.prefix for one in access.buckets if one.bucket == "data" and "s3:PutObject" in one.actions}
        assert written == {f"tables/{name}/" for name in TABLES}
    deletes = {one.service_account for one in ACCESS for grant in one.buckets if "s3:DeleteObject" in grant.actions}
    assert "serving" not in deletes


def test_every_account_with_rights_in_aws_is_one_that_the_program_makes(make_all: MakeAll) -> None:
    """Those of charts and of Kubeflow Pipelines are made by them."""
    own = ("mlflow", "feast", "serving", "monitoring", "database")
    made = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in make_all().of("ServiceAccount")}
    assert {(one.namespace, one.service_account) for one in ACCESS if one.namespace in own} <= made
