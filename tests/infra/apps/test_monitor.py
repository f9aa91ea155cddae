"""Evidently's UI and the monitor's account."""

from collections.abc import Callable
from typing import Any

from infra.apps.access import ACCESS

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


def test_every_account_with_rights_in_aws_is_one_that_the_program_makes(make_all: MakeAll) -> None:
    """Those of charts and of Kubeflow Pipelines are made by them."""
    own = ("mlflow", "feast", "serving", "monitoring", "database")
    made = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in make_all().of("ServiceAccount")}
    assert {(one.namespace, one.service_account) for one in ACCESS if one.namespace in own} <= made
