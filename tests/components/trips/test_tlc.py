"""Monthly files come over real HTTP, from a server that breaks, lies or changes its mind."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.trips import tlc
from components.trips.source_error import SourceError

MONTH = "2026-01"
NAME = f"yellow_tripdata_{MONTH}.parquet"


def a_parquet_file(rows: int = 20_000) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"number": range(rows)}), sink)
    return sink.getvalue().to_pybytes()


@dataclass
class Server:
    """What the server gives, and what it was asked.

    Attributes:
        content: The file.
        etag: Its tag.
        breaks: Bytes after which each of the next transfers breaks off; later ones run to their end.
        announces: Whether answers tell their length.
        status: Answers every request with this status when set.
        asked: The Range header of each request.
    """

    url: str = ""
    content: bytes = field(default_factory=a_parquet_file)
    etag: str | None = '"first"'
    breaks: list[int] = field(default_factory=list)
    announces: bool = True
    status: int | None = None
    asked: list[str | None] = field(default_factory=list)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers["Range"]
        self.asked.append(wanted)
        if self.status or request.path != f"/{NAME}":
            request.send_error(self.status or 404)
            return
        first = 0
        if wanted and self.etag and request.headers["If-Range"] == self.etag:
            first = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if first >= len(self.content):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(self.content)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        request.send_response(206 if first else 200)
        if first:
            request.send_header("Content-Range", f"bytes {first}-{len(self.content) - 1}/{len(self.content)}")
        if self.announces:
            request.send_header("Content-Length", str(len(self.content) - first))
        if self.etag:
            request.send_header("ETag", self.etag)
        request.end_headers()
        last = first + self.breaks.pop(0) if self.breaks else None
        request.wfile.write(self.content[first:last])


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield state
        http.shutdown()
        thread.join()


def left_in(cache: Path) -> set[str]:
    return {file.name for file in cache.iterdir()} - {f"{NAME}.lock"}


def test_a_month_is_downloaded_once(server: Server, tmp_path: Path):
    file = tlc.download(MONTH, tmp_path / "cache", server.url)
    assert file.read_bytes() == server.content
    assert tlc.download(MONTH, tmp_path / "cache", server.url) == file
    assert server.asked == [None]
    assert left_in(tmp_path / "cache") == {NAME}


def test_progress_goes_to_standard_error(server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    tlc.download(MONTH, tmp_path, server.url)
    out, err = capfd.readouterr()
    assert out == ""
    assert "yellow_tripdata_2026-01" in err


def test_a_transfer_that_breaks_is_taken_up_where_it_broke(server: Server, tmp_path: Path):
    server.breaks = [1000, 500]
    assert tlc.download(MONTH, tmp_path, server.url).read_bytes() == server.content
    assert server.asked == [None, "bytes=1000-", "bytes=1500-"]


def test_a_later_call_goes_on_from_what_an_earlier_one_left(server: Server, tmp_path: Path):
    server.breaks = [100] * 5
    with pytest.raises(SourceError, match="try again to go on from there"):
        tlc.download(MONTH, tmp_path, server.url)
    assert NAME not in left_in(tmp_path)
    assert tlc.download(MONTH, tmp_path, server.url).read_bytes() == server.content
    assert server.asked[-1] == "bytes=500-"


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: Server, tmp_path: Path):
    server.breaks = [100] * 5
    with pytest.raises(SourceError):
        tlc.download(MONTH, tmp_path, server.url)
    server.content, server.etag = a_parquet_file(3), '"second"'
    assert tlc.download(MONTH, tmp_path, server.url).read_bytes() == server.content


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_tag_nothing_is_joined(server: Server, tmp_path: Path, etag: str | None):
    server.etag, server.breaks = etag, [1000]
    assert tlc.download(MONTH, tmp_path, server.url).read_bytes() == server.content
    assert server.asked == [None, None]


def test_a_complete_part_is_published_without_another_transfer(server: Server, tmp_path: Path):
    (tmp_path / f"{NAME}.part").write_bytes(server.content)
    (tmp_path / f"{NAME}.etag").write_text('"first"')
    assert tlc.download(MONTH, tmp_path, server.url).read_bytes() == server.content
    assert server.asked == [f"bytes={len(server.content)}-"]


def test_what_is_no_parquet_file_gets_no_name_and_is_not_kept(server: Server, tmp_path: Path):
    server.content = b"<html>sign in</html>"
    with pytest.raises(SourceError, match=f"{NAME} gave no readable Parquet file"):
        tlc.download(MONTH, tmp_path, server.url)
    assert left_in(tmp_path) == set()


def test_a_file_of_unannounced_length_is_taken_when_it_is_whole_and_refused_when_it_is_not(
    server: Server, tmp_path: Path
):
    server.announces, server.breaks = False, [1000]
    with pytest.raises(SourceError, match="gave no readable Parquet file"):
        tlc.download(MONTH, tmp_path, server.url)
    assert left_in(tmp_path) == set()
    assert tlc.download(MONTH, tmp_path, server.url).read_bytes() == server.content


@pytest.mark.parametrize("status", [403, 404])
def test_a_month_that_is_not_published_is_told_at_once(server: Server, tmp_path: Path, status: int):
    server.status = status
    with pytest.raises(SourceError, match=f"{NAME} is not published .*give an earlier month"):
        tlc.download(MONTH, tmp_path, server.url)
    assert len(server.asked) == 1


def test_a_failing_server_is_asked_a_few_times_only(server: Server, tmp_path: Path):
    server.status = 503
    with pytest.raises(SourceError, match=r"cannot be downloaded \(status 503\)"):
        tlc.download(MONTH, tmp_path, server.url)
    assert len(server.asked) == 5


def test_without_a_network_the_error_names_what_works_without_one(tmp_path: Path):
    with pytest.raises(SourceError, match=r"cannot be downloaded .*DATA=synthetic, or DATA=path"):
        tlc.download(MONTH, tmp_path, "http://127.0.0.1:1")


@pytest.mark.parametrize("month", ["", "2026", "2026-13", "2026-1", "../2026-01"])
def test_what_is_no_month_is_refused_with_an_example(month: str, tmp_path: Path):
    with pytest.raises(SourceError, match=r"names no month: give one as tlc:2026-01"):
        tlc.download(month, tmp_path)


def test_two_that_want_the_same_month_fetch_it_once(server: Server, tmp_path: Path):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: tlc.download(MONTH, tmp_path, server.url), range(4)))
    assert {file.read_bytes() for file in found} == {server.content}
    assert server.asked == [None]
