"""Our patches against the facts about upstream's objects: each hits something, and nothing is left that would fail."""

from typing import Any

import pytest
import yaml

from infra.apps.ingress import PAGES
from infra.apps.kubeflow.images import pinned
from infra.apps.kubeflow.pipelines import DEFINITIONS, PIPELINES
from infra.apps.openings import PIPELINE_API, PIPELINE_PAGE
from infra.apps.roles import ROLES
from infra.versions import versions

KEPT = (
    "metadata-envoy-deployment",
    "metadata-grpc-deployment",
    "ml-pipeline",
    "ml-pipeline-persistenceagent",
    "ml-pipeline-scheduledworkflow",
    "ml-pipeline-ui",
    "workflow-controller",
)
NARROWED = ("ml-pipeline", "ml-pipeline-ui", "pipeline-runner")


def pod(patches: Any, name: str) -> list[dict[str, Any]]:
    """The merges of a deployment's pod."""
    return [one["spec"]["template"]["spec"] for one in patches.merged("Deployment", name)]


def container(patches: Any, name: str) -> dict[str, Any]:
    """The merge of a deployment's one container."""
    (found,) = [one for each in pod(patches, name) for one in each.get("containers", [])]
    return found


def source(variable: dict[str, Any]) -> str:
    """As the inventory writes it."""
    given = variable.get("valueFrom") or {}
    for kind, title in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if kind in given:
            return f"{title}/{given[kind]['name']}/{given[kind]['key']}"
    return "text"


def variables(upstream: Any, patches: Any, name: str) -> dict[str, str]:
    """All variables of a deployment as it will be, and where their values come from."""
    deployment = upstream.of("Deployment")[name]
    (main,) = deployment["containers"]
    found = dict(main.get("variables", {}))
    for one in container(patches, name).get("env", []):
        if one.get("$patch") == "delete":
            del found[one["name"]]
        else:
            found[one["name"]] = source(one)
    for one in deployment.get("initContainers", []):
        found |= {f"{one['name']}/{key}": value for key, value in one["variables"].items()}
    return found


def values(patches: Any, name: str) -> dict[str, Any]:
    """The plain values that our patch gives to variables."""
    return {one["name"]: one.get("value") for one in container(patches, name).get("env", []) if "value" in one}


def test_every_patch_has_its_object(upstream: Any, patches: Any) -> None:
    assert {one.target for one in patches.all} <= upstream.objects.keys()


def test_what_is_installed_are_these_deployments_and_no_others(upstream: Any, patches: Any) -> None:
    left_out = {name for kind, name in patches.left_out() if kind == "Deployment"}
    assert tuple(sorted(set(upstream.of("Deployment")) - left_out)) == KEPT


def test_nothing_is_patched_that_is_left_out(patches: Any) -> None:
    for one in patches.all:
        assert one.deletes or one.target not in patches.left_out(), one


def test_an_account_whose_deployment_is_left_out_has_no_rights(upstream: Any, patches: Any) -> None:
    accounts = {name for kind, name in upstream.objects.keys() - patches.left_out() if kind == "ServiceAccount"}
    used = {upstream.of("Deployment")[name]["account"] for name in KEPT} - {"default"}
    assert accounts == {*used, "pipeline-runner"}


@pytest.mark.parametrize("name", KEPT)
def test_a_patch_of_a_container_has_its_container_variables_mounts_and_volumes(
    upstream: Any, patches: Any, name: str
) -> None:
    deployment, patch = upstream.of("Deployment")[name], container(patches, name)
    (main,) = deployment["containers"]
    assert patch["name"] == main["name"]
    deleted = {one["name"] for one in patch.get("env", []) if one.get("$patch") == "delete"}
    assert deleted <= main.get("variables", {}).keys()
    assert {one["mountPath"] for one in patch["volumeMounts"] if "$patch" in one} <= set(main["mounts"])
    volumes = [one for each in pod(patches, name) for one in each.get("volumes", [])]
    assert {one["name"] for one in volumes if "$patch" in one} <= set(deployment["volumes"])


@pytest.mark.parametrize("name", KEPT)
def test_each_container_is_limited_locked_down_and_checked(upstream: Any, patches: Any, name: str) -> None:
    (main,), patch = upstream.of("Deployment")[name]["containers"], container(patches, name)
    assert patch["resources"]["requests"].keys() == patch["resources"]["limits"].keys() == {
        "cpu", "memory", "ephemeral-storage",
    }  # fmt: skip
    assert {"name": "tmp", "mountPath": "/tmp"} in patch["volumeMounts"]
    probes = {*main["probes"], *(key for key in patch if key.endswith("Probe"))}
    # It listens on no port.
    assert {"livenessProbe", "readinessProbe"} <= probes or name == "ml-pipeline-persistenceagent"


@pytest.mark.parametrize("name", KEPT)
def test_the_waiting_containers_are_all_locked_down(upstream: Any, patches: Any, name: str) -> None:
    count = len(upstream.of("Deployment")[name].get("initContainers", []))
    paths = {one["path"] for one in patches.operations("Deployment", name) if "initContainers" in one["path"]}
    root = "/spec/template/spec/initContainers"
    assert paths == {
        f"{root}/{number}/{key}"
        for number in range(count)
        for key in ("imagePullPolicy", "securityContext", "resources")
    }


@pytest.mark.parametrize("name", KEPT)
def test_every_container_runs_as_nobody_with_nothing_to_write_to(patches: Any, name: str) -> None:
    contexts = [one["value"] for one in patches.operations("Deployment", name) if one["path"].endswith("Context")]
    assert any("/containers/0/" in one["path"] for one in patches.operations("Deployment", name))
    for context in contexts:
        assert context["runAsNonRoot"] is context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is context["privileged"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["runAsUser"] > 10000
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}


@pytest.mark.parametrize("name", KEPT)
def test_no_deployment_reads_keys_of_the_object_store(upstream: Any, patches: Any, name: str) -> None:
    assert not [value for value in variables(upstream, patches, name).values() if "minio" in value.lower()]


@pytest.mark.parametrize("name", KEPT)
def test_everything_that_a_deployment_reads_is_there(upstream: Any, patches: Any, made: Any, name: str) -> None:
    there = {f"{kind}/{name}/{key}" for kind, name, key in _made(made)}
    kept = upstream.objects.keys() - patches.left_out()
    there |= {f"ConfigMap/{name}/{key}" for kind, name in kept if kind == "ConfigMap" for key in _keys(upstream, name)}
    wanted = {value for value in variables(upstream, patches, name).values() if "/" in value and value[-1] != "?"}
    assert wanted <= there


def _keys(upstream: Any, name: str) -> list[str]:
    return upstream.of("ConfigMap")[name]["keys"]


def _made(made: Any) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for one in made.objects:
        name, spec = one["metadata"]["name"], one.get("spec", {})
        found += [("ConfigMap", name, key) for key in one.get("data", {})]
        found += [("Secret", name, each["secretKey"]) for each in spec.get("data", [])]
        found += [("Secret", name, key) for key in spec.get("target", {}).get("template", {}).get("data", {})]
    return found


def test_what_the_program_makes_itself_is_left_out_of_upstreams(upstream: Any, patches: Any, made: Any) -> None:
    own = {(one["kind"], one["metadata"]["name"]) for one in made.objects}
    assert own & upstream.objects.keys() <= patches.left_out()


def test_the_keys_of_the_api_server_are_empty_and_not_absent(patches: Any) -> None:
    given = {one["name"]: one for one in container(patches, "ml-pipeline")["env"]}
    for name in ("OBJECTSTORECONFIG_ACCESSKEY", "OBJECTSTORECONFIG_SECRETACCESSKEY"):
        assert given[name] == {"name": name, "value": "", "valueFrom": None}


def test_the_api_server_speaks_to_s3_over_tls(patches: Any) -> None:
    plain = values(patches, "ml-pipeline")
    assert (plain["OBJECTSTORECONFIG_SECURE"], plain["OBJECTSTORECONFIG_PORT"]) == ("true", "")


def test_the_api_server_starts_without_the_visualization_service(patches: Any) -> None:
    host = values(patches, "ml-pipeline")["ML_PIPELINE_VISUALIZATIONSERVER_SERVICE_HOST"]
    assert host.endswith(".invalid")


def test_the_api_server_reads_our_configuration_file(patches: Any, made: Any) -> None:
    mounts = {one["name"]: one for one in container(patches, "ml-pipeline")["volumeMounts"] if "name" in one}
    assert mounts["configuration"]["mountPath"] == "/config/config.json"
    volumes = [one for each in pod(patches, "ml-pipeline") for one in each["volumes"]]
    (file,) = [one["configMap"]["name"] for one in volumes if "configMap" in one]
    assert mounts["configuration"]["subPath"] in made.data(file)


def test_the_page_reads_archived_logs_from_s3_where_argo_puts_them(upstream: Any, patches: Any) -> None:
    found = variables(upstream, patches, "ml-pipeline-ui")
    assert values(patches, "ml-pipeline-ui")["ARGO_ARCHIVE_ARTIFACTORY"] == "s3"
    assert found["ARGO_KEYFORMAT"] == "ConfigMap/pipeline-install-config/logKey"
    assert found["ARGO_ARCHIVE_BUCKETNAME"] == "ConfigMap/pipeline-install-config/bucketName"


def test_the_page_neither_runs_code_nor_signs_with_a_known_key(upstream: Any, patches: Any) -> None:
    assert values(patches, "ml-pipeline-ui")["ALLOW_CUSTOM_VISUALIZATIONS"] == "false"
    found = variables(upstream, patches, "ml-pipeline-ui")
    assert found["TENSORBOARD_PROXY_SIGNING_SECRET"] == "Secret/ml-pipeline-ui/signing-secret"


@pytest.mark.parametrize("name", ["ml-pipeline", "metadata-envoy-service"])
def test_the_page_finds_other_services_without_links(upstream: Any, patches: Any, name: str) -> None:
    assert all(
        each["enableServiceLinks"] is False for each in pod(patches, "ml-pipeline-ui") if "securityContext" in each
    )
    given = values(patches, "ml-pipeline-ui")
    prefix = "ML_PIPELINE_SERVICE" if name == "ml-pipeline" else "METADATA_ENVOY_SERVICE_SERVICE"
    assert given[f"{prefix}_HOST"] == name
    assert int(given[f"{prefix}_PORT"]) in upstream.of("Service")[name]["ports"].values()


def test_the_password_of_the_database_is_on_no_command_line(patches: Any) -> None:
    arguments = container(patches, "metadata-grpc-deployment")["args"]
    assert "--fromenv=mysql_config_user,mysql_config_password" in arguments
    assert not [one for one in arguments if "PASSWORD" in one]


def test_the_image_of_the_executor_is_not_on_the_command_line_where_it_would_win(patches: Any) -> None:
    (arguments,) = [
        one["value"] for one in patches.operations("Deployment", "workflow-controller") if one["path"].endswith("args")
    ]
    assert arguments == ["--configmap", "workflow-controller-configmap", "--namespaced"]


@pytest.mark.parametrize("name", NARROWED)
def test_no_right_is_to_secrets_and_none_is_to_everything(patches: Any, name: str) -> None:
    (operation,) = patches.operations("Role", name)
    for rule in operation["value"]:
        assert "secrets" not in rule["resources"]
        assert "*" not in [*rule["resources"], *rule["verbs"], *rule["apiGroups"]]


def test_steps_can_make_no_pods_and_read_one_config_map(patches: Any) -> None:
    (operation,) = patches.operations("Role", "pipeline-runner")
    writes = [rule for rule in operation["value"] if {*rule["verbs"]} - {"get"}]
    assert [rule["resources"] for rule in writes] == [["workflowtaskresults"]]
    maps = [rule for rule in operation["value"] if "configmaps" in rule["resources"]]
    assert [rule["resourceNames"] for rule in maps] == [["kfp-launcher"]]


def test_argo_loses_the_rule_about_secrets_and_no_other(upstream: Any, patches: Any) -> None:
    operations = patches.operations("Role", "argo-role")
    (removed,) = [int(one["path"].rpartition("/")[2]) for one in operations if one["op"] == "remove"]
    rules = upstream.of("Role")["argo-role"]["rules"]
    assert [number for number, resources in enumerate(rules) if "secrets" in resources] == [removed]


@pytest.mark.parametrize("folder", [DEFINITIONS, PIPELINES])
def test_upstream_is_taken_at_the_pinned_version(folder: Any) -> None:
    kubeflow = versions().kubeflow
    for base in yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]:
        assert base.startswith(f"{kubeflow.source}/")
        assert f"?ref={kubeflow.version}&" in base


def test_the_pinned_images_are_the_ones_that_upstream_names(upstream: Any, settings: Any) -> None:
    dev = settings("dev")
    for name in KEPT:
        deployment = upstream.of("Deployment")[name]
        for one in [*deployment.get("initContainers", []), *deployment["containers"]]:
            assert pinned(one["image"], dev) == one["image"]


def test_other_parts_of_the_program_know_the_services_by_their_names(upstream: Any) -> None:
    services = upstream.of("Service")
    assert PAGES["kfp"].port in services[PAGES["kfp"].service]["ports"].values()
    assert dict(PIPELINE_API.labels) == services["ml-pipeline"]["selector"]
    assert dict(PIPELINE_PAGE.labels) == services["ml-pipeline-ui"]["selector"]


def test_clients_may_ask_for_the_api_by_the_name_that_they_use(upstream: Any) -> None:
    (port,) = [name for name, number in upstream.of("Service")["ml-pipeline"]["ports"].items() if number == 8888]
    rules = [rule for permission in ROLES["data-scientist"] for rule in permission.rules]
    names = [name for rule in rules if "services/proxy" in rule.resources for name in rule.names]
    assert f"ml-pipeline:{port}" in names
