"""From journals to tables on the real S3 server: each line once, whatever happens to who writes and to who reads."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from components import contract, tables
from components.journal import PREDICTIONS, Journal, segments
from components.platform import Platform
from components.served.labelled import labelled
from components.served.tables import INDEX, OFFSET, OUTCOME_LOG, PREDICTION_LOG, REQUEST, SEGMENT
from infra import outputs
from monitoring import collect, log_tables
from monitoring.collect import Collected
from monitoring.lines import LINE, REASON, REJECTED_LOG

Writes = Callable[..., None]


def rows(platform: Platform, name: str) -> pl.DataFrame:
    return tables.scan(platform, name).collect()


def requests(platform: Platform) -> list[str]:
    return sorted(rows(platform, PREDICTION_LOG)[REQUEST])


def only_segment(folder: Path) -> Path:
    (segment,) = segments(folder, PREDICTIONS)
    return segment


def test_what_the_service_wrote_is_in_the_tables_once(
    platform: Platform, journals: Path, predicted: Writes, told: Writes
) -> None:
    assert collect.collect(platform, journals) == Collected()
    predicted("r1", trips=2)
    told(("r1", 900.0))
    assert collect.collect(platform, journals) == Collected(predictions=2, outcomes=1)
    assert collect.collect(platform, journals) == Collected()
    predicted("r2")
    assert collect.collect(platform, journals) == Collected(predictions=1)
    assert requests(platform) == ["r1", "r1", "r2"]


def test_every_field_of_a_prediction_is_kept(platform: Platform, journals: Path, predicted: Writes) -> None:
    predicted("r1", trips=2)
    collect.collect(platform, journals)
    segment = only_segment(journals)
    lines = [json.loads(line) for line in segment.read_bytes().splitlines()]
    for index, line in enumerate(lines):
        row = rows(platform, PREDICTION_LOG).row(by_predicate=pl.col(INDEX) == index, named=True)
        at = datetime.fromisoformat(line.pop("at"))
        assert (row.pop("day"), row.pop("at")) == (at.date(), at)
        trip, features = line.pop("trip"), line.pop("features")
        assert row.pop(contract.PICKUP_TIME) == datetime.fromisoformat(trip[contract.PICKUP_TIME])
        assert [row.pop(name) for name in (contract.PICKUP_ZONE, contract.DROPOFF_ZONE)] == [132, 230]
        assert [row.pop(name) for name in contract.MODEL_FEATURES] == features
        assert row.pop("predicted_seconds") == line.pop(contract.TARGET)
        assert row.pop(SEGMENT) == segment.name
        assert segment.read_bytes()[row.pop(OFFSET) :].startswith(b'{"at":"')
        assert row == line


def test_a_line_that_is_still_being_written_is_left_until_it_is_whole(
    platform: Platform, journals: Path, predicted: Writes
) -> None:
    predicted("whole")
    line = only_segment(journals).read_bytes()
    with Journal(journals, PREDICTIONS) as journal:
        journal.append(line.replace(b"whole", b"first") + line[:50])
        assert collect.collect(platform, journals).predictions == 2
        assert collect.collect(platform, journals) == Collected()
        journal.append(line[50:])
        assert collect.collect(platform, journals) == Collected(predictions=1)
    assert requests(platform) == ["first", "whole", "whole"]


def test_the_torn_last_line_of_a_writer_that_is_gone_is_kept_apart(
    platform: Platform, journals: Path, predicted: Writes
) -> None:
    predicted("r1", "r2")
    segment = only_segment(journals)
    torn = segment.read_bytes()[:-20]
    segment.write_bytes(torn)
    assert collect.collect(platform, journals) == Collected(predictions=1, rejected=1)
    assert collect.collect(platform, journals) == Collected()
    (row,) = rows(platform, REJECTED_LOG).iter_rows(named=True)
    assert (row[SEGMENT], row[LINE]) == (segment.name, torn.split(b"\n")[1])
    assert "cut off" in row[REASON]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda line: line[: len(line) // 2], "Invalid JSON"),
        (lambda line: b"\x00\xff garbage", "Invalid JSON"),
        (lambda line: line.replace(b'"index":0', b'"index":-1'), "index: "),
        (lambda line: line.replace(b'"index":0', b'"idx":0'), "index: Field required"),
        (lambda line: line.replace(b'"features":[0.0,', b'"features":['), "features: "),
        (lambda line: line.replace(b'"PULocationID":132', b'"PULocationID":"a"'), "trip.PULocationID: "),
    ],
)
def test_a_corrupt_line_is_kept_as_it_is_and_its_neighbours_count(
    platform: Platform,
    journals: Path,
    predicted: Writes,
    spoil: Callable[[bytes], bytes],
    reason: str,
) -> None:
    predicted("before", "spoilt", "after")
    segment = only_segment(journals)
    first, second, third, _ = segment.read_bytes().split(b"\n")
    assert spoil(second) != second
    segment.write_bytes(b"\n".join([first, spoil(second), third, b""]))
    assert collect.collect(platform, journals) == Collected(predictions=2, rejected=1)
    assert requests(platform) == ["after", "before"]
    (row,) = rows(platform, REJECTED_LOG).iter_rows(named=True)
    assert (row[OFFSET], row[LINE]) == (len(first) + 1, spoil(second))
    assert reason in row[REASON]
    assert "spoilt" not in row[REASON]


def test_small_batches_and_a_line_longer_than_any_lose_nothing(
    platform: Platform, journals: Path, predicted: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "BATCH_BYTES", 3000)
    monkeypatch.setattr(collect, "MAX_LINE_BYTES", 1500)
    for first in range(0, 12, 4):
        predicted(*(f"r{number:02}" for number in range(first, first + 4)))
    line = segments(journals, PREDICTIONS)[0].read_bytes().splitlines()[0]
    endless = journals / f"{PREDICTIONS}-20000101T000000-0.jsonl"
    endless.write_bytes(b"x" * 7000 + b"\n" + re.sub(rb"r\d\d", b"behind", line) + b"\n")
    collected = collect.collect(platform, journals)
    assert collected.predictions == 13
    assert requests(platform) == ["behind", *(f"r{number:02}" for number in range(12))]
    apart = rows(platform, REJECTED_LOG).sort(OFFSET)
    assert b"".join(apart[LINE]) == b"x" * 7000
    assert collected.rejected == len(apart)


def test_collectors_that_run_at_once_take_each_line_once(
    platform: Platform, journals: Path, predicted: Writes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "BATCH_BYTES", 10_000)
    monkeypatch.setattr(collect, "MAX_LINE_BYTES", 2000)
    for first in range(0, 40, 10):
        predicted(*(f"r{number:02}" for number in range(first, first + 10)))
    # Without the lock: what holds it may have lost its connection to the database.
    with ThreadPoolExecutor(3) as pool:
        collected = list(pool.map(lambda _: collect.collect_unlocked(platform, journals), range(3)))
    assert sum(one.predictions for one in collected) == 40
    assert requests(platform) == [f"r{number:02}" for number in range(40)]


KILLED = """
import os, signal, sys
from pathlib import Path
from components.platform import Platform
from monitoring import collect, log_tables

append, calls, fatal, late = log_tables.append, 0, int(sys.argv[2]), sys.argv[3] == "after"

def deadly(*arguments):
    global calls
    calls += 1
    if calls == fatal and not late:
        os.kill(os.getpid(), signal.SIGKILL)
    append(*arguments)
    if calls == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

log_tables.append = deadly
collect.collect(Platform(), Path(sys.argv[1]))
"""


def environment(platform: Platform) -> dict[str, str]:
    values = {
        output.env: value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
        for output in outputs.OUTPUTS
        if (value := getattr(platform, output.name)) is not None
    }
    return {**os.environ, **values}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("commit", [1, 2, 3])
def test_a_collector_that_is_killed_loses_and_repeats_nothing(
    platform: Platform, journals: Path, predicted: Writes, told: Writes, commit: int, when: str
) -> None:
    predicted("r1", "r2", "r3")
    segment = only_segment(journals)
    segment.write_bytes(segment.read_bytes() + b"no row\n")
    told(("r1", 900.0))
    # The first commit is of rejected lines, the second of predictions, the third of outcomes.
    command = [sys.executable, "-c", KILLED, str(journals), str(commit), when]
    killed = subprocess.run(command, env=environment(platform), check=False)
    assert killed.returncode == -9
    collect.collect(platform, journals)
    assert requests(platform) == ["r1", "r2", "r3"]
    assert rows(platform, REJECTED_LOG)[LINE].to_list() == [b"no row"]
    assert rows(platform, OUTCOME_LOG)[contract.TARGET].to_list() == [900.0]


def test_a_line_that_is_there_twice_is_read_once(
    platform: Platform, journals: Path, predicted: Writes, told: Writes
) -> None:
    predicted("r1", "r2")
    segment = only_segment(journals)
    segment.write_bytes(segment.read_bytes() * 2)
    segment.with_name(segment.name.replace(".jsonl", "-restored.jsonl")).write_bytes(segment.read_bytes())
    told(("r2", 700.0), ("r2", 800.0), ("r2", 800.0))
    assert collect.collect(platform, journals) == Collected(predictions=8, outcomes=3)
    now = datetime.now(UTC)
    found = labelled(platform, now - timedelta(hours=1), now + timedelta(hours=1))
    assert found.select(REQUEST, "label_seconds").rows() == [("r1", None), ("r2", 800.0)]


def test_no_value_of_a_row_is_in_the_log_of_its_table(platform: Platform, journals: Path, predicted: Writes) -> None:
    predicted("somebodys-request")
    collect.collect(platform, journals)
    table = log_tables.existing(platform, PREDICTION_LOG)
    assert table is not None
    adds = table.get_add_actions(flatten=True)
    assert "min.at" in adds.schema.names
    assert f"min.{REQUEST}" not in adds.schema.names
