"""MLflow as the cluster starts it, run for real on this machine against a real Postgres."""

import os
import secrets
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from infra.apps.mlflow import allowed_hosts

MakeAll = Callable[..., Any]


def started(pod: dict[str, Any], database: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    """The pod's command and variables, with what a cluster would fill in, and Python as it is here."""
    container = pod["containers"][0]
    variables = {one["name"]: one.get("value", database) for one in container["env"]}
    # The server of the tests is built without TLS.
    tls = {"PGSSLMODE": "disable", "PGSSLROOTCERT": ""}
    own = {"prometheus_multiproc_dir": str(folder), "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(folder / "artifacts")}
    kept = {name: value for name, value in own.items() if name in variables}
    environment = {**variables, **tls, **kept, "PATH": os.environ["PATH"], "HOME": str(folder)}
    return [sys.executable, *container["command"][1:], *container.get("args", [])], environment


@pytest.fixture(scope="session")
def database(postgres: Any) -> str:
    """Address of an empty database."""
    name, password = f"t{uuid.uuid4().hex[:12]}", secrets.token_urlsafe(16)
    with postgres.connect() as connection:
        user = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(user, sql.Literal(password)))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(user, user))
    return f"postgresql+psycopg://{name}:{password}@127.0.0.1:{postgres.port}/{name}"


@pytest.fixture(scope="session")
def schema(make_all: MakeAll, database: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], None]:
    """The Job that makes the tables."""
    pod = make_all().one("Job", "mlflow-schema")["spec"]["template"]["spec"]
    command, environment = started(pod, database, tmp_path_factory.mktemp("schema"))

    def run() -> None:
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=600)

    return run


@pytest.fixture(scope="session")
def server(
    make_all: MakeAll,
    schema: Callable[[], None],
    database: str,
    tmp_path_factory: pytest.TempPathFactory,
    free_port: Callable[[], int],
) -> Iterator[str]:
    """The running server's address; its tables are made before."""
    schema()
    pod = make_all().one("Deployment", "mlflow")["spec"]["template"]["spec"]
    command, environment = started(pod, database, tmp_path_factory.mktemp("server"))
    port = free_port()
    command[command.index("0.0.0.0")] = "127.0.0.1"
    command[command.index("5000")] = str(port)
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{address}/health")
                break
            except httpx.HTTPError:
                assert process.poll() is None, "the server ended at its start"
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


def test_the_tables_are_made_once_and_a_second_run_finds_them(schema: Callable[[], None], database: str) -> None:
    schema()
    schema()
    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)


@pytest.mark.parametrize(
    "host",
    ["mlflow.mlflow.svc.cluster.local:5000", "mlflow.mlflow:5000", "mlflow.mlflow", "10.10.3.40:5000", "localhost"],
)
def test_the_server_answers_to_its_names_in_the_cluster(server: str, host: str) -> None:
    answer = httpx.get(f"{server}/api/2.0/mlflow/experiments/search?max_results=1", headers={"Host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example.com",
        "mlflow.attacker.example.com:5000",
        "10.10.attacker.example.com:5000",
        "10.10.1.2.example.com:5000",
        "10.20.30.40:5000",
        "11.1.1.1:5000",
    ],
)
def test_the_server_answers_to_no_other_name(server: str, host: str) -> None:
    answer = httpx.get(f"{server}/api/2.0/mlflow/experiments/search?max_results=1", headers={"Host": host})
    assert answer.status_code == 403


def test_prometheus_may_scrape_a_pod_by_its_address(server: str) -> None:
    answer = httpx.get(f"{server}/metrics", headers={"Host": "10.10.230.4:5000"})
    assert answer.status_code == 200
    assert "mlflow_exporter_info" in answer.text


def test_the_probes_ask_for_what_the_server_has(server: str, make_all: MakeAll) -> None:
    container = make_all().one("Deployment", "mlflow")["spec"]["template"]["spec"]["containers"][0]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        path = container[probe]["httpGet"]["path"]
        assert httpx.get(f"{server}{path}", headers={"Host": "10.10.230.4:5000"}).status_code == 200


def test_the_public_name_is_answered_to_only_where_there_is_one() -> None:
    assert "mlflow.ml.example.com" in allowed_hosts("ml.example.com", "10.10.0.0/16").split(",")
    assert "example" not in allowed_hosts(None, "10.10.0.0/16")


BLOCKS = ["10.10.0.0/16", "172.31.64.0/18", "192.168.128.0/17", "10.42.7.0/24", "10.4.0.0/14", "10.240.0.0/12"]


@given(block=st.sampled_from(BLOCKS), share=st.floats(0, 1, exclude_max=True))
def test_a_pod_is_called_by_its_address_whatever_block_pods_have(block: str, share: float) -> None:
    patterns, network = allowed_hosts(None, block).split(","), IPv4Network(block)
    pod = network[int(share * network.num_addresses)]
    assert any(fnmatchcase(f"{pod}:5000", pattern) for pattern in patterns)


def test_an_address_beyond_the_block_is_not_answered_to() -> None:
    patterns = allowed_hosts(None, "10.4.0.0/14").split(",")
    assert [second for second in range(256) if any(fnmatchcase(f"10.{second}.0.1:5000", one) for one in patterns)] == [
        *range(4, 8)
    ]


def test_no_password_is_among_the_arguments_of_a_process(make_all: MakeAll) -> None:
    for kind, name in (("Deployment", "mlflow"), ("Job", "mlflow-schema")):
        container = make_all().one(kind, name)["spec"]["template"]["spec"]["containers"][0]
        assert "$(" not in " ".join([*container["command"], *container.get("args", [])])
        (uri,) = [one for one in container["env"] if one.get("valueFrom")]
        assert uri["valueFrom"]["secretKeyRef"] == {"name": "mlflow-database", "key": "uri"}


def test_the_server_runs_no_jobs(make_all: MakeAll) -> None:
    container = make_all().one("Deployment", "mlflow")["spec"]["template"]["spec"]["containers"][0]
    variables = {one["name"]: one.get("value") for one in container["env"]}
    assert variables["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
