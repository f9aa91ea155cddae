"""Databases and users of Postgres, one user a database."""

from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from psycopg import sql


def uri(values: Mapping[str, str]) -> str:
    """SQLAlchemy's address of the database."""
    return "postgresql+psycopg://{username}:{password}@{host}:{port}/{database}".format(**values)


def make(connect: Callable[..., "psycopg.Connection[Any]"], name: str, password: str) -> bool:
    """Make sure that database ``name`` is there, owned by a user of that name with this password, and by nobody else.

    Args:
        connect: Opens a connection; without arguments as the master user, else with ``user``, ``password``, ``dbname``.

    Returns:
        Whether the password had to be set.
    """
    user, set_password = sql.Identifier(name), not _opens(connect, name, password)
    with connect() as master:
        there = master.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
        if not there:
            master.execute(
                sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION").format(user)
            )
        if set_password:
            # Only a verifier goes over the wire, so that no log of statements can have the password.
            verifier = master.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
            master.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(user, sql.Literal(verifier)))
        # The master user of RDS is no superuser: it may hand a database to a role only while it belongs to it.
        master.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(user))
        if not master.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            master.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(user, user))
        master.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(user))
        master.execute(sql.SQL("REVOKE {} FROM CURRENT_USER").format(user))
        # Applications have no business in the maintenance database.
        master.execute("REVOKE ALL ON DATABASE postgres FROM PUBLIC")
    return set_password


def _opens(connect: Callable[..., "psycopg.Connection[Any]"], name: str, password: str) -> bool:
    try:
        connect(user=name, password=password, dbname=name).close()
    except psycopg.OperationalError:
        return False
    return True
