"""What the program makes for Kubeflow Pipelines, and does to upstream's deployments."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.apps.access import ACCESS
from infra.apps.kubeflow import configuration, images
from infra.apps.kubeflow.pipelines import adjusted
from infra.versions import versions

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def prod(make: Make) -> Any:
    return make("prod", region="eu-west-1")


def a_deployment(**pod: Any) -> dict[str, Any]:
    containers = [{"name": "main", "image": "ghcr.io/kubeflow/kfp-frontend:old", "env": [{"name": "A", "value": "1"}]}]
    metadata = {"labels": {"app": "x"}, "annotations": {"theirs": "kept"}}
    return {"spec": {"replicas": 1, "template": {"metadata": metadata, "spec": {"containers": containers, **pod}}}}


def test_steps_sign_in_to_s3_by_their_service_account(prod: Any) -> None:
    store = json.loads(prod.data("kfp-launcher")["providers"])["s3"]["default"]
    assert store["credentials"] == {"fromEnv": True}
    assert (store["endpoint"], store["region"], store["disableSSL"]) == (
        "s3.eu-west-1.amazonaws.com", "eu-west-1", False,
    )  # fmt: skip


def test_the_pipeline_root_is_in_the_bucket_and_does_not_bypass_the_providers(prod: Any) -> None:
    assert prod.data("kfp-launcher")["defaultPipelineRoot"] == "s3://the-artifacts/pipelines"


def test_argo_archives_logs_with_the_sdks_own_credentials(prod: Any) -> None:
    repository = json.loads(prod.data("workflow-controller-configmap")["artifactRepository"])
    assert repository["archiveLogs"] is True
    assert repository["s3"] == {
        "endpoint": "s3.eu-west-1.amazonaws.com",
        "region": "eu-west-1",
        "bucket": "the-artifacts",
        "keyFormat": configuration.LOG_KEY,
        "insecure": False,
        "useSDKCreds": True,
    }


def test_the_page_looks_for_logs_under_argos_key(prod: Any) -> None:
    repository = json.loads(prod.data("workflow-controller-configmap")["artifactRepository"])
    assert prod.data("pipeline-install-config")["logKey"] == repository["s3"]["keyFormat"]


def test_the_page_can_fill_in_every_part_of_the_key() -> None:
    known = ("name", "creationTimestamp.Y", "creationTimestamp.m", "creationTimestamp.d")
    rest = configuration.LOG_KEY.replace("{{pod.name}}", "")
    for part in known:
        rest = rest.replace(f"{{{{workflow.{part}}}}}", "")
    assert "{" not in rest


@pytest.mark.parametrize("account", ["ml-pipeline", "ml-pipeline-ui", "pipeline-runner"])
def test_an_account_may_reach_all_that_is_kept_in_the_bucket(prod: Any, account: str) -> None:
    (row,) = [one for one in ACCESS if (one.namespace, one.service_account) == ("kubeflow", account)]
    prefixes = tuple(one.prefix for one in row.buckets if one.bucket == "artifacts")
    server = json.loads(prod.data("ml-pipeline-config")["config.json"])
    root = prod.data("kfp-launcher")["defaultPipelineRoot"].removeprefix("s3://the-artifacts/")
    for path in (configuration.LOG_KEY, f"{root}/", f"{server['ObjectStoreConfig']['PipelinePath']}/"):
        assert path.startswith(prefixes)


def test_the_api_server_has_no_static_keys_and_no_tracking_of_its_own(prod: Any) -> None:
    server = json.loads(prod.data("ml-pipeline-config")["config.json"])
    assert server["ObjectStoreConfig"]["AccessKey"] == server["ObjectStoreConfig"]["SecretAccessKey"] == ""
    assert "plugins" not in server


def test_runs_are_started_as_the_account_of_steps(prod: Any) -> None:
    server = json.loads(prod.data("ml-pipeline-config")["config.json"])
    assert server["DEFAULTPIPELINERUNNERSERVICEACCOUNT"] == "pipeline-runner"


@pytest.mark.parametrize(
    ("stack", "host", "port"),
    [("dev", "mysql.database.svc.cluster.local", "3306"), ("prod", "mysql.example.com", "3307")],
)
def test_the_database_is_the_stacks_own(make: Make, stack: str, host: str, port: str) -> None:
    install = make(stack).data("pipeline-install-config")
    assert (install["dbType"], install["mysqlHost"], install["mysqlPort"]) == ("mysql", host, port)


def test_pools_let_go_of_old_connections(prod: Any) -> None:
    assert prod.data("pipeline-install-config")["ConMaxLifeTime"] == "120s"


def test_steps_and_their_executor_run_as_one_user_that_is_not_root(prod: Any) -> None:
    install = prod.data("pipeline-install-config")
    executor = json.loads(prod.data("workflow-controller-configmap")["executor"])["securityContext"]
    assert install["defaultSecurityContextRunAsNonRoot"] == "true"
    assert int(install["defaultSecurityContextRunAsUser"]) == executor["runAsUser"] > 10000


def test_the_executor_is_admitted_where_pods_are_restricted(prod: Any) -> None:
    executor = json.loads(prod.data("workflow-controller-configmap")["executor"])["securityContext"]
    assert executor["allowPrivilegeEscalation"] is False
    assert executor["capabilities"] == {"drop": ["ALL"]}
    assert executor["seccompProfile"] == {"type": "RuntimeDefault"}


def test_steps_give_way_to_services(prod: Any) -> None:
    defaults = json.loads(prod.data("workflow-controller-configmap")["workflowDefaults"])["spec"]
    assert defaults["podPriorityClassName"] == "keelson-batch"


def test_old_pipelines_are_refused_since_their_parts_are_left_out(prod: Any) -> None:
    assert prod.data("pipeline-install-config")["BLOCK_V1_PIPELINES"] == "true"


def test_the_database_secret_is_a_copy_of_the_one_that_the_bootstrap_fills(prod: Any) -> None:
    spec = prod.one("ExternalSecret", "mysql-secret")["spec"]
    read = {one["secretKey"]: one["remoteRef"] for one in spec["data"]}
    source = "keelson/kubeflow-database"
    assert read == {key: {"key": source, "property": key} for key in ("username", "password")}


def test_the_pages_signing_secret_is_made_by_chance_and_once(prod: Any) -> None:
    spec = prod.one("ExternalSecret", "ml-pipeline-ui")["spec"]
    assert spec["refreshPolicy"] == "CreatedOnce"
    assert prod.one("Password", "ml-pipeline-ui")["spec"]["length"] >= 32


def test_both_kustomizations_are_given_by_folders_that_are_there(prod: Any) -> None:
    assert set(prod.directories) == {"kubeflow-definitions", "kubeflow-pipelines"}
    for folder in prod.directories.values():
        assert not folder.startswith("/")
        assert Path(folder, "kustomization.yaml").is_file()


def test_upstreams_deployments_are_changed_as_pulumi_makes_them(made: Any) -> None:
    (transform,) = made.transforms["kubeflow-pipelines"]
    arguments = {"custom": True, "name": "x", "opts": pulumi.ResourceOptions()}
    deployment = pulumi.ResourceTransformArgs(type_="kubernetes:apps/v1:Deployment", props=a_deployment(), **arguments)
    other = pulumi.ResourceTransformArgs(type_="kubernetes:core/v1:Service", props={"spec": {}}, **arguments)
    changed = transform(deployment).props["spec"]["template"]["spec"]["containers"][0]
    assert changed["image"] == versions().kubeflow.images["frontend"]
    assert transform(other) is None


def test_pods_start_anew_when_what_they_read_changes(settings: Any) -> None:
    metadata = adjusted(a_deployment(), settings("dev"), "12345678")["spec"]["template"]["metadata"]
    assert metadata["annotations"] == {"theirs": "kept", "keelson/configuration": "12345678"}


def test_nothing_else_of_a_deployment_changes(settings: Any) -> None:
    before = a_deployment(serviceAccountName="x")
    after = adjusted(before, settings("dev"), "12345678")
    del after["spec"]["template"]["metadata"]["annotations"]["keelson/configuration"]
    after["spec"]["template"]["spec"]["containers"][0]["image"] = "ghcr.io/kubeflow/kfp-frontend:old"
    assert after == before


def test_a_prefix_stands_before_every_image_wherever_it_is_named(make: Make, settings: Any) -> None:
    changes = {"images": {"prefix": "registry.example.com/mirror"}}
    made = make("dev", **changes)
    install = made.data("pipeline-install-config")
    executor = json.loads(made.data("workflow-controller-configmap")["executor"])["image"]
    pod = adjusted(a_deployment(), settings("dev", **changes), "x")["spec"]["template"]["spec"]
    for image in (install["driverImage"], install["launcherImage"], executor, pod["containers"][0]["image"]):
        assert image.startswith("registry.example.com/mirror/")
        assert image in images.pulled(settings("dev", **changes))


def test_an_image_that_is_not_pinned_is_refused_with_what_to_do(settings: Any) -> None:
    with pytest.raises(ValueError, match=r"'quay.io/new/image:1' .* is not in \[kubeflow.images\].*add it"):
        images.pinned("quay.io/new/image:1", settings("dev"))


@given(
    repository=st.sampled_from([one.rpartition(":")[0] for one in versions().kubeflow.images.values()]),
    tag=st.from_regex(r"(?::[\w][\w.-]{0,20})?(?:@sha256:[0-9a-f]{64})?", fullmatch=True),
)
def test_the_version_comes_from_the_versions_file_whatever_upstream_says(
    settings: Any, repository: str, tag: str
) -> None:
    found = images.pinned(f"{repository}{tag}", settings("dev"))
    assert found in versions().kubeflow.images.values()
    assert found.startswith(f"{repository}:")
