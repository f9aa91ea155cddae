"""Databases and the user of MySQL."""

from collections.abc import Callable, Sequence
from typing import Any

USER = "kubeflow"
DATABASES = ("mlpipeline", "cachedb", "metadb")
# What Kubeflow Pipelines and its metadata store do in their databases: they make and change their own tables.
RIGHTS = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES"


def statements(user: str, databases: Sequence[str]) -> list[str]:
    """What makes a MySQL user who owns these databases and nothing else; ``%s`` stands for the password.

    The user signs in by `mysql_native_password`: the metadata store of Kubeflow Pipelines knows nothing newer.
    """
    method = f"'{user}'@'%%' IDENTIFIED WITH mysql_native_password BY %s"
    return [
        f"CREATE USER IF NOT EXISTS {method}",
        f"ALTER USER {method}",
        *(f"CREATE DATABASE IF NOT EXISTS `{database}`" for database in databases),
        *(f"GRANT {RIGHTS} ON `{database}`.* TO '{user}'@'%%'" for database in databases),
    ]


def make(connect: Callable[..., Any], user: str, databases: Sequence[str], password: str) -> None:
    """Make sure that the databases are there, for this user with this password.

    Args:
        connect: Opens a connection as the master user.
    """
    with connect() as master, master.cursor() as cursor:
        for statement in statements(user, databases):
            cursor.execute(statement, [password] * statement.count("%s") if "%s" in statement else ())
