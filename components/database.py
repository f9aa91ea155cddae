"""The pipelines' own database in Postgres: what must be decided by one of several at once.

Tuning studies, promotions and running pipelines are rows here, because MLflow has neither locks nor conditional writes.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from components.platform import TableStore


def open_engine(platform: TableStore) -> Engine:
    """An engine on the pipelines' database; each connection is opened when it is asked for and closed after use."""
    return create_engine(platform.pipelines_database.get_secret_value(), poolclass=NullPool)


@contextmanager
def alone(engine: Engine, name: str, *, wait: bool = True) -> Iterator[Connection | None]:
    """Hold the lock of a name while the block runs; it goes with its connection, so also when the process dies.

    Args:
        engine: As from ``open_engine``.
        name: What is locked; any text.
        wait: Wait for another holder; else None is given where there is one.

    Yields:
        The connection that holds the lock, outside a transaction.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        function = "pg_advisory_lock" if wait else "pg_try_advisory_lock"
        # Locks have numbers: 64 bits of a hash that Postgres makes of the name.
        held = connection.execute(text(f"SELECT {function}(hashtextextended(:name, 0))"), {"name": name}).scalar()
        if held is False:
            yield None
            return
        try:
            yield connection
        finally:
            # Postgres ends a session some moments after its connection was closed. One that broke has lost the lock;
            # SQLAlchemy, where it was told of the break before, refuses with an error that is not the database's.
            with suppress(SQLAlchemyError):
                connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))"), {"name": name})


@contextmanager
def making_tables(engine: Engine, name: str) -> Iterator[Connection]:
    """A transaction in which tables are made: two processes at once would both find none and both create them.

    Args:
        engine: As from ``open_engine``.
        name: Of the lock that those who make these tables hold.
    """
    with alone(engine, name), engine.begin() as connection:
        yield connection
