"""Journals: lines of JSON, appended to files of one's own in a shared folder.

The service writes them and the monitor takes them into tables. This is what the two agree on:

* A file is ``<kind>-<UTC time>-<random>.jsonl``, readable by its owner only. One process writes it and holds an
  exclusive ``flock`` on it from before it has its name until it writes no more, however it ends.
* A line is handed to the operating system by one ``write``: a process that is killed right after has lost none, and
  only the last line of a file can be there by half. After a failed write a file is not written to again.
* Written bytes are never moved. A line that is to be forgotten is overwritten by blanks (``blank``), so what stands at
  an offset is a line, or its blanks.
"""

import fcntl
import os
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

PREDICTIONS, OUTCOMES = "predictions", "outcomes"

# A file that has grown to this, or is this old, is followed by another, so that readers can be done with it.
SEGMENT_BYTES = 64 * 2**20
SEGMENT_SECONDS = 24 * 3600.0
_SUFFIX = ".jsonl"


class Journal:
    """Appends lines; use as a context manager.

    Args:
        folder: Made if missing, for its owner alone.
        kind: What the lines are about; the files' names begin with it.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._kind = folder, kind
        self._descriptor, self._written, self._full_at = -1, 0, 0.0

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def append(self, lines: bytes | bytearray) -> None:
        """Append lines, each with its line break.

        Raises:
            OSError: They could not be written.
        """
        if self._descriptor < 0 or self._written >= SEGMENT_BYTES or time.monotonic() >= self._full_at:
            self.__exit__()
            self._begin()
        left = memoryview(lines)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            # What follows half a line must not become a part of it.
            self.__exit__()
            raise
        self._written += len(lines)

    def _begin(self) -> None:
        name = f"{self._kind}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex}{_SUFFIX}"
        # Readers take a file that nobody locks for finished, so it has its name only once it is locked.
        unnamed = self._folder / f".{name}"
        self._descriptor = os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        unnamed.rename(self._folder / name)
        self._written, self._full_at = 0, time.monotonic() + SEGMENT_SECONDS


def segments(folder: Path, kind: str) -> list[Path]:
    """The files of a kind, in the order in which they were begun; a folder that is missing has none."""
    return sorted(folder.glob(f"{kind}-*{_SUFFIX}"))


def is_finished(segment: Path) -> bool:
    """Whether nobody will write to a file any more."""
    with segment.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def read_lines(folder: Path, kind: str, since: float = 0.0) -> Iterator[bytes]:
    """The whole lines of every file of a kind.

    Args:
        folder: Of the journals; one that is missing has no lines.
        kind: As for ``Journal``.
        since: Files that were last written before this time, seconds since the epoch, are left out.
    """
    for file in segments(folder, kind):
        try:
            if file.stat().st_mtime < since:
                continue
            content = file.read_bytes()
        except FileNotFoundError:
            # Its time was over.
            continue
        yield from (line for line in content.split(b"\n")[:-1] if line.strip())


def _whole_lines(segment: Path) -> Iterator[tuple[int, bytes]]:
    """Offset and content of each whole line of a file, without its line break."""
    start = 0
    with segment.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield start, line[:-1]
            start += len(line)


def blank(segment: Path, applies: Callable[[int, bytes], bool]) -> int:
    """Overwrite whole lines by blanks, durably; whoever appends meanwhile is not disturbed.

    Args:
        applies: Whether a line is meant, by its offset and its content without the line break.

    Returns:
        How many lines were overwritten.
    """
    found = [(start, len(line)) for start, line in _whole_lines(segment) if applies(start, line)]
    if found:
        with segment.open("r+b") as file:
            for offset, length in found:
                os.pwrite(file.fileno(), b" " * length, offset)
            os.fsync(file.fileno())
    return len(found)
