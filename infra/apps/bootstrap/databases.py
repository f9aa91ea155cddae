"""Makes each application's database and user, and puts its password where only the application reads it.

Runs in the cluster, as the Job `database-bootstrap`: `python -m bootstrap.databases PLAN`. This folder needs nothing of
the project. A second run changes nothing: a password that works is kept, one that does not is set anew, so a run that
was ended half way, or a database restored from an older snapshot, is repaired by the next one.
"""

import secrets
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pymysql
import tenacity
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict

from . import authority, buckets, mysql, postgres
from .vault import BootstrapError, Folder, Values, Vault, completed, new_password

POSTGRES_APPLICATIONS: Mapping[str, str] = {
    "mlflow-database": "mlflow",
    "feast-database": "feast",
    "pipelines-database": "pipelines",
}
# Users who may sign in to an application's database, for its locks alone: its name, and the database's.
POSTGRES_GUESTS: Mapping[str, tuple[str, str]] = {"log-lock-database": ("log_lock", "pipelines")}
MYSQL_SECRET = "kubeflow-database"  # noqa: S105 (a name)
_CONNECT_SECONDS = 5


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Postgres(_Frozen):
    """The server, the secret of its master user, and how strictly the server must prove who it is (libpq's words)."""

    host: str
    port: int
    master_secret: str
    sslmode: str


class Mysql(_Frozen):
    """The server; its master user is in a secret, or, inside the cluster, in a folder with ``username`` and
    ``password`` as files. TLS goes with the secret."""

    host: str
    port: int
    master_secret: str | None = None
    master_folder: Path | None = None


class Storage(_Frozen):
    """The S3 server, the secret with its keys, and the buckets that must be there."""

    endpoint: str
    secret: str
    buckets: Sequence[str]


class Plan(_Frozen):
    """What to do.

    Attributes:
        authority: Address of the certificate authority of the servers, in PEM; without one it is in the secrets.
        mysql: ``None`` where no application needs it.
        storage: ``None`` where buckets are made by others.
        secrets: Names by short name: in Secrets Manager, or of folders in ``secrets_folder``.
        secrets_folder: Where secrets are files, which are complete before the bootstrap runs.
        patience_seconds: How long servers may take to answer that are started at the same time.
    """

    region: str
    authority: str | None = None
    postgres: Postgres
    mysql: Mysql | None = None
    storage: Storage | None = None
    secrets: Mapping[str, str]
    secrets_folder: Path | None = None
    patience_seconds: int = 0


class Bootstrap:
    """One run of a plan."""

    def __init__(self, plan: Plan, client: Any = None, say: Callable[[str], None] = print) -> None:
        """``client``: of Secrets Manager, where the plan has no folder of secrets."""
        self._plan, self._say = plan, say
        self._vault = Vault(client) if plan.secrets_folder is None else Folder(plan.secrets_folder)

    def run(self) -> None:
        """Do all of the plan, telling of each step.

        Raises:
            BootstrapError: A secret is missing or refused, a server refuses something, or the certificate authority
                cannot be had.
        """
        first = next(iter(POSTGRES_APPLICATIONS))
        trusted = authority.fetch(self._plan.authority, self._vault.read(self._secret(first)).get("ca"))
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(trusted)
            file.flush()
            self.make_postgres(trusted, file.name)
            if self._plan.mysql is not None:
                self.make_mysql(self._plan.mysql, file.name)
        if self._plan.storage is not None:
            self.make_buckets(self._plan.storage)
        if self._plan.secrets_folder is None:
            self.make_passwords()

    def make_postgres(self, trusted: str, file: str) -> None:
        """Databases of Postgres; ``trusted`` is the text of the certificate authority in ``file``."""
        connect = self._postgres_connections(file)
        try:
            self._patiently(psycopg.OperationalError)(connect).close()
        except psycopg.Error as error:
            raise BootstrapError(f"Postgres at {self._plan.postgres.host}: {error}") from error
        for short, name in POSTGRES_APPLICATIONS.items():
            password = self._postgres_password(short, name, name, trusted)
            try:
                was_set = postgres.make(connect, name, password)
            except psycopg.Error as error:
                raise BootstrapError(f"Postgres at {self._plan.postgres.host}: {error}") from error
            self._say(f"Postgres database {name} is ready, its password was {'set' if was_set else 'kept'}")
        for short, (name, database) in POSTGRES_GUESTS.items():
            password = self._postgres_password(short, name, database, trusted)
            try:
                was_set = postgres.admit(connect, database, name, password)
            except psycopg.Error as error:
                raise BootstrapError(f"Postgres at {self._plan.postgres.host}: {error}") from error
            self._say(f"{name} may sign in to {database}, its password was {'set' if was_set else 'kept'}")

    def make_mysql(self, server: Mysql, file: str) -> None:
        """Databases of MySQL; the certificate authority is in ``file``."""
        place = {"username": mysql.USER, "host": server.host, "port": str(server.port)}
        values = self._complete(MYSQL_SECRET, place, {"password": new_password})
        try:
            mysql.make(self._mysql_connections(server, file), mysql.USER, mysql.DATABASES, values["password"])
        except pymysql.MySQLError as error:
            raise BootstrapError(f"MySQL at {server.host}: {error}") from error
        self._say(f"MySQL databases {', '.join(mysql.DATABASES)} are ready")

    def make_buckets(self, storage: Storage) -> None:
        """Buckets of the S3 server."""
        keys = self._vault.read(storage.secret)
        client = boto3.client(
            "s3",
            endpoint_url=storage.endpoint,
            region_name=self._plan.region,
            aws_access_key_id=keys["access-key-id"],
            aws_secret_access_key=keys["secret-access-key"],
        )
        try:
            self._patiently(BotoCoreError)(buckets.make, client, storage.buckets)
        except ClientError as error:
            raise BootstrapError(f"the S3 server at {storage.endpoint}: {error}") from error
        self._say(f"buckets {', '.join(storage.buckets)} are ready")

    def make_passwords(self) -> None:
        """Secrets that no database knows of."""
        self._complete("grafana", {"admin-user": "keelson"}, {"admin-password": new_password})
        # oauth2-proxy takes 16, 24 or 32 characters.
        self._complete("sign-in", {}, {"cookie-secret": lambda: secrets.token_hex(16)})

    def _patiently(self, *failures: type[Exception]) -> tenacity.Retrying:
        """Repeats what a server refuses that is still starting."""
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(failures),
            wait=tenacity.wait_fixed(2),
            stop=tenacity.stop_after_delay(self._plan.patience_seconds),
            reraise=True,
        )

    def _secret(self, short: str) -> str:
        try:
            return self._plan.secrets[short]
        except KeyError:
            raise BootstrapError(f"the plan names no secret for {short}; it has {sorted(self._plan.secrets)}") from None

    def _complete(self, short: str, fixed: Values, generated: Mapping[str, Callable[[], str]]) -> Values:
        """The secret's values, with what was missing made and stored."""
        name = self._secret(short)
        values = completed(self._vault.read(name), fixed, generated)
        self._vault.write(name, values)
        self._say(f"secret {name} is complete")
        return values

    def _postgres_password(self, short: str, name: str, database: str, trusted: str) -> str:
        """The password, stored before it is set: a run that is ended in between is repaired by the next one."""
        server = self._plan.postgres
        place = {"username": name, "database": database, "host": server.host, "port": str(server.port), "ca": trusted}
        values = self._complete(short, place, {"password": new_password})
        return self._complete(short, {"uri": postgres.uri(values)}, {})["password"]

    def _postgres_connections(self, authority_file: str) -> Callable[..., "psycopg.Connection[Any]"]:
        server, master = self._plan.postgres, self._vault.read(self._plan.postgres.master_secret)

        def connect(**given: str) -> "psycopg.Connection[Any]":
            account = {"user": master["username"], "password": master["password"], "dbname": "postgres", **given}
            return psycopg.connect(
                host=server.host,
                port=server.port,
                autocommit=True,
                connect_timeout=_CONNECT_SECONDS,
                sslmode=server.sslmode,
                sslrootcert=authority_file,
                **account,  # pyright: ignore[reportArgumentType]
            )

        return connect

    def _mysql_connections(self, server: Mysql, authority_file: str) -> Callable[..., Any]:
        account = self._mysql_master(server)
        # Inside the cluster the server has no certificate that anybody could check; network policies keep others away.
        encrypted = {"ssl_ca": authority_file, "ssl_verify_identity": True} if server.master_secret else {}
        # A server inside the cluster may still be starting.
        retried = tenacity.retry(
            retry=tenacity.retry_if_exception_type(pymysql.err.OperationalError),
            wait=tenacity.wait_fixed(5),
            stop=tenacity.stop_after_delay(180),
            reraise=True,
        )
        return retried(
            lambda: pymysql.connect(
                host=server.host,
                port=server.port,
                user=account["username"],
                password=account["password"],
                connect_timeout=_CONNECT_SECONDS,
                autocommit=True,
                **encrypted,
            )
        )

    def _mysql_master(self, server: Mysql) -> Values:
        if server.master_secret is not None:
            return self._vault.read(server.master_secret)
        if server.master_folder is None:
            raise BootstrapError("the plan has neither `master_secret` nor `master_folder` for MySQL; give one of them")
        return {key: (server.master_folder / key).read_text().strip() for key in ("username", "password")}


def main(arguments: Sequence[str]) -> None:
    """Run the plan in the file that is the one argument."""
    plan = Plan.model_validate_json(Path(arguments[0]).read_text())
    try:
        client = boto3.client("secretsmanager", region_name=plan.region) if plan.secrets_folder is None else None
        Bootstrap(plan, client).run()
    except (BootstrapError, BotoCoreError) as error:
        sys.exit(f"the bootstrap of databases ended: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
