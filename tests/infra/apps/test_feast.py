"""Feast on the cluster: what it is started with is all that the platform asks for."""

from collections.abc import Callable
from typing import Any

import pytest

from components.platform import Platform
from infra import outputs
from infra.apps.access import ACCESS

MakeAll = Callable[..., Any]


@pytest.mark.parametrize("namespace", ["feast", "kubeflow", "monitoring"])
def test_a_client_finds_the_whole_platform_in_its_namespace(
    make_all: MakeAll, monkeypatch: pytest.MonkeyPatch, namespace: str
) -> None:
    made = make_all()
    plain = made.one("ConfigMap", "platform", namespace)["data"]
    hidden = dict.fromkeys(secret_keys(made.one("ExternalSecret", "platform", namespace)), "hidden")
    for output in outputs.OUTPUTS:
        monkeypatch.delenv(output.env, raising=False)
    for name, value in {**plain, **hidden}.items():
        monkeypatch.setenv(name, value)
    platform = Platform()  # pyright: ignore[reportCallIssue]
    assert platform.stack == "dev"
    assert platform.feast_registry.get_secret_value() == "hidden"
    assert platform.access_key_id is None


def secret_keys(external_secret: dict[str, Any]) -> list[str]:
    return [one["secretKey"] for one in external_secret["spec"]["data"]]


def test_each_database_is_opened_by_its_own_secret(make_all: MakeAll) -> None:
    copied = make_all().one("ExternalSecret", "platform", "kubeflow")["spec"]["data"]
    sources = {one["secretKey"]: (one["remoteRef"]["key"], one["remoteRef"]["property"]) for one in copied}
    assert sources == {
        "KEELSON_FEAST_REGISTRY": ("keelson/feast-database", "uri"),
        "KEELSON_FEAST_ONLINE_PASSWORD": ("keelson/feast-database", "password"),
        "KEELSON_PIPELINES_DATABASE": ("keelson/pipelines-database", "uri"),
    }


def test_no_secret_of_the_contract_is_in_a_config_map(make_all: MakeAll) -> None:
    hidden = {output.env for output in outputs.OUTPUTS if output.secret}
    for one in make_all().of("ConfigMap"):
        assert not hidden & set(one["data"])


PARTS = [("Deployment", "feast"), ("Job", "feast-registry"), ("CronJob", "feast-materialisation")]


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_every_part_knows_the_certificate_authority_of_its_database(make_all: MakeAll, kind: str, name: str) -> None:
    made = make_all()
    pod = made.pods()[made.one(kind, name)["metadata"]["name"]]
    variables = made.one("ConfigMap", "platform", "feast")["data"]
    folder, _, file = variables["PGSSLROOTCERT"].rpartition("/")
    (mount,) = [one for one in pod["containers"][0]["volumeMounts"] if one["mountPath"] == folder]
    (volume,) = [one for one in pod["volumes"] if one["name"] == mount["name"]]
    assert file in secret_keys(made.one("ExternalSecret", volume["secret"]["secretName"], "feast"))
    assert variables["PGSSLMODE"] == variables["KEELSON_FEAST_ONLINE_SSLMODE"] == "verify-full"


def test_only_materialisation_has_rights_in_aws(make_all: MakeAll) -> None:
    pods = make_all().pods()
    accounts = {name: pod["serviceAccountName"] for name, pod in pods.items() if name.startswith("feast")}
    granted = {one.service_account for one in ACCESS if one.namespace == "feast"}
    assert {name for name, account in accounts.items() if account in granted} == {"feast-materialisation"}


def test_materialisations_never_run_side_by_side(make_all: MakeAll) -> None:
    specification = make_all().one("CronJob", "feast-materialisation")["spec"]
    assert specification["concurrencyPolicy"] == "Forbid"
    assert specification["jobTemplate"]["spec"]["activeDeadlineSeconds"] < 3600


def test_a_server_is_started_anew_when_its_settings_change(make_all: MakeAll) -> None:
    noted = [
        make_all(stack).one("Deployment", "feast")["spec"]["template"]["metadata"]["annotations"][
            "keelson/configuration"
        ]
        for stack in ("dev", "staging")
    ]
    assert noted[0] != noted[1]


@pytest.mark.parametrize("port", ["http", "ui"])
def test_both_ports_of_the_one_process_are_watched(make_all: MakeAll, port: str) -> None:
    container = make_all().one("Deployment", "feast")["spec"]["template"]["spec"]["containers"][0]
    (number,) = [one["containerPort"] for one in container["ports"] if one["name"] == port]
    asked = [container[probe]["httpGet"]["port"] for probe in ("livenessProbe", "readinessProbe")]
    assert number in asked
