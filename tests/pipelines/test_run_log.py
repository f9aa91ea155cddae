"""The log of a run: each line says in which run and in which step."""

import json
from pathlib import Path

from pipelines.run_log import RunLog


def test_each_line_carries_run_and_step_and_no_colour(tmp_path: Path) -> None:
    with RunLog(tmp_path / "log", {"run": "training-1", "run_id": "abc"}) as log:
        print("\x1b[95mbegins\x1b[0m", file=log)
        log.step = "ingest"
        print("first", end="", file=log)
        print(" line\n\nsecond", file=log)
        log.write("cut off")
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert all(line.pop("at").endswith("+00:00") for line in lines)
    assert lines[0] == {"run": "training-1", "run_id": "abc", "step": "", "message": "begins"}
    assert [(line["step"], line["message"]) for line in lines[1:]] == [
        ("ingest", "first line"),
        ("ingest", ""),
        ("ingest", "second"),
        ("ingest", "cut off"),
    ]


def test_what_was_said_since_a_place_is_read_as_text(tmp_path: Path) -> None:
    with RunLog(tmp_path / "log", {}) as log:
        print("before", file=log)
        place = log.end()
        print("  Traceback\n  Error: ä", file=log)
        assert log.text_from(place) == "  Traceback\n  Error: ä"
