"""Passwords and keys of stack `cluster`: made once, complete, and handed to who applies a render by hand."""

import datetime
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from infra.apps.bootstrap.databases import POSTGRES_APPLICATIONS
from infra.render.engine import record
from infra.self_hosted import credentials, names
from infra.self_hosted.credentials import CredentialsProvider
from infra.self_hosted.secrets_file import manifests

ROOT = Path(__file__).parents[3]


def write(out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infra.self_hosted.secrets_file", "--out", str(out)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_no_two_secrets_share_a_password_and_none_is_made_twice() -> None:
    passwords = [
        value
        for made in (credentials.make(), credentials.make())
        for secret in made.values()
        for key, value in secret.items()
        if key in ("password", "secret-access-key", "admin-password")
    ]
    assert len(set(passwords)) == len(passwords) == 2 * (3 + len(credentials.DATABASES))
    assert min(map(len, passwords)) >= 43


def test_the_certificate_is_for_the_name_that_clients_ask_for_and_outlives_the_stack() -> None:
    made = credentials.make()
    server = x509.load_pem_x509_certificate(made[credentials.SERVER]["tls.crt"].encode())
    authority = x509.load_pem_x509_certificate(made["mlflow-database"]["ca"].encode())
    server.verify_directly_issued_by(authority)
    found = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.POSTGRES_HOST in found.get_values_for_type(x509.DNSName)
    assert server.not_valid_after_utc > datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3640)
    assert {made[name]["ca"] for name in credentials.DATABASES} == {made["mlflow-database"]["ca"]}


def test_an_update_keeps_them() -> None:
    provider = CredentialsProvider()
    first = provider.ensure({}, None)
    assert provider.ensure({}, first) == first
    assert provider.ensure({}, None) != first


def test_each_application_signs_in_as_itself() -> None:
    made = credentials.make()
    for short, name in POSTGRES_APPLICATIONS.items():
        assert made[short]["uri"] == (
            f"postgresql+psycopg://{name}:{made[short]['password']}@postgres.database.svc.cluster.local:5432/{name}"
        )


def test_the_file_has_every_secret_of_the_stack_with_all_its_values(tmp_path: Path) -> None:
    out = tmp_path / "secrets.yaml"
    done = write(out)
    assert (done.returncode, done.stdout) == (0, f"{out}\n"), done.stderr
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    found = list(yaml.safe_load_all(out.read_text()))
    wanted = [one.inputs["metadata"] for one in record("cluster").resources if one.type.endswith(":Secret")]
    assert [one["metadata"] for one in found] == wanted
    for one in found:
        assert one["kind"] == "Secret"
        assert set(one["stringData"]) == set(json.loads(one["metadata"]["annotations"]["keelson/sources"]))
        assert all(one["stringData"].values())
    keys = {one["metadata"]["namespace"]: one["stringData"] for one in found if one["metadata"]["name"] == "platform"}
    assert keys["feast"] == keys["monitoring"]


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "secrets.yaml"
    out.write_text("mine")
    done = write(out)
    assert done.returncode != 0
    assert "is there already" in done.stderr
    assert out.read_text() == "mine"


def test_a_source_that_the_credentials_lack_is_an_error() -> None:
    with pytest.raises(KeyError):
        manifests(record("cluster").resources, {})
