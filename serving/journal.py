"""Lines of JSON, appended to files of one's own in a shared folder.

A line is handed to the operating system by one ``write``: a process that is killed right after has lost none, and only
the last line of a file that is being written can be seen by half. Readers leave that out (``read_lines``).
"""

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

# A file that has grown to this is followed by another, so that a reader can be done with it.
SEGMENT_BYTES = 64 * 2**20
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
        self._descriptor, self._written = -1, 0

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
        if self._descriptor < 0 or self._written >= SEGMENT_BYTES:
            self.__exit__()
            name = f"{self._kind}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex}{_SUFFIX}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            self._descriptor, self._written = os.open(self._folder / name, flags, 0o600), 0
        left = memoryview(lines)
        while left:
            left = left[os.write(self._descriptor, left) :]
        self._written += len(lines)


def read_lines(folder: Path, kind: str, since: float = 0.0) -> Iterator[bytes]:
    """The whole lines of every file of a kind.

    Args:
        folder: Of the journals; one that is missing has no lines.
        kind: As for ``Journal``.
        since: Files that were last written before this time, seconds since the epoch, are left out.
    """
    for file in sorted(folder.glob(f"{kind}-*{_SUFFIX}")):
        if file.stat().st_mtime >= since:
            yield from file.read_bytes().split(b"\n")[:-1]
