"""Logs of all pods go to one store; what brings them there may read logs and nothing else."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.apps.access import ACCESS
from infra.apps.logs import COLLECTOR, COLLECTORS, NAMESPACE, PREFIX, STORE, store_url
from infra.apps.monitors import MONITORS
from infra.apps.observability import values
from infra.observability.logs import POD_LOGS
from infra.settings.cloud import STACKS, CloudSettings
from infra.tools.catalogue import load
from infra.versions import versions

MakeAll = Callable[..., Any]


def configuration(made: Any, name: str) -> dict[str, Any]:
    return json.loads(made.one("ConfigMap", name)["data"]["config.yaml"])


def test_a_collector_runs_on_every_node_whatever_it_is_kept_for(make_all: MakeAll) -> None:
    specification = make_all().one("DaemonSet", COLLECTOR, COLLECTORS)["spec"]["template"]["spec"]
    assert specification["tolerations"] == [{"operator": "Exists"}]
    assert "nodeSelector" not in specification
    assert "affinity" not in specification


def test_it_reads_logs_and_writes_only_how_far_it_is(make_all: MakeAll) -> None:
    pod = make_all().pods()[COLLECTOR]
    paths = {one["name"]: one["hostPath"]["path"] for one in pod["volumes"] if "hostPath" in one}
    (container,) = pod["containers"]
    mounts = {
        paths[one["name"]]: one.get("readOnly", False) for one in container["volumeMounts"] if one["name"] in paths
    }
    assert mounts == {POD_LOGS: True, "/var/lib/keelson-log-collector": False}
    context = container["securityContext"]
    assert (context["runAsUser"], context["privileged"]) == (0, False)
    assert context["capabilities"] == {"drop": ["ALL"]}


def test_its_settings_name_the_folders_and_ports_of_its_pod(make_all: MakeAll) -> None:
    made = make_all()
    told = configuration(made, COLLECTOR)
    (container,) = made.pods()[COLLECTOR]["containers"]
    writable = {one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")}
    assert told["extensions"]["file_storage"]["directory"] in writable
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    assert told["extensions"]["health_check"]["endpoint"] == f"0.0.0.0:{ports['health']}"
    (monitor,) = [one for one in MONITORS if one.name == COLLECTOR]
    assert monitor.port == ports["metrics"]
    (pattern,) = told["receivers"]["file_log"]["exclude"]
    assert pattern.startswith(f"{POD_LOGS}/{COLLECTORS}_{COLLECTOR}-")
    assert told["exporters"]["otlp_http"]["logs_endpoint"] == f"{store_url()}/otlp/v1/logs"


def test_the_store_writes_to_its_prefix_of_the_logs_bucket_and_may_do_nothing_else(make_all: MakeAll) -> None:
    told = configuration(make_all(), STORE)["storage_config"]["object_store"]
    assert (told["storage_prefix"], told["s3"]["bucket_name"]) == (PREFIX, "logs")
    assert not {"access_key_id", "secret_access_key"} & set(told["s3"])
    (access,) = [one for one in ACCESS if (one.namespace, one.service_account) == (NAMESPACE, STORE)]
    (grant,) = access.buckets
    assert (grant.bucket, grant.prefix, access.secrets) == ("logs", f"{PREFIX}/", ())


@pytest.mark.parametrize("stack", STACKS)
def test_lines_are_kept_as_long_as_the_bucket_keeps_objects(make_all: MakeAll, stack: str) -> None:
    days = CloudSettings.model_validate({"stack": stack, **STACKS[stack]}).network.flow_log_days
    assert configuration(make_all(stack), STORE)["limits_config"]["retention_period"] == f"{days * 24}h"


def test_what_it_was_told_and_has_not_written_to_the_bucket_outlives_the_pod(make_all: MakeAll) -> None:
    made = make_all("prod")
    server = made.one("Deployment", STORE, NAMESPACE)["spec"]
    assert (server["replicas"], server["strategy"]["type"]) == (1, "Recreate")
    (container,) = server["template"]["spec"]["containers"]
    claimed = {one["name"] for one in server["template"]["spec"]["volumes"] if "persistentVolumeClaim" in one}
    (folder,) = [one["mountPath"] for one in container["volumeMounts"] if one["name"] in claimed]
    told = configuration(made, STORE)
    assert told["common"]["path_prefix"] == folder
    assert told["ingester"]["wal"]["dir"].startswith(f"{folder}/")


@pytest.mark.parametrize(("image", "tool"), [("loki", "loki"), ("otel-collector", "otelcol")])
def test_what_runs_is_of_the_version_that_is_tested(image: str, tool: str) -> None:
    (built,) = [one for one in load(group="logs").tools if one.name == tool]
    assert versions().images[image].rpartition(":")[2] == built.version


def test_grafana_shows_the_store(make_all: MakeAll) -> None:
    (source,) = values(CloudSettings.model_validate({"stack": "dev", **STACKS["dev"]}))["grafana"][
        "additionalDataSources"
    ]
    (port,) = make_all().one("Service", STORE, NAMESPACE)["spec"]["ports"]
    assert (source["type"], source["url"]) == ("loki", store_url())
    assert store_url().endswith(f":{port['port']}")
