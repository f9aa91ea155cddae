"""What is said while a pipeline runs, as lines of JSON that say in which run and in which step."""

import io
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

# kfp colours names, though nobody looks at a terminal.
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class RunLog(io.TextIOBase):
    """Takes text in place of stdout and appends a line of JSON for each of its lines, blank ones included.

    Attributes:
        step: The step that speaks; set by who starts it.
    """

    def __init__(self, path: Path, whose: Mapping[str, str]) -> None:
        self.step = ""
        self._path, self._whose, self._begun = path, whose, ""
        self._file = path.open("a", encoding="utf-8")

    def write(self, text: str) -> int:
        """Take in text; a line is written when its end comes, or by ``flush``."""
        *whole, self._begun = (self._begun + text).split("\n")
        for line in whole:
            self._append(line)
        return len(text)

    def flush(self) -> None:
        """Write everything that was taken in."""
        if self.closed:
            return
        if self._begun:
            self._append(self._begun)
            self._begun = ""
        self._file.flush()

    def close(self) -> None:
        """Write everything and let go of the file."""
        super().close()
        self._file.close()

    def end(self) -> int:
        """The log's length in bytes, with all that was said so far."""
        self.flush()
        return self._path.stat().st_size

    def text_from(self, offset: int) -> str:
        """What was said after an offset in bytes."""
        self.flush()
        with self._path.open("rb") as file:
            file.seek(offset)
            return "\n".join(json.loads(line)["message"] for line in file)

    def _append(self, line: str) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        said = {"at": at, **self._whose, "step": self.step, "message": _COLOUR.sub("", line)}
        self._file.write(json.dumps(said, ensure_ascii=False) + "\n")
