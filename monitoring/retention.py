"""What is kept of the log for how long: rows by days, journals by days since their last line."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from deltalake import DeltaTable

from components.database import alone, open_engine
from components.journal import blank, is_finished, segments
from components.platform import TableStore
from components.served.tables import DAY
from monitoring import log_tables
from monitoring.lines import KINDS, REJECTED_LOG
from monitoring.settings import MonitoringSettings

TABLES = (*(kind.table for kind in KINDS), REJECTED_LOG)

# Whoever reads a version that is no longer the newest has so long for it: a training that names it reads it at once.
_OLD_FILES_HOURS = 24


@dataclass(frozen=True)
class Expired:
    """What was let go of.

    Attributes:
        rows: Of all tables.
        journals: Files.
    """

    rows: int
    journals: int


def expire(platform: TableStore, settings: MonitoringSettings, now: datetime) -> Expired:
    """Delete rows and journals that are over their time.

    Args:
        now: With a time zone.

    Raises:
        monitoring.log_tables.Overtaken: Another writer was faster; nothing is lost, call again.
    """
    return Expired(rows=expire_rows(platform, settings, now), journals=expire_journals(platform, settings, now))


def expire_rows(platform: TableStore, settings: MonitoringSettings, now: datetime) -> int:
    """Delete rows that are over their time, and write the small files of days that are over together.

    Returns:
        How many rows went.

    Raises:
        monitoring.log_tables.Overtaken: As for ``expire``.
    """
    with alone(open_engine(platform), log_tables.LOCK):
        return sum(_expire_rows(platform, name, now.date(), settings.retention_days) for name in TABLES)


def expire_journals(platform: TableStore, settings: MonitoringSettings, now: datetime) -> int:
    """Let go of what journals say that is over its time and in the tables; returns how many files went."""
    if settings.journals is None:
        return 0
    last = (now - timedelta(days=settings.journal_retention_days)).timestamp()
    with alone(open_engine(platform), log_tables.LOCK):
        return _expire_journals(platform, settings.journals, last)


def _expire_rows(platform: TableStore, name: str, today: date, days: int) -> int:
    table = log_tables.existing(platform, name)
    if table is None:
        return 0
    first = today - timedelta(days=days)
    files = _files_by_day(table)
    rows = log_tables.delete(table, f"{DAY} < DATE '{first}'") if any(day < str(first) for day in files) else 0
    log_tables.compact(table, [day for day, count in files.items() if str(first) <= day < str(today) and count > 1])
    log_tables.purge(table, _OLD_FILES_HOURS)
    return rows


def _files_by_day(table: DeltaTable) -> Counter[str]:
    """Number of files by day, an ISO date."""
    return Counter(uri.rpartition(f"{DAY}=")[2].partition("/")[0] for uri in table.file_uris())


def _expire_journals(platform: TableStore, folder: Path, last: float) -> int:
    """Let go of files that were last written before a time, as far as they are in the tables; returns how many went."""
    count = 0
    for kind in KINDS:
        table = log_tables.existing(platform, kind.table)
        if table is None:
            continue
        for segment in segments(folder, kind.journal):
            # In this order: what is finished grows no more.
            finished, facts = is_finished(segment), segment.stat()
            if facts.st_mtime >= last:
                continue
            read = log_tables.offset(table, segment.name)
            if not finished:
                # The file of a service that runs stays; what it said goes.
                _blank_collected(segment, read)
            elif read >= facts.st_size:
                segment.unlink()
                count += 1
    return count


def _blank_collected(segment: Path, read: int) -> None:
    blank(segment, lambda start, line: start < read and bool(line.strip()))
