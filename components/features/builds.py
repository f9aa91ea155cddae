"""Which trips a pair of feature tables was built from, kept in the pipelines' database.

Feature tables are named by their content, so they cannot say it themselves: other trips may give the same features.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sqlalchemy import BigInteger, Column, DateTime, MetaData, Table, func, select
from sqlalchemy.dialects.postgresql import insert

from components.database import making_tables, open_engine
from components.platform import Platform
from components.tables import PAIR_FEATURES_TABLE, ZONE_FEATURES_TABLE

_SCHEMA = MetaData()
_BUILDS = Table(
    "feature_builds",
    _SCHEMA,
    Column("zone_features_version", BigInteger, primary_key=True),
    Column("pair_features_version", BigInteger, primary_key=True),
    Column("data_version", BigInteger, nullable=False),
    Column("last_ended", DateTime(timezone=True), nullable=False),
    Column("recorded", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


@dataclass(frozen=True, kw_only=True)
class Build:
    """What one call of the build_features step made.

    Attributes:
        zone_features_version: Version of the table of zone features.
        pair_features_version: Version of the table of pair features.
        data_version: Version of the trips.
        last_ended: When the last of these trips ended (UTC, see ``aggregates.event_time``).
    """

    zone_features_version: int
    pair_features_version: int
    data_version: int
    last_ended: datetime


def record(platform: Platform, build: Build) -> None:
    """Keep a build; of several that gave the same tables the newest is kept."""
    _create_table(platform)
    new = insert(_BUILDS).values(asdict(build))
    changed = {"data_version": build.data_version, "last_ended": build.last_ended, "recorded": func.now()}
    with open_engine(platform).begin() as connection:
        connection.execute(new.on_conflict_do_update(index_elements=_BUILDS.primary_key.columns, set_=changed))


def find(platform: Platform, versions: Mapping[str, int]) -> Build | None:
    """The build that gave these versions of ZONE_FEATURES_TABLE and PAIR_FEATURES_TABLE, or None."""
    _create_table(platform)
    wanted = select(_BUILDS).where(
        _BUILDS.c.zone_features_version == versions[ZONE_FEATURES_TABLE],
        _BUILDS.c.pair_features_version == versions[PAIR_FEATURES_TABLE],
    )
    with open_engine(platform).connect() as connection:
        row = connection.execute(wanted).first()
    if row is None:
        return None
    return Build(
        zone_features_version=row.zone_features_version,
        pair_features_version=row.pair_features_version,
        data_version=row.data_version,
        # The server gives it in a time zone of its own.
        last_ended=row.last_ended.astimezone(UTC),
    )


def _create_table(platform: Platform) -> None:
    with making_tables(open_engine(platform), _BUILDS.name) as connection:
        _SCHEMA.create_all(connection)
