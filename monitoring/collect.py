"""``python -m monitoring.collect``: take what the service wrote into its journals into the tables of the log, once, and
let go of what is over its time; or, with ``--every SECONDS``, again and again until told to stop, and once more then.

A line counts where it is whole. The last line of a file is left alone while the file's writer lives, and told apart as
cut off once it does not. Lines that are no rows go into the table of rejected lines, as they are. Killed anywhere, the
next call goes on behind the last commit: rows come with the progress that they belong to (``monitoring.log_tables``).
"""

import argparse
import json
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from deltalake.exceptions import DeltaError
from sqlalchemy.exc import SQLAlchemyError
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from components.database import alone, open_engine
from components.journal import is_finished, segments
from components.log_lines import log_as_json
from components.platform import TableStore
from monitoring import log_tables
from monitoring.lines import KINDS, REJECTED_LOG, REJECTED_SCHEMA, Kind, Line, Rejected, parse, rejected_rows
from monitoring.retention import expire, expire_journals
from monitoring.settings import MonitoringSettings

# Read at once and written in one commit; memory is about ten times that.
BATCH_BYTES = 32 * 2**20
# A longer line is no line; it is told apart in pieces.
MAX_LINE_BYTES = 2**20
_LOG = logging.getLogger("monitoring.collect")


@dataclass(frozen=True)
class Collected:
    """What a call took in.

    Attributes:
        predictions: Rows added to the log of predictions.
        outcomes: Rows added to the log of outcomes.
        rejected: Lines that were no rows.
    """

    predictions: int = 0
    outcomes: int = 0
    rejected: int = 0


@dataclass(frozen=True)
class Batch:
    """Lines, and the offset behind the last of each file that they are of."""

    lines: list[Line]
    progress: dict[str, int]


def collect(platform: TableStore, folder: Path) -> Collected:
    """Take in all whole lines that are not in the tables yet.

    Args:
        platform: Where the tables lie.
        folder: Of the journals.

    Raises:
        monitoring.log_tables.Overtaken: Others were faster time and again.
    """
    with alone(open_engine(platform), log_tables.LOCK):
        return collect_unlocked(platform, folder)


def collect_unlocked(platform: TableStore, folder: Path) -> Collected:
    """``collect`` for the holder of ``log_tables.LOCK``."""
    total = Collected()
    for kind in KINDS:
        while True:
            added = _take(platform, folder, kind)
            if added is None:
                break
            rows, rejected = added
            count = getattr(total, kind.journal) + rows
            total = replace(total, **{kind.journal: count}, rejected=total.rejected + rejected)
    return total


@retry(
    retry=retry_if_exception_type(log_tables.Overtaken),
    stop=stop_after_attempt(8),
    wait=wait_random_exponential(multiplier=0.1, max=5),
    reraise=True,
)
def _take(platform: TableStore, folder: Path, kind: Kind) -> tuple[int, int] | None:
    """One batch: rows and rejected lines that it added; None where there was nothing to read."""
    table = log_tables.opened(platform, kind.table, kind.schema)
    batch = read_batch(folder, kind.journal, lambda segment: log_tables.offset(table, segment))
    if not batch.progress:
        return None
    rows, rejected = parse(kind, batch.lines)
    # First these: were it the other way round, one who is killed in between would lose them.
    added = _tell_apart(platform, kind, rejected, batch.progress) if rejected else 0
    log_tables.append(table, rows, batch.progress)
    return len(rows), added


def _tell_apart(platform: TableStore, kind: Kind, rejected: list[Rejected], progress: dict[str, int]) -> int:
    """Keep lines that are no rows; those that one who was killed before its rows had kept are not kept again."""
    table = log_tables.opened(platform, REJECTED_LOG, REJECTED_SCHEMA)
    known = {segment: log_tables.offset(table, segment) for segment in progress}
    new = [one for one in rejected if one.line.offset >= known[one.line.segment]]
    if new:
        read = {one.line.segment: progress[one.line.segment] for one in new}
        log_tables.append(table, rejected_rows(kind, new, datetime.now(UTC)), read)
    return len(new)


def read_batch(folder: Path, journal: str, offset: Callable[[str], int]) -> Batch:
    """The next lines of all files of a kind, about ``BATCH_BYTES`` of them.

    Args:
        folder: Of the journals.
        journal: Their kind.
        offset: How far a file is read already, by its name.
    """
    lines: list[Line] = []
    progress: dict[str, int] = {}
    left = BATCH_BYTES
    for segment in segments(folder, journal):
        known = offset(segment.name)
        try:
            found = list(_lines(segment, known, left))
        except FileNotFoundError:
            # Its time was over.
            continue
        if found:
            last = found[-1]
            progress[segment.name] = last.offset + len(last.content) + last.is_whole
            left -= progress[segment.name] - known
            lines += found
        if left < MAX_LINE_BYTES:
            break
    return Batch(lines, progress)


def _lines(segment: Path, start: int, limit: int) -> Iterator[Line]:
    """Lines from an offset on, of at most ``limit`` bytes together."""
    if segment.stat().st_size <= start:
        return
    finished = is_finished(segment)
    with segment.open("rb") as file:
        file.seek(start)
        content = file.read(limit)
        at_end = len(content) < limit
    *whole, rest = content.split(b"\n")
    for line in whole:
        yield Line(segment.name, start, line, is_whole=True)
        start += len(line) + 1
    if rest and (len(rest) >= MAX_LINE_BYTES or (finished and at_end)):
        yield Line(segment.name, start, rest, is_whole=False)


def main(arguments: list[str]) -> int:
    """Collect and print a JSON line with what was added and what expired; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.collect", description=__doc__)
    parser.add_argument("--every", type=_seconds, metavar="SECONDS", help="go on until told to stop; rows never expire")
    every = parser.parse_args(arguments).every
    store, settings = TableStore(), MonitoringSettings()  # pyright: ignore[reportCallIssue]
    if settings.journals is None:
        parser.error("there is no folder of journals: set KEELSON_PREDICTION_LOG to the one that the service writes to")
    if every is None:
        added = collect(store, settings.journals)
        print(json.dumps({**asdict(added), "expired": asdict(expire(store, settings, datetime.now(UTC)))}))
        return 0
    return keep_collecting(store, settings, settings.journals, every)


def keep_collecting(store: TableStore, settings: MonitoringSettings, folder: Path, seconds: float) -> int:
    """Collect until SIGTERM or SIGINT, and once more: who writes the journals has ended by then.

    What fails is told and tried again the next time. Rows never expire here: who may only add to the tables can do all
    of this.

    Returns:
        The exit status: 1 where the last time failed, so that lines may be left.
    """
    log_as_json()
    logging.getLogger("monitoring").setLevel(logging.INFO)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    while not stopped.is_set():
        _collect_or_tell(store, settings, folder)
        stopped.wait(seconds)
    return 0 if _collect_or_tell(store, settings, folder) else 1


def _collect_or_tell(store: TableStore, settings: MonitoringSettings, folder: Path) -> bool:
    try:
        added = collect(store, folder)
        expired = expire_journals(store, settings, datetime.now(UTC))
    except (DeltaError, OSError, SQLAlchemyError, log_tables.Overtaken) as error:
        _LOG.error("nothing could be taken in: %s", error)
        return False
    if added != Collected() or expired:
        _LOG.info("took in %s", json.dumps({**asdict(added), "expired": expired}))
    return True


def _seconds(given: str) -> float:
    seconds = float(given)
    if not 1 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{given} is not from 1 to 86400: give the seconds between two times")
    return seconds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
