"""The bootstrap of databases against a real Postgres, and Secrets Manager as moto plays it."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer
from psycopg import sql

from infra.apps.bootstrap import authority, postgres
from infra.apps.bootstrap.databases import Bootstrap, Plan
from infra.apps.bootstrap.vault import BootstrapError, Vault, completed, new_password

MakeAll = Callable[..., Any]
SECRETS = (
    *("mlflow-database", "feast-database", "pipelines-database", "log-lock-database", "kubeflow-database"),
    *("grafana", "sign-in"),
)
APPLICATIONS = ("mlflow", "feast", "pipelines")
MASTER = "master"


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def secrets_manager(endpoint: str) -> Iterator[Any]:
    """Secrets Manager with the stack's secrets, which have no values yet, and RDS's secret of the master user."""
    client = boto3.client(
        "secretsmanager",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    for name in SECRETS:
        client.create_secret(Name=f"keelson/{name}")
    client.create_secret(
        Name="rds-master", SecretString=json.dumps({"username": MASTER, "password": "master-password"})
    )
    yield client
    for one in client.list_secrets()["SecretList"]:
        client.delete_secret(SecretId=one["Name"], ForceDeleteWithoutRecovery=True)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Postgres with a master user as RDS has one: it makes databases and roles and owns the first database, but is no
    superuser."""
    running = request.getfixturevalue("postgres")
    with running.connect() as connection:
        connection.execute(f"CREATE ROLE {MASTER} LOGIN CREATEDB CREATEROLE PASSWORD 'master-password'")
        connection.execute(f"ALTER DATABASE postgres OWNER TO {MASTER}")
    yield running
    with running.connect() as connection:
        for name in (*APPLICATIONS, "log_lock"):
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
        connection.execute("ALTER DATABASE postgres OWNER TO postgres")
        connection.execute("GRANT CONNECT, TEMPORARY ON DATABASE postgres TO PUBLIC")
        connection.execute(f"DROP OWNED BY {MASTER}")
        connection.execute(f"DROP ROLE {MASTER}")


def a_plan(server: Any, **changes: Any) -> Plan:
    plan = {
        "region": "us-east-1",
        "authority": "http://127.0.0.1:1/none.pem",
        # The server of the tests is built without TLS.
        "postgres": {"host": "127.0.0.1", "port": server.port, "master_secret": "rds-master", "sslmode": "disable"},
        "mysql": {"host": "mysql", "port": 3306, "master_secret": "rds-master"},
        "secrets": {name: f"keelson/{name}" for name in SECRETS},
    }
    return Plan.model_validate(plan | changes)


@pytest.fixture
def run(server: Any, secrets_manager: Any) -> Callable[[], list[str]]:
    """One run of the bootstrap of Postgres; returns what it says."""

    def run() -> list[str]:
        said: list[str] = []
        Bootstrap(a_plan(server), secrets_manager, said.append).make_postgres("authority", "/dev/null")
        return said

    return run


def stored(client: Any, name: str) -> dict[str, str]:
    return json.loads(client.get_secret_value(SecretId=f"keelson/{name}")["SecretString"])


def test_each_application_signs_in_to_its_own_database_by_what_its_secret_says(run: Any, secrets_manager: Any) -> None:
    run()
    for name in APPLICATIONS:
        uri = stored(secrets_manager, f"{name}-database")["uri"].replace("+psycopg", "")
        with psycopg.connect(uri) as connection:
            connection.execute("CREATE TABLE proof (id int)")
            row = connection.execute("SELECT current_database(), current_user").fetchone()
        assert row == (name, name)


def test_an_application_reaches_no_other_database(run: Any, server: Any, secrets_manager: Any) -> None:
    run()
    password = stored(secrets_manager, "mlflow-database")["password"]
    for database in ("feast", "pipelines", "postgres"):
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(host="127.0.0.1", port=server.port, user="mlflow", password=password, dbname=database)


def test_who_takes_locks_can_do_nothing_else(run: Any, server: Any, secrets_manager: Any) -> None:
    run()
    with psycopg.connect(stored(secrets_manager, "pipelines-database")["uri"].replace("+psycopg", "")) as owner:
        owner.execute("CREATE TABLE secrets_of_pipelines (id int)")
    place = stored(secrets_manager, "log-lock-database")["uri"].replace("+psycopg", "")
    with psycopg.connect(place, autocommit=True) as connection:
        row = connection.execute("SELECT current_database(), pg_try_advisory_lock(7)").fetchone()
        assert row == ("pipelines", True)
        for forbidden in (
            "SELECT * FROM secrets_of_pipelines",
            "CREATE TABLE mine (id int)",
            "CREATE SCHEMA mine",
            "CREATE TEMPORARY TABLE mine (id int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden)  # pyright: ignore
    for database in ("mlflow", "feast", "postgres"):
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(place.rpartition("/")[0] + "/" + database)


def test_an_applications_user_has_no_rights_over_the_server(run: Any, server: Any) -> None:
    run()
    asked = "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication FROM pg_roles WHERE rolname = 'mlflow'"
    with server.connect() as connection:
        assert connection.execute(asked).fetchone() == (False,)


def test_the_master_user_keeps_no_membership_of_an_applications_role(run: Any, server: Any) -> None:
    run()
    with server.connect() as connection:
        row = connection.execute(f"SELECT pg_has_role('{MASTER}', 'mlflow', 'USAGE')").fetchone()
    assert row == (False,)


def test_a_second_run_changes_nothing(run: Any, secrets_manager: Any) -> None:
    def versions() -> list[str]:
        asked = [f"keelson/{name}-database" for name in APPLICATIONS]
        return [secrets_manager.get_secret_value(SecretId=name)["VersionId"] for name in asked]

    run()
    first = versions()
    said = run()
    assert versions() == first
    assert [line for line in said if "was kept" in line] == [line for line in said if "password was" in line]


def test_a_password_that_does_not_work_is_set_to_what_is_stored(run: Any, server: Any, secrets_manager: Any) -> None:
    run()
    with server.connect() as connection:
        connection.execute("ALTER ROLE mlflow PASSWORD 'of an older snapshot'")
    said = run()
    assert [line for line in said if "was set" in line] == ["Postgres database mlflow is ready, its password was set"]
    psycopg.connect(stored(secrets_manager, "mlflow-database")["uri"].replace("+psycopg", "")).close()


def test_a_run_that_was_ended_before_the_password_was_set_is_repaired(run: Any, secrets_manager: Any) -> None:
    secrets_manager.put_secret_value(SecretId="keelson/feast-database", SecretString=json.dumps({"password": "kept"}))
    run()
    assert stored(secrets_manager, "feast-database")["password"] == "kept"
    psycopg.connect(stored(secrets_manager, "feast-database")["uri"].replace("+psycopg", "")).close()


def test_data_outlive_the_bootstrap(run: Any, secrets_manager: Any) -> None:
    run()
    uri = stored(secrets_manager, "mlflow-database")["uri"].replace("+psycopg", "")
    with psycopg.connect(uri) as connection:
        connection.execute("CREATE TABLE runs AS SELECT 1 AS id")
    run()
    with psycopg.connect(uri) as connection:
        assert connection.execute("SELECT id FROM runs").fetchone() == (1,)


def test_no_statement_that_a_server_could_log_has_the_password(server: Any) -> None:
    said: list[str] = []

    class Watched(psycopg.Connection[Any]):
        def execute(self, query: Any, *rest: Any, **named: Any) -> Any:
            said.append(query if isinstance(query, str) else query.as_string(self))
            return super().execute(query, *rest, **named)

    def connect(**given: str) -> psycopg.Connection[Any]:
        account = {"user": MASTER, "password": "master-password", "dbname": "postgres", **given}
        return Watched.connect(host="127.0.0.1", port=server.port, autocommit=True, **account)

    postgres.make(connect, "mlflow", "the-password")
    assert [one for one in said if "SCRAM-SHA-256$" in one]
    assert not [one for one in said if "the-password" in one]


def test_a_server_that_does_not_prove_who_it_is_is_refused(server: Any, secrets_manager: Any) -> None:
    strict = a_plan(server).postgres.model_copy(update={"sslmode": "verify-full"})
    with pytest.raises(BootstrapError, match="SSL"):
        Bootstrap(a_plan(server, postgres=strict), secrets_manager).make_postgres("authority", "/dev/null")


def test_no_password_is_said(run: Any, secrets_manager: Any) -> None:
    said = "\n".join(run())
    for name in APPLICATIONS:
        assert stored(secrets_manager, f"{name}-database")["password"] not in said


def test_grafana_and_sign_in_get_secrets_of_their_own(server: Any, secrets_manager: Any) -> None:
    Bootstrap(a_plan(server), secrets_manager).make_passwords()
    assert len(stored(secrets_manager, "grafana")["admin-password"]) >= 32
    assert len(stored(secrets_manager, "sign-in")["cookie-secret"]) == 32


def test_what_a_person_has_put_into_a_secret_stays(server: Any, secrets_manager: Any) -> None:
    secrets_manager.put_secret_value(SecretId="keelson/sign-in", SecretString='{"client-secret": "mine"}')
    Bootstrap(a_plan(server), secrets_manager).make_passwords()
    assert stored(secrets_manager, "sign-in")["client-secret"] == "mine"


def test_a_secret_that_is_not_there_is_named(secrets_manager: Any) -> None:
    with pytest.raises(BootstrapError, match="keelson/none cannot be read"):
        Vault(secrets_manager).read("keelson/none")


def test_a_refusal_to_write_is_told_with_the_secrets_name() -> None:
    class Refusing:
        def get_secret_value(self, **_: Any) -> Any:
            return {"SecretString": "{}"}

        def put_secret_value(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "PutSecretValue")

    with pytest.raises(BootstrapError, match="keelson/mine cannot be written"):
        Vault(Refusing()).write("keelson/mine", {"a": "b"})


def test_stored_values_are_kept_and_missing_ones_made() -> None:
    assert completed({"password": "old", "host": "before"}, {"host": "now"}, {"password": new_password}) == {
        "password": "old",
        "host": "now",
    }


@pytest.fixture
def website(tmp_path: Path) -> Iterator[str]:
    """Serves the files of a folder."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_page_that_is_no_certificate_is_not_trusted(website: str, tmp_path: Path) -> None:
    (tmp_path / "authority.pem").write_text("<html>sign in to the hotel's network</html>")
    with pytest.raises(BootstrapError, match="certificate authority"):
        authority.fetch(f"{website}/authority.pem", None)


def test_the_authority_of_an_earlier_run_serves_where_none_can_be_had() -> None:
    assert authority.fetch("http://127.0.0.1:1/none.pem", "known") == "known"
