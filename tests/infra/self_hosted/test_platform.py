"""What stack `cluster` asks a Kubernetes for, recorded without one."""

import functools
import json
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from typing import Any

import pytest

from infra.render.engine import record, stack_file
from infra.render.manifests import additions, manifests, objects
from infra.render.recording import HIDDEN, Recording
from infra.render.write import files
from infra.self_hosted import credentials, names

_BUNDLE = {"keelson:bundle": "trip_duration:abc"}
_PRESENT = {"keelson:operators": "present"}


@functools.cache
def recorded(**further: str) -> Recording:
    config = {f"keelson:{key}": value for key, value in further.items()}
    return record("cluster", {**stack_file("cluster"), **config})


def everything() -> Recording:
    return recorded(bundle="trip_duration:abc")


def of_kind(kind: str, recording: Recording | None = None) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Inputs by namespace and name."""
    found = [one.inputs for one in objects(recording or everything()) if one.inputs["kind"] == kind]
    return {(one["metadata"].get("namespace", ""), one["metadata"]["name"]): one for one in found}


def pods() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Namespace and specification of every pod."""
    for one in objects(everything()):
        spec = one.inputs.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template:
            yield one.inputs["metadata"]["namespace"], template["spec"]


def containers() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for namespace, pod in pods():
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            yield namespace, container


def test_nothing_is_asked_of_aws() -> None:
    assert everything().of_package("aws") == ()
    kinds = {one.inputs["kind"] for one in objects(everything())}
    assert (
        kinds & {"ExternalSecret", "ClusterSecretStore", "NodePool", "EC2NodeClass", "Ingress", "StorageClass"} == set()
    )
    assert "amazonaws" not in "\n".join(files(everything()).values())
    assert not [name for name, value in everything().outputs.items() if "secretsmanager" in value]


def test_the_services_of_the_cloud_stacks_run_over_a_database_and_an_s3_server_of_its_own() -> None:
    assert set(of_kind("StatefulSet")) == {("database", "postgres")}
    assert set(of_kind("Deployment")) == {
        ("storage", "object-storage"),
        ("mlflow", "mlflow"),
        ("feast", "feast"),
        ("monitoring", "monitor"),
        ("monitoring", "evidently"),
    }
    assert set(of_kind("Rollout")) == {("serving", "serving")}
    jobs = {name.rpartition("-")[0] for _, name in of_kind("Job")}
    assert jobs == {"database-bootstrap", "mlflow-schema", "feast-registry"}
    assert [one.name for one in additions(everything())] == ["argo-rollouts", "cert-manager", "kube-prometheus-stack"]


def test_operators_that_are_there_already_are_not_installed_again() -> None:
    chosen = recorded(operators="present")
    assert additions(chosen) == ()
    assert {name for _, name in of_kind("Namespace", chosen)} == {
        *("mlflow", "feast", "serving", "monitoring", "database", "storage", "pipelines")
    }
    # They are still told what there is to watch.
    assert ("monitoring", "serving") in of_kind("PodMonitor", chosen)
    assert ("monitoring", "objectives") in of_kind("PrometheusRule", chosen)


def test_every_secret_that_a_pod_reads_is_made_with_the_keys_that_it_reads() -> None:
    made = {
        place: json.loads(one["metadata"]["annotations"]["keelson/sources"]) for place, one in of_kind("Secret").items()
    }
    wanted = set()
    for namespace, pod in pods():
        wanted |= {(namespace, one["secret"]["secretName"]) for one in pod["volumes"] if "secret" in one}
    for namespace, container in containers():
        for one in container.get("env", ()):
            if "secretKeyRef" in one.get("valueFrom", {}):
                reference = one["valueFrom"]["secretKeyRef"]
                assert reference["key"] in made[namespace, reference["name"]], (namespace, reference)
                wanted.add((namespace, reference["name"]))
        wanted |= {(namespace, one["secretRef"]["name"]) for one in container.get("envFrom", ()) if "secretRef" in one}
    # The chart of Prometheus reads the last one.
    assert set(made) == wanted | {("monitoring", "grafana")}


def test_a_secrets_value_is_in_no_file_and_no_output() -> None:
    assert {json.dumps(one["stringData"]) for one in of_kind("Secret").values()} == {json.dumps(HIDDEN)}
    hidden = {name for name, value in everything().outputs.items() if value == HIDDEN}
    assert {"secret_access_key", "feast_registry", "feast_online_password", "pipelines_database"} <= hidden


def test_no_secret_is_in_the_folder_that_is_applied() -> None:
    paths = list(manifests(everything()))
    assert [path for path in paths if "Secret-" in path and path.startswith("kubernetes/")] == []
    assert len([path for path in paths if path.startswith("secrets/")]) == len(of_kind("Secret"))


def test_namespaces_come_first_where_files_are_applied_in_order() -> None:
    """`kubectl apply -R` goes through folders by name."""
    paths = sorted(path for path in manifests(everything()) if path.startswith("kubernetes/"))
    folders = list(dict.fromkeys(path.split("/")[1] for path in paths))
    assert folders[0] == "_cluster"


def test_two_renders_are_equal() -> None:
    again = record("cluster", {**stack_file("cluster"), **_BUNDLE})
    assert files(again) == files(everything())


def test_everybody_reaches_the_s3_server_by_its_name_and_keys() -> None:
    reached = {}
    for namespace, container in containers():
        variables = {one["name"]: one for one in container.get("env", ())}
        if "AWS_ENDPOINT_URL_S3" in variables:
            assert variables["AWS_SECRET_ACCESS_KEY"]["valueFrom"]["secretKeyRef"]["name"] == "object-storage"
            reached[namespace, container["name"]] = variables["AWS_ENDPOINT_URL_S3"]["value"]
    assert reached == dict.fromkeys([("mlflow", "mlflow"), ("serving", "collect")], names.OBJECTS_ADDRESS)
    for namespace in ("feast", "monitoring"):
        assert of_kind("ConfigMap")[namespace, "platform"]["data"]["AWS_ENDPOINT_URL_S3"] == names.OBJECTS_ADDRESS
        sources = json.loads(of_kind("Secret")[namespace, "platform"]["metadata"]["annotations"]["keelson/sources"])
        assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= set(sources)


def test_postgres_takes_no_connection_without_tls_and_is_known_by_its_authority() -> None:
    assert of_kind("ConfigMap")["database", "postgres"]["data"]["pg_hba.conf"] == "hostssl all all all scram-sha-256\n"
    (_, pod), *_ = [one for one in pods() if one[1]["containers"][0]["name"] == "postgres"]
    assert "ssl=on" in pod["containers"][0]["args"]
    for namespace in ("feast", "monitoring"):
        assert of_kind("ConfigMap")[namespace, "platform"]["data"]["PGSSLMODE"] == "verify-full"
    plan = json.loads(of_kind("ConfigMap")["database", "database-bootstrap"]["data"]["plan.json"])
    assert plan["postgres"]["sslmode"] == "verify-full"


@pytest.mark.parametrize("operators", ["installed", "present"])
def test_each_namespace_refuses_what_is_not_opened(operators: str) -> None:
    chosen = recorded(operators=operators)
    policies = of_kind("NetworkPolicy", chosen)
    for namespace in (name for _, name in of_kind("Namespace", chosen)):
        assert policies[namespace, "default-deny"]["spec"] == {
            "podSelector": {"matchLabels": {}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [],
            "egress": [],
        }


def test_who_keeps_data_opens_no_connection_and_nobody_goes_to_the_internet() -> None:
    policies = of_kind("NetworkPolicy")
    for place in (("database", "allow-postgres"), ("storage", "allow-object-storage")):
        assert policies[place]["spec"]["egress"] == []
        assert len(policies[place]["spec"]["ingress"]) >= 5
    peers = [
        peer["ipBlock"]["cidr"]
        for one in policies.values()
        for rule in (*one["spec"]["ingress"], *one["spec"]["egress"])
        for peer in (*rule.get("from", ()), *rule.get("to", ()))
        if "ipBlock" in peer
    ]
    assert peers
    assert all(IPv4Network(block).is_private for block in peers)


def test_volumes_are_of_the_default_storage_class() -> None:
    claims = of_kind("PersistentVolumeClaim")
    assert set(claims) == {
        *(("database", "postgres"), ("storage", "object-storage"), ("pipelines", "pipelines")),
        ("monitoring", "evidently"),
    }
    assert not any("storageClassName" in one["spec"] for one in claims.values())
    stack = next(one for one in additions(everything()) if one.name == "kube-prometheus-stack")
    template = stack.values["prometheus"]["prometheusSpec"]["storageSpec"]["volumeClaimTemplate"]
    assert "storageClassName" not in template["spec"]


def test_a_prefix_moves_every_image_but_those_of_the_stacks_own_registry() -> None:
    chosen = recorded(images='{"prefix": "mirror.example.org/all"}')
    images = {
        container["image"]
        for one in objects(chosen)
        if (template := one.inputs.get("spec", {}).get("template")) is not None
        for container in (*template["spec"].get("initContainers", ()), *template["spec"]["containers"])
    }
    assert {image.split("/")[0] for image in images} == {"mirror.example.org", "registry.example.org"}


def test_the_bootstrap_is_given_each_secret_that_its_plan_names() -> None:
    plan = json.loads(of_kind("ConfigMap")["database", "database-bootstrap"]["data"]["plan.json"])
    (pod,) = [pod for _, pod in pods() if pod["containers"][0]["name"] == "database-bootstrap"]
    mounts = {one["mountPath"].rpartition("/")[2] for one in pod["containers"][0]["volumeMounts"]}
    assert {*plan["secrets"].values(), plan["postgres"]["master_secret"], plan["storage"]["secret"]} <= mounts
    assert set(plan["secrets"]) == set(credentials.DATABASES)
