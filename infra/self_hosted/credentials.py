"""Every password and key of the stack, made once, and kept as a secret in Pulumi's state or in a file of the user's."""

import datetime
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from infra.apps.bootstrap import postgres
from infra.apps.bootstrap.databases import POSTGRES_APPLICATIONS, POSTGRES_GUESTS
from infra.apps.bootstrap.vault import new_password
from infra.apps.contract import STORAGE_KEYS, STORAGE_SECRET
from infra.cluster.certificates import Authority
from infra.local.provider import READY, LocalProvider
from infra.self_hosted.names import MASTER_USER, POSTGRES_HOST, POSTGRES_PORT

MASTER, SERVER, STORAGE, GRAFANA = "postgres-master", "postgres-server", STORAGE_SECRET, "grafana"
# One for each user of a database.
DATABASES = (*POSTGRES_APPLICATIONS, *POSTGRES_GUESTS)
ACCESS_KEY_ID = "keelson"
# Nothing renews the certificate of Postgres but new credentials.
_VALID = datetime.timedelta(days=3650)

Secrets = Mapping[str, Mapping[str, str]]


def make() -> dict[str, dict[str, str]]:
    """New values for every secret, ``{"mlflow-database": {"uri": ...}}``: the keys that the database bootstrap would
    complete in Secrets Manager, and those of Postgres itself, of the S3 server and of Grafana."""
    authority = Authority("keelson-postgres", _VALID)
    server = authority.server("postgres", [POSTGRES_HOST, "localhost"])
    users = {short: (name, name) for short, name in POSTGRES_APPLICATIONS.items()} | dict(POSTGRES_GUESTS)
    return {
        MASTER: {"username": MASTER_USER, "password": new_password()},
        SERVER: {"tls.crt": server.certificate, "tls.key": server.key},
        STORAGE: dict(zip(STORAGE_KEYS, (ACCESS_KEY_ID, new_password()), strict=True)),
        GRAFANA: {"admin-user": "keelson", "admin-password": new_password()},
        **{short: _database(name, database, authority.certificate) for short, (name, database) in users.items()},
    }


def _database(user: str, database: str, trusted: str) -> dict[str, str]:
    values = {
        "username": user,
        "password": new_password(),
        "host": POSTGRES_HOST,
        "port": str(POSTGRES_PORT),
        "database": database,
        "ca": trusted,
    }
    return {**values, "uri": postgres.uri(values)}


class CredentialsProvider(LocalProvider):
    """Makes the credentials once and keeps them for the life of the stack."""

    def identify(self, props: Mapping[str, Any]) -> str:
        return "credentials"

    def ensure(self, props: dict[str, Any], previous: Mapping[str, Any] | None) -> dict[str, Any]:
        return {"values": previous["values"] if previous else make()}

    def observe(self, props: Mapping[str, Any]) -> str:
        return READY


class Credentials(Resource, module="self_hosted", name="Credentials"):
    """The stack's credentials, secret in state; `pulumi up --replace` with its URN makes new ones."""

    values: pulumi.Output[Secrets]

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None) -> None:
        secret = pulumi.ResourceOptions(additional_secret_outputs=["values"])
        super().__init__(
            CredentialsProvider(), name, {"values": None, "status": None}, pulumi.ResourceOptions.merge(opts, secret)
        )
