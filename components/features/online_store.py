"""Feast's Postgres online store with bulk writes and with connections that survive a restart of the database.

Feast's own store sends one INSERT for each feature of each row and keeps a broken connection for ever. The tables and
their content are the same, so Feast's own store can read what this one wrote and the other way round.
"""

import components.features.unchecked  # noqa: F401

# isort: split
import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Literal

from feast import FeatureView
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.helpers import extract_text_and_num
from feast.infra.online_stores.postgres_online_store.postgres import PostgreSQLOnlineStore, PostgreSQLOnlineStoreConfig
from feast.infra.utils.postgres.connection_utils import (
    _get_conn_kwargs,  # pyright: ignore[reportPrivateUsage]
    _get_conninfo,  # pyright: ignore[reportPrivateUsage]
)
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import RepoConfig
from feast.utils import make_tzaware
from psycopg import Connection, sql
from psycopg_pool import ConnectionPool

from components.features import online_rows

_TYPES = ("bytea", "text", "bytea", "text", "timestamptz", "timestamptz")


class CopyPostgreSQLOnlineStoreConfig(PostgreSQLOnlineStoreConfig):
    """The settings of Feast's Postgres online store."""

    type: Literal["components.features.online_store.CopyPostgreSQLOnlineStore"] = (  # pyright: ignore[reportIncompatibleVariableOverride]
        "components.features.online_store.CopyPostgreSQLOnlineStore"
    )


class CopyPostgreSQLOnlineStore(PostgreSQLOnlineStore):
    """Writes by COPY; reads as Feast's Postgres store does."""

    @contextlib.contextmanager
    def _get_conn(self, config: RepoConfig, autocommit: bool = False) -> Iterator[Connection[Any]]:
        """A connection that was checked to live; it returns to the pool whatever happens in the block."""
        if self._conn_pool is None:
            settings = config.online_store
            assert isinstance(settings, CopyPostgreSQLOnlineStoreConfig)
            self._conn_pool = ConnectionPool(
                conninfo=_get_conninfo(settings),
                min_size=settings.min_conn,
                max_size=settings.max_conn,
                kwargs=_get_conn_kwargs(settings),
                check=ConnectionPool.check_connection,
                open=True,
            )
        with self._conn_pool.connection() as connection:
            connection.set_autocommit(autocommit)
            yield connection

    async def close(self) -> None:
        """Close all connections; Feast's provider and its feature server call this at their end."""
        if self._conn_pool is not None:
            self._conn_pool.close()

    def online_write_batch(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: list[tuple[EntityKey, dict[str, Value], datetime, datetime | None]],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Insert or replace the features of some entities in one transaction.

        Args:
            data: For each entity its key, its features, when they became true and when they were made. Of equal keys
                the last one counts.
            progress: Told how many entities were written.
        """
        target = online_rows.table(table.name)
        rows: dict[tuple[bytes, str], tuple[Any, ...]] = {}
        for entity, features, event_time, created in data:
            key = serialize_entity_key(entity, config.entity_key_serialization_version)
            times = (make_tzaware(event_time), make_tzaware(created) if created else None)
            for name, value in features.items():
                text, _ = extract_text_and_num(value, compute_num=False)
                rows[key, name] = (key, name, value.SerializeToString(), text, *times)
        columns = sql.SQL(", ").join(map(sql.Identifier, online_rows.COLUMNS))
        with self._get_conn(config) as connection, connection.cursor() as cursor:
            cursor.execute(sql.SQL("CREATE TEMP TABLE incoming (LIKE {}) ON COMMIT DROP").format(target))
            with cursor.copy(sql.SQL("COPY incoming ({}) FROM STDIN (FORMAT BINARY)").format(columns)) as copy:
                copy.set_types(_TYPES)
                for row in rows.values():
                    copy.write_row(row)
            cursor.execute(online_rows.upsert(target))
        if progress:
            progress(len(data))
