"""A process's log: one JSON object a line, whatever was said."""

import io
import json
import logging

from components.log_lines import JsonLines


def written(say: str) -> dict[str, str]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.Logger("service")
    logger.addHandler(handler)
    try:
        raise ValueError("of\ntwo lines")
    except ValueError:
        getattr(logger, say)("no prediction: %s", "why\nnot", extra={"request": "r1", "run": ""})
    (line,) = stream.getvalue().splitlines()
    return json.loads(line)


def test_a_line_says_when_who_what_and_about_which_request() -> None:
    line = written("warning")
    assert line.pop("at").endswith("+00:00")
    assert line == {"level": "warning", "logger": "service", "message": "no prediction: why\nnot", "request_id": "r1"}


def test_a_traceback_is_part_of_its_line() -> None:
    line = written("exception")
    assert line["level"] == "error"
    assert line["exception"].endswith("ValueError: of\ntwo lines")
