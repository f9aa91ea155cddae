"""Rows and journals go when their time is over, and not before."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from components import tables
from components.journal import OUTCOMES, PREDICTIONS, Journal, segments
from components.platform import Platform
from components.served.tables import PREDICTION_LOG, REQUEST
from monitoring import collect, log_tables
from monitoring.retention import Expired, expire
from monitoring.settings import MonitoringSettings

Writes = Callable[..., None]


@pytest.fixture
def now() -> datetime:
    """When the test begins: files are as old as that."""
    return datetime.now(UTC)


def settings(journals: Path) -> MonitoringSettings:
    return MonitoringSettings(journals=journals, retention_days=90, journal_retention_days=7)


def begun(journals: Path, predicted: Writes) -> Path:
    """A file with the prediction of request r1, which nobody writes to any more."""
    predicted("r1")
    (segment,) = segments(journals, PREDICTIONS)
    return segment


def requests(platform: Platform) -> list[str]:
    return sorted(tables.scan(platform, PREDICTION_LOG).collect()[REQUEST])


def test_rows_go_after_their_days_and_the_small_files_of_a_day_become_one(
    platform: Platform, journals: Path, predicted: Writes, now: datetime
) -> None:
    for request in ("r1", "r2", "r3"):
        predicted(request)
        collect.collect(platform, journals)
    assert expire(platform, settings(journals), now + timedelta(days=1)).rows == 0
    table = log_tables.existing(platform, PREDICTION_LOG)
    assert table is not None
    assert len(table.file_uris()) == 1
    assert requests(platform) == ["r1", "r2", "r3"]
    assert expire(platform, settings(journals), now + timedelta(days=90)).rows == 0
    assert expire(platform, settings(journals), now + timedelta(days=91)).rows == 3
    assert requests(platform) == []
    assert expire(platform, settings(journals), now + timedelta(days=92)).rows == 0


def test_a_journal_goes_once_it_is_collected_and_old(
    platform: Platform, journals: Path, predicted: Writes, told: Writes, now: datetime
) -> None:
    week = timedelta(days=7, seconds=60)
    predicted("r1")
    assert expire(platform, settings(journals), now + week).journals == 0
    collect.collect(platform, journals)
    told(("r1", 900.0))
    assert expire(platform, settings(journals), now + week - timedelta(days=1)) == Expired(rows=0, journals=0)
    assert expire(platform, settings(journals), now + week) == Expired(rows=0, journals=1)
    assert segments(journals, PREDICTIONS) == []
    assert len(segments(journals, OUTCOMES)) == 1
    collect.collect(platform, journals)
    assert expire(platform, settings(journals), now + week).journals == 1
    assert requests(platform) == ["r1"]


def test_a_file_that_a_service_still_holds_stays_but_not_what_it_said(
    platform: Platform, journals: Path, predicted: Writes, now: datetime
) -> None:
    first = begun(journals, predicted)
    line = first.read_bytes()
    first.unlink()
    with Journal(journals, PREDICTIONS) as journal:
        journal.append(line)
        collect.collect(platform, journals)
        assert expire(platform, settings(journals), now + timedelta(days=8)).journals == 0
        (held,) = segments(journals, PREDICTIONS)
        assert held.read_bytes() == b" " * (len(line) - 1) + b"\n"
        journal.append(line.replace(b"r1", b"r2"))
    collect.collect(platform, journals)
    assert requests(platform) == ["r1", "r2"]
    os.utime(held, (0, 0))
    assert expire(platform, settings(journals), now).journals == 1


def test_where_nobody_reads_journals_what_is_in_the_tables_goes_at_once_and_nothing_else(
    platform: Platform, journals: Path, predicted: Writes, now: datetime
) -> None:
    line = begun(journals, predicted).read_bytes()
    at_once = MonitoringSettings(journals=journals, journal_retention_days=0)
    collect.collect(platform, journals)
    assert expire(platform, at_once, now + timedelta(seconds=60)).journals == 1
    with Journal(journals, PREDICTIONS) as journal:
        journal.append(line.replace(b"r1", b"r2"))
        collect.collect(platform, journals)
        # A line that comes before the collector looks again.
        journal.append(line.replace(b"r1", b"r3"))
        expire(platform, at_once, now + timedelta(seconds=120))
        (held,) = segments(journals, PREDICTIONS)
        assert held.read_bytes() == b" " * (len(line) - 1) + b"\n" + line.replace(b"r1", b"r3")
    collect.collect(platform, journals)
    assert requests(platform) == ["r1", "r2", "r3"]
    expire(platform, at_once, now + timedelta(seconds=180))
    assert segments(journals, PREDICTIONS) == []
