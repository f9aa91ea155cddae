"""The bootstrap on a cluster without Secrets Manager: real Postgres, real S3 server, secrets that are files."""

from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from psycopg import sql

from infra.apps.bootstrap import authority
from infra.apps.bootstrap.databases import Bootstrap, Plan
from infra.apps.bootstrap.vault import BootstrapError, Folder
from infra.self_hosted import credentials

BUCKETS = ("bootstrapped-data", "bootstrapped-models")


@pytest.fixture
def secrets(tmp_path: Path, postgres: Any, object_store: Any) -> Path:
    """Secrets of the stack, for the tests' own servers, as a kubelet puts them into a folder."""
    made = credentials.make()
    made[credentials.MASTER] = {"username": "postgres", "password": postgres.password}
    made[credentials.STORAGE] = {"access-key-id": object_store.access_key, "secret-access-key": object_store.secret_key}
    for name in credentials.DATABASES:
        place = {"host": "127.0.0.1", "port": str(postgres.port)}
        uri = made[name]["uri"].replace("postgres.database.svc.cluster.local:5432", f"127.0.0.1:{postgres.port}")
        made[name] |= {**place, "uri": uri}
    for name, values in made.items():
        (tmp_path / name / "..data").mkdir(parents=True)
        for key, value in values.items():
            (tmp_path / name / key).write_text(value)
    return tmp_path


@pytest.fixture
def plan(secrets: Path, postgres: Any, object_store: Any) -> Any:
    server = {"host": "127.0.0.1", "port": postgres.port, "master_secret": credentials.MASTER, "sslmode": "disable"}
    storage = {"endpoint": object_store.endpoint, "secret": credentials.STORAGE, "buckets": BUCKETS}
    yield Plan.model_validate(
        {
            "region": "us-east-1",
            "postgres": server,
            "storage": storage,
            "secrets": {name: name for name in credentials.DATABASES},
            "secrets_folder": secrets,
        }
    )
    with postgres.connect() as connection:
        for name in ("mlflow", "feast", "pipelines", "log_lock"):
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        for name in ("mlflow", "feast", "pipelines", "log_lock"):
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
        connection.execute("GRANT CONNECT, TEMPORARY ON DATABASE postgres TO PUBLIC")


def run(plan: Plan) -> list[str]:
    said: list[str] = []
    Bootstrap(plan, say=said.append).run()
    return said


def test_users_sign_in_by_the_files_and_buckets_are_there(plan: Plan, secrets: Path, object_store: Any) -> None:
    run(plan)
    for name in ("mlflow", "feast", "pipelines"):
        uri = (secrets / f"{name}-database" / "uri").read_text().replace("+psycopg", "")
        with psycopg.connect(uri) as connection:
            assert connection.execute("SELECT current_user").fetchone() == (name,)
    client = boto3.client(
        "s3",
        endpoint_url=object_store.endpoint,
        region_name="us-east-1",
        aws_access_key_id=object_store.access_key,
        aws_secret_access_key=object_store.secret_key,
    )
    assert set(BUCKETS) <= {one["Name"] for one in client.list_buckets()["Buckets"]}
    client.put_object(Bucket=BUCKETS[0], Key="kept", Body=b"it")
    again = run(plan)
    assert [line for line in again if line.endswith("was set")] == []
    assert client.get_object(Bucket=BUCKETS[0], Key="kept")["Body"].read() == b"it"


def test_new_passwords_are_taken_over(plan: Plan, secrets: Path) -> None:
    run(plan)
    folder = secrets / "mlflow-database"
    old = (folder / "password").read_text()
    for key in ("password", "uri"):
        (folder / key).write_text((folder / key).read_text().replace(old, "another"))
    assert "Postgres database mlflow is ready, its password was set" in run(plan)
    psycopg.connect((folder / "uri").read_text().replace("+psycopg", "")).close()


def test_a_secret_that_does_not_fit_is_named_and_left_alone(plan: Plan, secrets: Path) -> None:
    (secrets / "feast-database" / "host").write_text("elsewhere")
    with pytest.raises(BootstrapError, match="secret feast-database lacks host, or has values that do not fit"):
        run(plan)
    assert (secrets / "feast-database" / "host").read_text() == "elsewhere"


def test_a_secret_that_is_not_mounted_is_named(tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match="secret none cannot be read"):
        Folder(tmp_path).read("none")


def test_a_server_that_never_answers_is_told_after_the_patience(plan: Plan) -> None:
    closed = plan.postgres.model_copy(update={"port": 1})
    with pytest.raises(BootstrapError, match=r"Postgres at 127\.0\.0\.1"):
        run(plan.model_copy(update={"postgres": closed, "patience_seconds": 1}))


def test_without_an_address_the_authority_must_be_in_the_secret() -> None:
    assert authority.fetch(None, "stored") == "stored"
    with pytest.raises(BootstrapError, match="names no address"):
        authority.fetch(None, None)
