"""``python -m monitoring.forget KEY``: remove what the log holds of a request, or of one trip; its bytes are gone then.

First the lines of the journals are overwritten, then rows are taken out of the tables, then every file that no longer
belongs to a table is deleted. Killed in between, the same call by the request's id finishes it. The tables' own log
tells of deleted rows by where their lines stood, not by whose they were.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from components import contract, tables
from components.database import alone, open_engine
from components.journal import blank, segments
from components.labels.key import pickup_seconds, trip_keys
from components.platform import Platform
from components.served.labelled import joined
from components.served.tables import INDEX, OFFSET, OUTCOME_LOG, PREDICTION_LOG, REQUEST, SEGMENT
from components.served.trips import RECORDED, named
from components.validate.rules import STORED_AS
from monitoring import log_tables
from monitoring.collect import collect_unlocked
from monitoring.lines import KINDS, LINE, REJECTED_LOG
from monitoring.retention import TABLES
from monitoring.settings import MonitoringSettings

# Rows that one commit takes out by their place.
_AT_ONCE = 1000


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """What was removed.

    Attributes:
        predictions: Rows.
        outcomes: Rows.
        rejected: Lines that were no rows.
        journal_lines: Overwritten lines of journals, rejected ones included.
        files: Deleted files, those included that hold nothing of the key.
        data_versions: Versions of the trips that hold a record of the trips; these have no request id, and stay.
    """

    predictions: int
    outcomes: int
    rejected: int
    journal_lines: int
    files: int
    data_versions: list[int]


@retry(retry=retry_if_exception_type(log_tables.Overtaken), stop=stop_after_attempt(8), reraise=True)
def forget(platform: Platform, folder: Path | None, key: str) -> Forgotten:
    """Remove a request with all its trips, or one trip.

    Args:
        folder: Of the journals; None where they are taken in elsewhere and keep nothing that is in the tables.
        key: A request's id, or a trip's key as of ``components.labels.key``; a text may be both.

    Raises:
        monitoring.log_tables.Overtaken: Other writers were faster time and again.
    """
    with alone(open_engine(platform), log_tables.LOCK):
        if folder is not None:
            collect_unlocked(platform, folder)
        known = _joined(platform)
        trips = pl.concat([_of_request(known, key), _of_trip(known, key)])
        requests = [key, *trips[REQUEST].unique()]
        whose = _Whose(key, set(trips.select(REQUEST, INDEX).rows()), requests)
        records = named(known.join(trips.lazy(), on=[REQUEST, INDEX], how="semi").collect())
        journals = [segment for kind in KINDS for segment in segments(folder, kind.journal)] if folder else []
        lines = sum(blank(segment, lambda _, line: whose.has(line)) for segment in journals)
        removed = {name: _remove(platform, name, whose) for name in TABLES}
        files = sum(log_tables.purge(table) for name in TABLES if (table := log_tables.existing(platform, name)))
        return Forgotten(
            predictions=removed[PREDICTION_LOG],
            outcomes=removed[OUTCOME_LOG],
            rejected=removed[REJECTED_LOG],
            journal_lines=lines,
            files=files,
            data_versions=_data_versions(platform, records),
        )


@dataclass(frozen=True)
class _Whose:
    """What is meant: all of request ``key``, and trips as ``(request, place)``."""

    key: str
    trips: set[tuple[str, int]]
    requests: list[str]

    def has(self, line: bytes) -> bool:
        """Whether a line of a journal is of them; of one that cannot be read, whether it names the request."""
        named = [request for request in self.requests if _names(line, request)]
        if not named:
            return False
        try:
            said: Any = json.loads(line)
            return said[REQUEST] == self.key or (said[REQUEST], said[INDEX]) in self.trips
        except (ValueError, KeyError, TypeError):
            return True

    def condition(self) -> pl.Expr:
        """Whether a row is of them."""
        trips = pl.DataFrame(list(self.trips), schema={REQUEST: pl.String, INDEX: pl.Int64}, orient="row")
        place = pl.struct(REQUEST, INDEX).is_in(trips.select(pl.struct(REQUEST, INDEX)).to_series().implode())
        return (pl.col(REQUEST) == self.key) | place


def _names(line: bytes, request: str) -> bool:
    letters = rb"[A-Za-z0-9._-]"
    return re.search(rb"(?<!%b)%b(?!%b)" % (letters, re.escape(request.encode()), letters), line) is not None


def _joined(platform: Platform) -> pl.LazyFrame:
    return joined(tables.scan(platform, PREDICTION_LOG), tables.scan(platform, OUTCOME_LOG))


def _of_request(known: pl.LazyFrame, key: str) -> pl.DataFrame:
    return known.filter(pl.col(REQUEST) == key).select(REQUEST, INDEX).unique().collect()


def _of_trip(known: pl.LazyFrame, key: str) -> pl.DataFrame:
    """REQUEST and INDEX of the answers about a trip with this key; it has one only once its end is known."""
    second = pickup_seconds(pl.Series([key]))
    near = known.filter(pl.col(contract.PICKUP_TIME).dt.truncate("1s").is_in(second.drop_nulls().implode())).collect()
    trips = named(near)
    missing = [pl.lit(None, STORED_AS[one.kind]).alias(one.name) for one in contract.COLUMNS if one.name not in trips]
    keys = trip_keys(trips.with_columns(missing))
    return trips.filter(keys == key).select(REQUEST, INDEX).unique()


def _remove(platform: Platform, name: str, whose: _Whose) -> int:
    """Take rows out of a table; returns how many."""
    if log_tables.existing(platform, name) is None:
        return 0
    scanned = tables.scan(platform, name)
    if name == REJECTED_LOG:
        lines = scanned.select(SEGMENT, OFFSET, LINE).collect()
        of_them = [whose.has(line) for line in lines[LINE]]
        places = lines.filter(pl.Series(of_them, dtype=pl.Boolean))
    else:
        places = scanned.filter(whose.condition()).select(SEGMENT, OFFSET).collect()
    table = log_tables.existing(platform, name)
    assert table is not None
    return sum(log_tables.delete(table, predicate) for predicate in _predicates(places))


def _predicates(places: pl.DataFrame) -> Iterator[str]:
    for (segment,), rows in places.group_by(SEGMENT):
        offsets = rows[OFFSET].to_list()
        for first in range(0, len(offsets), _AT_ONCE):
            some = ", ".join(map(str, offsets[first : first + _AT_ONCE]))
            yield f"{SEGMENT} = '{segment}' AND \"{OFFSET}\" IN ({some})"


def _data_versions(platform: Platform, records: pl.DataFrame) -> list[int]:
    """Versions of the trips that hold one of the records."""
    newest = tables.latest_version(platform, tables.TRIPS)
    if newest is None or records.is_empty():
        return []
    begun = pl.col(contract.PICKUP_TIME).is_in(records[contract.PICKUP_TIME].implode())
    return [
        version
        for version in range(newest + 1)
        if tables.scan(platform, tables.TRIPS, version)
        .filter(begun)
        .join(records.lazy(), on=RECORDED, how="semi", nulls_equal=True)
        .select(pl.len())
        .collect()
        .item()
    ]


def main() -> int:
    """Forget what the command line names and print a JSON line with what was removed; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.forget", description=__doc__)
    parser.add_argument("key", help="a request's id, or a trip's key")
    key = parser.parse_args().key
    settings = MonitoringSettings()  # pyright: ignore[reportCallIssue]
    if settings.journals is None and settings.journal_retention_days > 0:
        parser.error(
            "there is no folder of journals: set KEELSON_PREDICTION_LOG to the one that the service writes to, or "
            "KEELSON_JOURNAL_RETENTION_DAYS=0 where whoever takes journals in keeps nothing of them"
        )
    print(json.dumps(asdict(forget(Platform(), settings.journals, key))))  # pyright: ignore[reportCallIssue]
    return 0


if __name__ == "__main__":
    sys.exit(main())
