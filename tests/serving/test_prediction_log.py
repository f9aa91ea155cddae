"""The prediction log: a line for each prediction, whole, private, and there before the caller has the answer."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components import contract, journal
from serving.prediction_log import Predicted, PredictionLog
from serving.trips import EXAMPLE_TRIP

TRIP = {**EXAMPLE_TRIP, contract.PICKUP_TIME: datetime(2026, 1, 15, 8, 30)}


def write(log: PredictionLog, request_id: str, trips: int = 1, trip: dict[str, Any] = TRIP) -> None:
    features = np.arange(float(trips * len(contract.MODEL_FEATURES))).reshape(trips, -1)
    features[:, -1] = np.nan
    log.write(
        Predicted(
            request_id=request_id,
            variant="challenger",
            role="shadow",
            model_version="9",
            trips=[trip] * trips,
            features=features,
            seconds=[60.5] * trips,
            milliseconds=0.25,
            degraded=False,
        )
    )


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in sorted(folder.iterdir()) for line in file.read_text().splitlines()]


def test_a_line_says_who_predicted_what_from_what(tmp_path: Path) -> None:
    with PredictionLog(tmp_path / "log", "trip_duration:abc") as log:
        write(log, "r1", trips=2)
    first, second = lines(tmp_path / "log")
    assert (first["request_id"], first["index"], second["index"]) == ("r1", 0, 1)
    assert (first["variant"], first["role"], first["model_version"]) == ("challenger", "shadow", "9")
    assert first["bundle"] == "trip_duration:abc"
    assert first["trip"] == {**EXAMPLE_TRIP}
    assert first["features"] == [*(float(place) for place in range(len(contract.MODEL_FEATURES) - 1)), None]
    assert first[contract.TARGET] == 60.5
    assert datetime.fromisoformat(first["at"]).tzinfo is not None


def test_a_full_file_is_followed_by_another_and_nobody_else_can_read_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 1000)
    with PredictionLog(tmp_path / "log", "b") as log:
        for number in range(10):
            write(log, f"r{number}")
            asyncio.run(log.written())
    files = list((tmp_path / "log").iterdir())
    assert len(files) > 2
    assert sorted(line["request_id"] for line in lines(tmp_path / "log")) == sorted(
        f"r{number}" for number in range(10)
    )
    modes = {stat.S_IMODE(path.stat().st_mode) for path in [*files, tmp_path / "log"]}
    assert modes == {0o600, 0o700}


def test_a_process_that_is_killed_right_after_has_lost_nothing(tmp_path: Path) -> None:
    write_and_wait = (
        "import asyncio, sys; from pathlib import Path; sys.path[:0] = sys.argv[2:]; "
        "from test_prediction_log import write; from serving.prediction_log import PredictionLog; "
        "log = PredictionLog(Path(sys.argv[1]), 'b'); write(log, 'r', trips=3); asyncio.run(log.written()); "
        "print('answered', flush=True); input()"
    )
    command = [sys.executable, "-c", write_and_wait, str(tmp_path / "log"), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "answered\n"
        os.kill(process.pid, signal.SIGKILL)
    assert [line["index"] for line in lines(tmp_path / "log")] == [0, 1, 2]


def test_requests_at_the_same_time_share_a_write_and_all_know_when_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[int] = []
    monkeypatch.setattr(journal.Journal, "append", lambda self, lines: writes.append(bytes(lines).count(b"\n")))

    async def answer(log: PredictionLog, number: int) -> None:
        write(log, f"r{number}")
        await log.written()

    async def gone(log: PredictionLog) -> None:
        caller = asyncio.create_task(answer(log, 0))
        others = [asyncio.create_task(answer(log, number)) for number in range(1, 5)]
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.gather(*others)
        await answer(log, 5)

    asyncio.run(gone(PredictionLog(tmp_path / "log", "b")))
    assert writes == [5, 1]


def test_all_who_wait_for_a_write_that_fails_are_told_and_the_next_lines_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: journal.Journal, lines: bytes) -> None:
        raise OSError(28, "No space left on device")

    async def answer(log: PredictionLog, number: int) -> str:
        write(log, f"r{number}")
        try:
            await log.written()
        except OSError as error:
            return str(error.strerror)
        return "written"

    async def two(log: PredictionLog) -> list[str]:
        with monkeypatch.context() as disk:
            disk.setattr(journal.Journal, "append", full)
            failed = await asyncio.gather(answer(log, 0), answer(log, 1))
        return [*failed, await answer(log, 2)]

    with PredictionLog(tmp_path / "log", "b") as log:
        assert asyncio.run(two(log)) == ["No space left on device"] * 2 + ["written"]
    assert [line["request_id"] for line in lines(tmp_path / "log")] == ["r2"]


def test_nobody_takes_lines_for_written_that_could_not_be_made(tmp_path: Path) -> None:
    async def answer(log: PredictionLog, number: int, trip: dict[str, Any]) -> None:
        write(log, f"r{number}", trip=trip)
        await log.written()

    async def two(log: PredictionLog) -> list[object]:
        untold = {**TRIP, contract.DISTANCE: object()}
        return await asyncio.gather(answer(log, 0, TRIP), answer(log, 1, untold), return_exceptions=True)

    with PredictionLog(tmp_path / "log", "b") as log:
        assert [type(told) for told in asyncio.run(two(log))] == [TypeError] * 2
    assert not (tmp_path / "log").exists() or lines(tmp_path / "log") == []


def test_a_file_is_locked_for_as_long_as_it_is_written(tmp_path: Path) -> None:
    with PredictionLog(tmp_path, "b") as log:
        write(log, "r")
        asyncio.run(log.written())
        (segment,) = journal.segments(tmp_path, journal.PREDICTIONS)
        assert not journal.is_finished(segment)
    assert journal.is_finished(segment)


def test_an_old_file_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SEGMENT_SECONDS", 0.0)
    with PredictionLog(tmp_path, "b") as log:
        for request in ("r1", "r2"):
            write(log, request)
            asyncio.run(log.written())
    assert len(journal.segments(tmp_path, journal.PREDICTIONS)) == 2


def test_what_is_written_after_half_a_line_is_a_line_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_disk = os.write

    def full(descriptor: int, content: bytes) -> int:
        monkeypatch.setattr(os, "write", no_space)
        return to_disk(descriptor, content[:20])

    def no_space(descriptor: int, content: bytes) -> int:
        raise OSError("no space left")

    with PredictionLog(tmp_path, "b") as log:
        write(log, "r1")
        asyncio.run(log.written())
        write(log, "r2")
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError, match="no space left"):
            asyncio.run(log.written())
        monkeypatch.setattr(os, "write", to_disk)
        write(log, "r3")
    read = [json.loads(line)["request_id"] for line in journal.read_lines(tmp_path, journal.PREDICTIONS)]
    assert sorted(read) == ["r1", "r3"]


def test_a_line_made_blank_is_read_no_more_and_moves_no_other(tmp_path: Path) -> None:
    with PredictionLog(tmp_path, "b") as log:
        for request in ("r1", "r2"):
            write(log, request)
        asyncio.run(log.written())
        (segment,) = journal.segments(tmp_path, journal.PREDICTIONS)
        before = segment.read_bytes()
        first, second, _ = before.split(b"\n")
        assert journal.blank(segment, lambda start, _: start == 0) == 1
        write(log, "r3")
    assert segment.read_bytes().startswith(b" " * len(first) + b"\n" + second + b"\n")
    read = [json.loads(line)["request_id"] for line in journal.read_lines(tmp_path, journal.PREDICTIONS)]
    assert read == ["r2", "r3"]
