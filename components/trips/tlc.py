"""The public monthly files of the New York TLC, downloaded once."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from components.trips.source_error import SourceError

PUBLIC_FOLDER = "https://d37ci6vzurychx.cloudfront.net/trip-data"
_MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])")
_TIMEOUT_SECONDS = 30
_ALTERNATIVES = "use DATA=synthetic, or DATA=path with files that you already have"


class _Interrupted(Exception):
    """The transfer broke; what came so far is kept and the next attempt goes on from there."""


def download(month: str, cache: Path, folder: str = PUBLIC_FOLDER) -> Path:
    """The file of a month such as ``2026-01`` in the cache folder, downloaded if it is not there yet.

    A transfer that breaks is taken up where it broke, also by a later call, unless the file changed meanwhile. The
    file gets its name only when its length is right and its Parquet footer reads.

    Raises:
        SourceError: The month is malformed or not published, or its file cannot be had.
    """
    if not _MONTH.fullmatch(month):
        raise SourceError(f"DATA=tlc:{month} names no month: give one as tlc:2026-01, or {_ALTERNATIVES}")
    name = f"yellow_tripdata_{month}.parquet"
    file, part, url = cache / name, cache / f"{name}.part", f"{folder}/{name}"
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache / f"{name}.lock"):
        if file.exists():
            return file
        try:
            _fetch(url, part)
        except (_Interrupted, httpx.TransportError) as error:
            raise SourceError(
                f"{url} cannot be downloaded ({error}): try again to go on from there, or {_ALTERNATIVES}"
            ) from error
        _publish(url, part, file)
    return file


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one process at a time work on a file."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@retry(
    retry=retry_if_exception_type((_Interrupted, httpx.TransportError)),
    stop=stop_after_attempt(5),
    wait=wait_random_exponential(multiplier=0.2, max=5),
    reraise=True,
)
def _fetch(url: str, part: Path) -> None:
    """Bring ``part`` to full length; raises _Interrupted or httpx.TransportError where that may yet come."""
    tag = part.with_suffix(".etag")
    have = part.stat().st_size if part.exists() and tag.exists() else 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": tag.read_text()}
    with httpx.stream("GET", url, headers=headers, timeout=_TIMEOUT_SECONDS, follow_redirects=True) as answer:
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            total = int(answer.headers.get("Content-Range", "*/-1").rpartition("/")[2])
            if total == have:
                return
            tag.unlink()
            raise _Interrupted("the file changed")
        if answer.status_code in (403, 404):
            raise SourceError(
                f"{url} is not published (status {answer.status_code}): give an earlier month, or {_ALTERNATIVES}"
            )
        if answer.status_code not in (200, 206):
            raise _Interrupted(f"status {answer.status_code}")
        resumed = answer.status_code == httpx.codes.PARTIAL_CONTENT
        # Without a strong tag a later attempt could join two different files.
        etag = answer.headers.get("ETag", "")
        if not resumed and etag and not etag.startswith("W/"):
            tag.write_text(etag)
        elif not resumed:
            tag.unlink(missing_ok=True)
        first = have if resumed else 0
        coming = answer.headers.get("Content-Length")
        with part.open("ab" if resumed else "wb") as output, _progress() as progress:
            task = progress.add_task(part.stem, total=first + int(coming) if coming else None, completed=first)
            # Fewer bytes than the server announced are a TransportError.
            for chunk in answer.iter_raw():
                progress.advance(task, output.write(chunk))
            output.flush()
            os.fsync(output.fileno())


def _progress() -> Progress:
    """A bar on standard error; standard output belongs to results."""
    parts = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Progress(*parts, console=Console(stderr=True))


def _publish(url: str, part: Path, file: Path) -> None:
    """Give a complete file its name, if it is a Parquet file."""
    try:
        pq.read_metadata(part)
    except (pa.ArrowException, OSError) as error:
        part.unlink()
        raise SourceError(f"{url} gave no readable Parquet file ({error}): try again, or {_ALTERNATIVES}") from error
    finally:
        part.with_suffix(".etag").unlink(missing_ok=True)
    part.replace(file)
