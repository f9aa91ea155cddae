"""Databases and users of Postgres: one user who owns a database, and guests who may only sign in to it."""

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
        _user(master, name, password if set_password else None)
        # The master user of RDS is no superuser: it may hand a database to a role only while it belongs to it.
        master.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(user))
        if not master.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            master.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(user, user))
        master.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(user))
        master.execute(sql.SQL("REVOKE {} FROM CURRENT_USER").format(user))
        # Applications have no business in the maintenance database.
        master.execute("REVOKE ALL ON DATABASE postgres FROM PUBLIC")
    return set_password


def admit(connect: Callable[..., "psycopg.Connection[Any]"], database: str, name: str, password: str) -> bool:
    """Make sure that a user may sign in to another one's database, and has no rights on what is in it. Locks need none.

    Args:
        connect: As for ``make``.

    Returns:
        Whether the password had to be set.
    """
    set_password = not _opens(connect, name, password, database)
    with connect() as master:
        _user(master, name, password if set_password else None)
        owner, user = sql.Identifier(database), sql.Identifier(name)
        master.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(owner))
        master.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(owner, user))
        master.execute(sql.SQL("REVOKE {} FROM CURRENT_USER").format(owner))
    return set_password


def _user(master: "psycopg.Connection[Any]", name: str, password: str | None) -> None:
    """Make sure that a user is there; its password is set where one is given."""
    user = sql.Identifier(name)
    if not master.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone():
        master.execute(sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION").format(user))
    if password is not None:
        # Only a verifier goes over the wire, so that no log of statements can have the password.
        verifier = master.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        master.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(user, sql.Literal(verifier)))


def _opens(
    connect: Callable[..., "psycopg.Connection[Any]"], name: str, password: str, database: str | None = None
) -> bool:
    try:
        connect(user=name, password=password, dbname=database or name).close()
    except psycopg.OperationalError:
        return False
    return True
