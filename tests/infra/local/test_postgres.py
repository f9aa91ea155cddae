"""The real Postgres: made once, adopted later, and each application confined to its own database."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local import postgres
from infra.local.layout import Layout
from infra.local.postgres import DatabaseProvider, DataFolderProvider
from infra.local.provider import READY
from infra.local.service import ServiceProvider, described
from infra.local.supervisor import Supervisor

ROOT = Path(__file__).parents[3]


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    (tmp_path / "infra").symlink_to(ROOT / "infra")
    made = Layout(tmp_path)
    Supervisor(made).ensure_running()
    yield made
    Supervisor(made).shut_down()


@pytest.fixture
def port(free_port: Callable[[], int]) -> int:
    return free_port()


def start(layout: Layout, port: int, password: str) -> None:
    folder = {"root": str(layout.root), "folder": str(layout.data / "postgres"), "password": password}
    DataFolderProvider().create(folder)
    program = described(
        "postgres",
        command=postgres.server_command(layout.data / "postgres", port),
        health_check=postgres.health_check(port),
        directory=layout.data / "postgres",
        stop_signal="INT",
    )
    ServiceProvider().create({"root": str(layout.root), "program": program})


def database(name: str, port: int, password: str, superuser_password: str) -> dict[str, Any]:
    return {"database": name, "port": port, "password": password, "superuser_password": superuser_password}


def connect(port: int, user: str, password: str, name: str) -> "psycopg.Connection[Any]":
    return psycopg.connect(host="127.0.0.1", port=port, user=user, password=password, dbname=name, connect_timeout=60)


def test_a_database_and_its_data_survive_an_interrupted_run_and_new_passwords(layout: Layout, port: int) -> None:
    start(layout, port, "first")
    DatabaseProvider().create(database("mlflow", port, "one", "first"))
    DatabaseProvider().create(database("mlflow", port, "one", "first"))
    with connect(port, "mlflow", "one", "mlflow") as connection:
        connection.execute("CREATE TABLE runs AS SELECT 42 AS answer")
    # Pulumi's state is lost, the data is not: new passwords are made, the old folder is adopted.
    start(layout, port, "second")
    DatabaseProvider().create(database("mlflow", port, "two", "second"))
    with connect(port, "mlflow", "two", "mlflow") as connection:
        assert connection.execute("SELECT answer FROM runs").fetchone() == (42,)
    for user, old, name in (("postgres", "first", "postgres"), ("mlflow", "one", "mlflow")):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(port, user, old, name)


def test_an_application_user_reaches_its_own_database_and_nothing_else(layout: Layout, port: int) -> None:
    start(layout, port, "super")
    for name in ("mlflow", "feast"):
        DatabaseProvider().create(database(name, port, f"{name}-password", "super"))
        assert DatabaseProvider().observe(database(name, port, f"{name}-password", "super")) == READY
    for other in ("feast", "postgres"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            connect(port, "mlflow", "mlflow-password", other)
    with connect(port, "mlflow", "mlflow-password", "mlflow") as connection:
        for forbidden in ("CREATE ROLE intruder", "COPY (SELECT 1) TO '/tmp/keelson-leak'", "SELECT * FROM pg_authid"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden)
            connection.rollback()


def test_refresh_sees_a_database_that_went_away(layout: Layout, port: int) -> None:
    start(layout, port, "super")
    assert DatabaseProvider().observe(database("mlflow", port, "x", "super")) == "unreachable"


def test_data_of_another_postgres_version_is_refused_and_kept(layout: Layout) -> None:
    folder = layout.data / "postgres"
    folder.mkdir(parents=True)
    (folder / "PG_VERSION").write_text("9\n")
    with pytest.raises(postgres.PostgresError, match="written by Postgres 9"):
        DataFolderProvider().create({"root": str(layout.root), "folder": str(folder), "password": "x"})
    assert (folder / "PG_VERSION").read_text() == "9\n"


def test_an_interrupted_initialisation_leaves_nothing_that_is_taken_for_data(layout: Layout, port: int) -> None:
    abandoned = layout.data / ".postgres-killed"
    abandoned.mkdir(parents=True)
    (abandoned / "PG_VERSION").write_text("16\n")
    start(layout, port, "super")
    assert not abandoned.exists()
    assert sorted(path.name for path in layout.data.iterdir()) == ["postgres"]


def test_an_initialisation_that_goes_on_without_its_pulumi_is_ended_before_the_next(layout: Layout, port: int) -> None:
    abandoned = layout.data / ".postgres-killed"
    abandoned.mkdir(parents=True)
    go_on = "import itertools, pathlib\nfor n in itertools.count(): pathlib.Path(f'{n}').mkdir(); print(flush=True)"
    orphan = subprocess.Popen([sys.executable, "-c", go_on], cwd=abandoned, stdout=subprocess.PIPE)
    with orphan:
        assert orphan.stdout is not None
        orphan.stdout.readline()
        try:
            start(layout, port, "super")
        finally:
            orphan.kill()
    assert not abandoned.exists()
