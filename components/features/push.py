"""Bring trips that have just ended into the online features: ``python -m components.features.push FILE``.

FILE has a JSON object on each line, a trip with the contract's columns; ``-`` reads standard input as it comes. The
features that serving reads are then those that the batch would make of all its trips and the pushed ones, at once and
not at the next batch. A trip counts once, however often it is pushed and whether the batch has it or not.
"""

import json
import os
import select
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import polars as pl
import typer

from components import contract, tables
from components.features import aggregates, online_rows, online_state, online_sums
from components.features.online_state import IDENTITY, State, Transaction
from components.features.online_sums import PAIRS, ZONES
from components.ingest.checks import REASON, judge
from components.platform import Platform
from components.trips.conform import conform
from components.trips.files import RawBatch
from components.trips.source_error import SourceError

# Lines that are pushed together at most, and how long the first of them waits for others.
BATCH_LINES = 5_000
BATCH_SECONDS = 0.5

_NEW_YORK = ZoneInfo("America/New_York")
_READ_BYTES = 1 << 20


class PushError(RuntimeError):
    """Nothing was pushed; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """What became of the trips of one push.

    Attributes:
        received: Trips that were given.
        counted: Trips that now count and did not before.
        repeated: Trips that were pushed before, or twice in this push.
        in_batch: Trips that the batch has.
        refused: Trips that the ingest step would leave out, by reason.
        newest: The newest time that counts.
    """

    received: int
    counted: int
    repeated: int
    in_batch: int
    refused: dict[str, int]
    newest: datetime


def push(platform: Platform, trips: pl.DataFrame, *, watermark: datetime | None = None) -> Pushed:
    """Count trips in the online features, all of them or, where this raises, none.

    Args:
        platform: Its online store is written.
        trips: [n] with the contract's required columns, times as New York wall clock or with a zone. Rows are judged
            as by the ingest step.
        watermark: All trips that ended by then have been pushed with these, so hours and days that are over by then
            are seen by features. UTC, see ``aggregates.event_time``. Without it that is known of the last trip's end.

    Raises:
        PushError: Nothing was materialised yet, or it is not known what.
        components.trips.source_error.SourceError: The columns are not the contract's.
    """
    good, refused = _judged(trips)
    marked = pl.concat([good, online_state.identified(good.lazy()).select("distance").collect()], how="horizontal")
    distinct = marked.unique(IDENTITY, keep="first", maintain_order=True)
    with online_state.transaction(platform) as cursor:
        state = online_state.read(cursor)
        if state is None:
            raise PushError("no features are online yet: run the training pipeline, or the features pipeline, first")
        late = in_batch(platform, state, distinct)
        fresh = online_state.add_pushed(cursor, distinct.join(late, on=IDENTITY, how="anti", maintain_order="left"))
        state = count(cursor, state, fresh, watermark)
    return Pushed(
        received=len(trips),
        counted=len(fresh),
        repeated=len(good) - len(late) - len(fresh),
        in_batch=len(late),
        refused=refused,
        newest=state.newest,
    )


def count(cursor: Transaction, state: State, trips: pl.DataFrame, watermark: datetime | None = None) -> State:
    """Add trips to the sums and bring the features that change online; returns the new state, which is saved."""
    ended = aggregates.event_time(pl.col(contract.DROPOFF_TIME))
    known = [time for time in (state.newest, watermark, trips.select(ended.max()).item()) if time is not None]
    after = replace(state, newest=max(known))
    if trips.is_empty() and after == state:
        return state
    online_sums.add(cursor, ZONES, trips)
    online_sums.add(cursor, PAIRS, trips)
    since = after.newest - aggregates.FOUR_WEEKS
    # A trip is seen by features once the hour or the day in which it ended is over.
    zones = trips.filter(ended <= after.hour).select(aggregates.zone_key().unique()).to_series().to_list()
    pairs = trips.filter(ended <= after.day).select(aggregates.pair_key().unique()).to_series().to_list()
    if after.day > state.day:
        pairs = sorted({*pairs, *online_sums.keys(cursor, PAIRS, state.day, after.day)})
    changed = {
        # At another hour every zone has other features.
        tables.ZONE_FEATURES_TABLE: online_sums.zone_rows(
            cursor, after.hour, None if after.hour > state.hour else zones
        ),
        tables.PAIR_FEATURES_TABLE: online_sums.pair_rows(cursor, pairs, since, after.day),
    }
    for (view, rows), kind in zip(changed.items(), (ZONES, PAIRS), strict=True):
        online_rows.write(cursor, view, kind.key, rows)
        online_rows.retain_times(cursor, view, since, after.newest)
    online_state.save(cursor, after)
    return after


def in_batch(platform: Platform, state: State, trips: pl.DataFrame) -> pl.DataFrame:
    """IDENTITY of those trips that the materialised batch has; only trips that ended before its last one can be.

    Raises:
        PushError: It is not known which trips the batch was made of.
    """
    if state.data_version is None or state.last_ended is None:
        raise PushError(
            f"version {state.zone_features_version} of the zone features does not say which trips it was built from: "
            "run the features pipeline again"
        )
    ended = pl.col(contract.DROPOFF_TIME)
    late = trips.filter(aggregates.event_time(ended) <= state.last_ended).select(IDENTITY)
    if late.is_empty():
        return late
    first, last = late.select(ended.min().alias("first"), ended.max().alias("last")).row(0)
    known = tables.scan(platform, tables.TRIPS, state.data_version).filter(ended.is_between(first, last))
    found = online_state.identified(known).join(late.lazy(), on=IDENTITY, how="semi").unique()
    return found.collect(engine="streaming")


def _judged(trips: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """The trips that ingestion would keep, in the contract's types, and the number of the others by reason."""
    batch = RawBatch(origin="pushed trips", first_row=0, names=tuple(trips.columns), frame=trips)
    [typed] = conform(iter([batch]))
    judged = judge(typed.frame, datetime.now(UTC).astimezone(_NEW_YORK).replace(tzinfo=None))
    good = judged.filter(pl.col(REASON).is_null()).select(column.name for column in contract.COLUMNS)
    return good, dict(Counter(judged[REASON].drop_nulls().to_list()))


def parse(lines: Iterable[str]) -> pl.DataFrame:
    """Trips from lines with a JSON object each; empty lines are passed over.

    Raises:
        PushError: A line is something else.
    """
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise PushError(f"line {number} is no JSON object: give a trip with the contract's columns on each line")
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None, strict=False)


def gathered(descriptor: int) -> Iterator[list[str]]:
    """Lines from an open file, as they come: at most BATCH_LINES at once, none later than BATCH_SECONDS."""
    rest, waiting, due = b"", [], 0.0
    while True:
        left = max(0.0, due - time.monotonic()) if waiting else None
        ready, _, _ = select.select([descriptor], [], [], left)
        read = os.read(descriptor, _READ_BYTES) if ready else b""
        if read and not waiting:
            due = time.monotonic() + BATCH_SECONDS
        *whole, rest = (rest + read).split(b"\n")
        waiting += whole
        ended = bool(ready) and not read
        if ended and rest:
            waiting.append(rest)
        while waiting and (ended or len(waiting) >= BATCH_LINES or time.monotonic() >= due):
            batch, waiting = waiting[:BATCH_LINES], waiting[BATCH_LINES:]
            yield [line.decode(errors="replace") for line in batch]
        if ended:
            return


def _batches(file: str) -> Iterator[Sequence[str]]:
    if file == "-":
        yield from gathered(sys.stdin.fileno())
        return
    with Path(file).open("rb") as stream:
        yield from gathered(stream.fileno())


def main(
    file: Annotated[str, typer.Argument(help="File of JSON lines, each a trip that has ended; - for standard input.")],
) -> None:
    """Push trips to the platform of the environment; prints a JSON line for each batch of them."""
    platform = Platform()  # pyright: ignore[reportCallIssue]
    try:
        for lines in _batches(file):
            trips = parse(lines)
            if not trips.is_empty():
                typer.echo(json.dumps(asdict(push(platform, trips)), default=str))
    except (PushError, SourceError, OSError) as error:
        typer.echo(f"not pushed: {error}", err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    typer.run(main)
