"""Who is champion: one of several at once, and every attempt is kept.

MLflow's aliases take whatever comes last. Here the alias moves only from the version that the one who moves it knew,
under a lock in the pipelines' database, and a row says who tried what, why, and what came of it.
``python -m components.promotion history`` prints the rows.

A promotion is three durable steps: a row with the intent, the alias, the row's outcome. A process that dies between
them leaves a row that the next promotion settles by looking at the alias.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

from rich.console import Console
from rich.table import Table as RichTable
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Identity,
    Integer,
    MetaData,
    Table,
    Text,
    func,
    insert,
    inspect,
    select,
    update,
)

from components import contract
from components.database import alone, open_engine
from components.platform import Platform
from components.tracking import Tracking

INTENDED, PROMOTED, REFUSED, LOST = "intended", "promoted", "refused", "lost"
# Moving an alias takes MLflow some milliseconds.
GRACE_SECONDS = 2.0

_SCHEMA = MetaData()
_ROWS = Table(
    "promotions",
    _SCHEMA,
    Column("id", Integer, Identity(), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("by", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("alias", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("expected", Integer),
    Column("found", Integer),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("run", Text, nullable=False),
)


class UnknownVersionError(ValueError):
    """The version to be promoted is not in the registry."""


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """One attempt to move the champion's alias.

    Attributes:
        id: Number of the attempt.
        at: When, by the database's clock.
        by: Who decided: a person, or the pipeline run.
        model: Registered model.
        alias: The alias that was to move.
        version: To this version.
        expected: From this version, as the one who tried knew it; None for no version.
        found: The version that the alias was at; None for no version.
        outcome: ``promoted``; ``refused``, because another version was found than was expected; ``lost``, because the
            process died before it moved the alias; ``intended`` while it is at it.
        reason: Why it was tried.
        run: MLflow run that asked, or empty.
    """

    id: int
    at: datetime
    by: str
    model: str
    alias: str
    version: int
    expected: int | None
    found: int | None
    outcome: str
    reason: str
    run: str

    @property
    def promoted(self) -> bool:
        """Whether the version became the champion."""
        return self.outcome == PROMOTED

    @property
    def says(self) -> str:
        """What came of it, in words."""
        if self.promoted:
            return f"version {self.version} became {self.alias} after {_named(self.found)}"
        expected, found = _named(self.expected), _named(self.found)
        return f"version {self.version} is not {self.alias}: it was judged against {expected}, but now it is {found}"


def promote(
    platform: Platform, tracking: Tracking, *, version: int, expected: int | None, reason: str, by: str, run: str = ""
) -> Promotion:
    """Make a version the champion, if the champion is still the one that is expected.

    A version that is the champion already stays it, and that is a success. A run that asks again for the same version
    is given the first answer: a step that is repeated neither promotes twice nor takes back what came after it.

    Args:
        platform: Its pipelines' database holds the lock and the rows.
        tracking: The registry.
        version: To become champion.
        expected: The champion that the decision was made against; None where there was none.
        reason: Why, for those who read the rows.
        by: Who decides.
        run: MLflow run that asks, where one does.

    Raises:
        UnknownVersionError: There is no such version; nothing is changed or noted.
        components.tracking.TrackingError: MLflow does not answer; then nothing was changed, or the next attempt finds
            out what was.
    """
    model, alias = contract.MODEL_NAME, contract.CHAMPION
    with _alone(platform) as connection:
        if tracking.version(model, version) is None:
            raise UnknownVersionError(f"model {model} has no version {version}; its versions are listed in MLflow")
        _SCHEMA.create_all(connection)
        found = _settled(connection, tracking)
        if run and (earlier := _answer(connection, run, version)):
            return earlier
        attempt = {"by": by, "model": model, "alias": alias, "version": version, "expected": expected, "found": found}
        attempt |= {"reason": reason, "run": run}
        if found == version:
            return _insert(connection, attempt | {"outcome": PROMOTED})
        if found != expected:
            return _insert(connection, attempt | {"outcome": REFUSED})
        # By the connection that holds the lock: where it is gone, so is the lock, and the alias is not touched.
        intended = _insert(connection, attempt | {"outcome": INTENDED})
        tracking.set_alias(model, alias, version)
        return _close(connection, intended.id, PROMOTED)


def history(platform: Platform) -> list[Promotion]:
    """Every attempt, the newest first."""
    with open_engine(platform).connect() as connection:
        if not inspect(connection).has_table(_ROWS.name):
            return []
        rows = connection.execute(select(_ROWS).where(_of_model()).order_by(_ROWS.c.id.desc()))
        return [Promotion(**row) for row in rows.mappings()]


@contextmanager
def _alone(platform: Platform) -> Iterator[Connection]:
    with alone(open_engine(platform), f"promotion of {contract.MODEL_NAME}") as connection:
        # None is for those who do not wait.
        yield cast(Connection, connection)


def _settled(connection: Connection, tracking: Tracking) -> int | None:
    """The champion's version, once what a dead process left is settled: the alias tells how far it came.

    MLflow may still be at what the dead one asked for last, so its row is given time before the alias is read.
    """
    age = func.extract("epoch", func.clock_timestamp() - _ROWS.c.at)
    left = connection.execute(
        select(_ROWS.c.id, _ROWS.c.version, age).where(_of_model(), _ROWS.c.outcome == INTENDED)
    ).all()
    if left:
        time.sleep(max(0.0, GRACE_SECONDS - float(min(seconds for *_, seconds in left))))
    current = tracking.version_by_alias(contract.MODEL_NAME, contract.CHAMPION)
    found = current.version if current else None
    for number, version, _ in left:
        _close(connection, number, PROMOTED if version == found else LOST)
    return found


def _answer(connection: Connection, run: str, version: int) -> Promotion | None:
    """What this run was told about this version, if it asked before."""
    settled = _ROWS.c.outcome.in_([PROMOTED, REFUSED])
    asked = select(_ROWS).where(_of_model(), _ROWS.c.run == run, _ROWS.c.version == version, settled)
    row = connection.execute(asked.order_by(_ROWS.c.id).limit(1)).mappings().first()
    return Promotion(**row) if row else None


def _of_model() -> ColumnElement[bool]:
    return _ROWS.c.model == contract.MODEL_NAME


def _insert(connection: Connection, values: dict[str, Any]) -> Promotion:
    return Promotion(**connection.execute(insert(_ROWS).values(values).returning(_ROWS)).mappings().one())


def _close(connection: Connection, number: int, outcome: str) -> Promotion:
    changed = update(_ROWS).where(_ROWS.c.id == number).values(outcome=outcome).returning(_ROWS)
    return Promotion(**connection.execute(changed).mappings().one())


def _named(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"


def main(arguments: list[str]) -> None:
    """Print the history as a table, or as JSON."""
    parser = argparse.ArgumentParser(prog="python -m components.promotion", description=__doc__)
    parser.add_argument("what", choices=["history"])
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(arguments)
    attempts = history(Platform())  # pyright: ignore[reportCallIssue]
    if given.json:
        print(json.dumps([asdict(attempt) for attempt in attempts], default=str, indent=2))
        return
    table = RichTable("When", "By", "Version", "Expected", "Found", "Outcome", "Reason")
    for one in attempts:
        versions = str(one.version), _named(one.expected), _named(one.found)
        table.add_row(f"{one.at:%Y-%m-%d %H:%M:%S}", one.by, *versions, one.outcome, one.reason)
    Console().print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
